"""What a server makes of the samples in tests/fixtures/kinds: fields it fills in, respells or drops. `filled.yaml` is the real one's.

A new version of Kubernetes, or new samples: `python -m tests.contract.filled URL TOKEN`, and read the difference.
"""

import asyncio
import re
import ssl
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import yaml

from reconciler.model.objects import FieldPath, format_path
from tests.contract.api import APPLY, Api, Document
from tests.contract.objects import unique

KINDS = Path(__file__).parents[1] / "fixtures" / "kinds"
TABLE = Path(__file__).with_name("filled.yaml")
NAMED = {"APIService", "CSINode", "CustomResourceDefinition", "IPAddress", "PriorityClass", "ServiceCIDR", "VolumeAttachment"}
"""Kinds of the cluster whose names mean something, or stand in the table."""
IDENTITY = ("creationTimestamp", "managedFields", "name", "namespace", "resourceVersion", "uid")
EACH_TIME_ANOTHER = {
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}": "<uid>",
    r"10(\.\d+){3}": "<address>",
    r"sample-[0-9a-f]{8}": "<name>",
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ": "<time>",
}
ABSENT = "<dropped>"


def samples() -> Iterator[Document]:
    """Every sample of a built-in kind."""
    for file in sorted(KINDS.glob("*.yaml")):
        for document in yaml.safe_load_all(file.read_text()):
            if document and ".example.com/" not in document["apiVersion"]:
                yield document


def name_of(sample: Document) -> str:
    """What a sample is called in the table."""
    return f"{sample['apiVersion']} {sample['kind']} {sample['metadata']['name']}"


async def made_of(api: Api, sample: Document) -> Document:
    """What the server would make of a sample: a dry run, so that nothing is left behind for other tests."""
    kind = api.kind(sample)
    document = sample | {"metadata": {**sample["metadata"]}}
    if not kind.namespaced and sample["kind"] not in NAMED:
        document["metadata"]["name"] = unique("sample")
    path = kind.path(document["metadata"].get("namespace", api.namespace), document["metadata"]["name"])
    return (await api.send("PATCH", path, document, content=APPLY, fieldManager="trueup", force="true", dryRun="All")).object


def filled(sample: Document, made: Document) -> dict[str, Any]:
    """Every field that differs, by its path; the status is the controllers'."""
    found = {}
    for path, value in _differing(sample, made, ()):
        if path[0] != "status" and path[:2] not in {("metadata", name) for name in IDENTITY}:
            found[format_path(path)] = "<port>" if path[-1] == "nodePort" else _lasting(value)
    return found


def _differing(wanted: Any, made: Any, path: FieldPath) -> Iterator[tuple[FieldPath, Any]]:
    if wanted == made:
        return
    if isinstance(made, dict) and isinstance(wanted, dict) and wanted:
        for name in [*made, *(wanted.keys() - made.keys())]:
            yield from _differing(wanted.get(name, ...), made.get(name, ABSENT), (*path, name))
    elif isinstance(made, list) and isinstance(wanted, list) and len(made) >= len(wanted) > 0:
        for index, item in enumerate(made):
            yield from _differing(wanted[index] if index < len(wanted) else ..., item, (*path, index))
    else:
        yield path, made


def _lasting(value: Any) -> Any:
    match value:
        case str():
            return next((word for pattern, word in EACH_TIME_ANOTHER.items() if re.fullmatch(pattern, value)), value)
        case dict():
            return {name: _lasting(item) for name, item in value.items()}
        case list():
            return [_lasting(item) for item in value]
        case _:
            return value


async def _record(url: str, token: str) -> None:
    connector = aiohttp.TCPConnector(ssl=ssl._create_unverified_context())
    async with aiohttp.ClientSession(connector=connector, headers={"Authorization": f"Bearer {token}"}) as session:
        api = Api(session, url, patience=20)
        await api.learn()
        api.namespace = "default"
        table = {name_of(sample): filled(sample, await made_of(api, sample)) for sample in samples()}
    TABLE.write_text(
        "# Written by tests/contract/filled.py; the words of a real API server.\n" + yaml.safe_dump(table, width=160)
    )


if __name__ == "__main__":
    asyncio.run(_record(*sys.argv[1:3]))
