"""What is told about a mistake; that lines and files are right: test_files.py."""

import pytest
from pydantic import ValidationError

from reconciler.declarations.problems import Problem, dotted, mistakes
from reconciler.declarations.schema import ApplicationDocument

GOOD = {
    "apiVersion": "trueup.dev/v1alpha1",
    "kind": "Application",
    "metadata": {"name": "web"},
    "spec": {"sources": [{"git": {"repository": "shop"}}]},
}


def told(change: dict) -> list[str]:
    with pytest.raises(ValidationError) as caught:
        ApplicationDocument.model_validate({**GOOD, **change})
    return [f"{dotted(path)}: {message}" for path, message in mistakes(caught.value, ApplicationDocument)]


def spec(**fields) -> dict:
    return {"spec": {**GOOD["spec"], **fields}}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (spec(source=[]), "spec.source: is no field here; did you mean sources?"),
        (spec(zzz=1), "spec.zzz: is no field here; known are sources, render, destination, sync, dependsOn"),
        (spec(sources=[{"git": {"repo": "x", "repository": "x"}}]), "spec.sources[0].git.repo: is no field here; did you mean repository?"),
        (spec(sources=[{"git": {}}]), "spec.sources[0].git.repository: is missing"),
        (spec(sources=[]), "spec.sources: needs at least 1 entry"),
        (spec(sources={"git": 1}), "spec.sources: must be a list; begin each entry with `- `"),
        (spec(sources=[{"git": "x"}]), "spec.sources[0].git: must be a mapping; its fields are repository, namespace, revision, path"),
        (spec(sync={"mode": "manul"}), "spec.sync.mode: 'manul' is not possible; did you mean manual?"),
        (spec(sync={"drift": "x"}), "spec.sync.drift: 'x' is not possible; known are repair, report, ignore"),
        (spec(sync={"timeout": 60}), "spec.sync.timeout: must be a duration with its unit, such as 60s"),
        (spec(sync={"timeout": "1 day"}), "spec.sync.timeout: must be a duration such as 90s, 5m or 1h30m"),
        (spec(sync={"prune": "maybe"}), "spec.sync.prune: must be true or false"),
        (spec(sources=[{"git": {"repository": "shop", "revision": 1}}]), "spec.sources[0].git.revision: must be text; quote it"),
        (spec(destination={"namespace": "Web"}), "spec.destination.namespace: must be lower-case letters, digits, `-` and `.`"),
        ({"apiVersion": "trueup.dev/v1"}, "apiVersion: 'trueup.dev/v1' is not possible; did you mean trueup.dev/v1alpha1?"),
        ({"metadata": {"name": "web", "namspace": "x"}}, "metadata.namspace: is no field here; did you mean namespace?"),
        ({"metadata": []}, "metadata: must be a mapping"),
        ({"metadata": None}, "metadata: is missing"),
        (spec(sync={"prune": "true"}), "spec.sync.prune: must be true or false"),
    ],
)  # fmt: skip
def test_a_mistake_names_its_field_and_what_was_meant(change, message):
    assert [line for line in told(change) if line.startswith(message)] != [], told(change)


def test_all_mistakes_are_told_at_once():
    assert len(told(spec(sources=[], zzz=1, sync={"mode": "x", "prune": "maybe"}))) == 4


def test_a_problem_reads_as_editors_read_them():
    assert str(Problem("a.yaml", 3, "spec.url", "is missing")) == "a.yaml:3: spec.url: is missing"
    assert str(Problem("a.yaml", 1, "", "broken")) == "a.yaml:1: broken"
