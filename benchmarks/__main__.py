"""`python -m benchmarks [FIGURE …]`: measures, prints a table, writes results/latest.json."""

import asyncio
import importlib
import json
import sys
from pathlib import Path

from reconciler.logs import configure

FIGURES = ("intake", "start", "push", "install", "unhealthy", "requests", "drift", "rest", "ssh", "refs", "render", "plan")


def main() -> None:
    """Measure what was asked for, or everything."""
    wanted = sys.argv[1:] or FIGURES
    unknown = [name for name in wanted if name not in FIGURES]
    if unknown:
        sys.exit(f"no figure {', '.join(unknown)}; there are: {', '.join(FIGURES)}")
    configure(level="error")
    rows = []
    print(f"{'figure':52} {'value':>10} {'unit':8} {'floor':>10} {'ratio':>7}  cluster")
    for name in wanted:
        for figure in asyncio.run(importlib.import_module(f"benchmarks.{name}").measure()):
            rows.append(figure.row())
            floor = f"{figure.floor:10.2f}" if figure.floor is not None else " " * 10
            ratio = f"{figure.ratio:7.2f}" if figure.ratio else " " * 7
            line = f"{figure.name:52} {figure.value:10.2f} {figure.unit:8} {floor} {ratio}  {figure.cluster:8} {figure.note}"
            print(line.rstrip(), flush=True)
    results = Path(__file__).parent / "results"
    results.mkdir(exist_ok=True)
    (results / "latest.json").write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
