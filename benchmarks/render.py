"""4,000 plain objects of 1,000 applications, from a commit that is here to documents: rendered, and known from before.

The floor is the loader alone, on the same files in this process.
"""

import dataclasses
import gc
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from benchmarks.figure import Figure, p50
from jobs.worker import COLLECT_AFTER
from reconciler.git.mirror import Mirrors
from reconciler.model.declared import Application, Destination, GitSource, Name, Repository
from reconciler.model.outcome import Revision
from reconciler.render.renderer import Renderer
from reconciler.settings import ReconcilerSettings
from reconciler.sync.recall import Memory
from reconciler.sync.source import Source, Target, Workshop, load
from reconciler.yaml.documents import parse_documents
from tests.servers.git_http import GivenSecrets, repository_at
from trueup.sandbox.githttp import GitServer

APPLICATIONS, EACH, COUNT = 1000, 4, 5
OBJECT = """apiVersion: v1
kind: ConfigMap
metadata:
  name: settings-{number}
  labels: {{app.kubernetes.io/name: web, app.kubernetes.io/part-of: shop}}
data:
  LOG_LEVEL: info
  REPLICAS: "{number}"
"""


async def measure() -> list[Figure]:
    """The first time, and what a worker's start costs that finds everything known."""
    files = {f"apps/{n}/{m}.yaml": OBJECT.format(number=m) for n in range(APPLICATIONS) for m in range(EACH)}
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory)
        settings = ReconcilerSettings(state=path / "state", git_protocols=("http",))
        async with GitServer(path / "git") as git, Renderer(settings) as renderer:
            commit = await git.commit("acme/shop", files, message="all")
            repository = repository_at(git.url("acme/shop"))
            mirrors = Mirrors(settings, GivenSecrets())
            await mirrors.of(repository).ensure(commit)
            workshop = Workshop(mirrors, renderer, {repository.name: repository})
            targets = [_target(n, commit, repository) for n in range(APPLICATIONS)]
            return await _measure(targets, workshop, settings, files)


def _target(number: int, commit: str, repository: Repository) -> Target:
    source = GitSource(repository.name, "main", f"apps/{number}")
    return Target(Application(Name("trueup", f"app-{number}"), (source,), Destination("c", "n")), (Revision("", commit),))


async def _measure(
    targets: list[Target], workshop: Workshop, settings: ReconcilerSettings, files: Mapping[str, str]
) -> list[Figure]:
    gc.set_threshold(*COLLECT_AFTER)
    cold, warm = [], []
    for number in range(COUNT):
        place = settings.model_copy(update={"state": settings.state / str(number)})
        for times in (cold, warm):
            memory = Memory(place)
            began = time.perf_counter()
            found = await load(targets, dataclasses.replace(workshop, memory=memory))
            times.append(time.perf_counter() - began)
            memory.close()
            documents = sum(len(source.documents) for source in found.values() if isinstance(source, Source))
            assert documents == APPLICATIONS * EACH, documents
    began = time.perf_counter()
    for name, text in files.items():
        list(parse_documents(text.encode(), name=name))
    floor = time.perf_counter() - began
    note = "floor: parsing the same files"
    return [
        Figure("4,000 plain objects rendered, p50", p50(cold) * 1000, "ms", floor * 1000, n=COUNT, note=note),
        Figure("4,000 plain objects known from before, p50", p50(warm) * 1000, "ms", floor * 1000, n=COUNT, note=note),
    ]
