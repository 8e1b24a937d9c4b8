"""Policies as they are written: every mistake has its file, line and field; what counts for an application."""

import asyncio
from contextlib import aclosing
from pathlib import Path

import pytest

from reconciler.declarations.policies import MOST, follow, load, ruled
from reconciler.model.declared import Application, Destination, Name
from reconciler.model.gates import PolicyAction, PolicyRule
from reconciler.plan.policy import judge
from tests.reconciler.plan.made import document, manifest

GOOD = """policies:
- name: pinned
  rule: object.spec.template.spec.containers.all(c, c.image.contains('@sha256:'))
  message: images name a digest
  match: {kinds: [Deployment, '*.batch'], namespaces: [shop]}
- name: nothing-on-the-host
  rule: "!has(object.spec.hostNetwork)"
  action: warn
"""


MANY = "policies:\n" + "".join(f"- {{name: p{n}, rule: 'true'}}\n" for n in range(MOST + 1))


@pytest.fixture
def write(tmp_path):
    def write(text):
        file = tmp_path / "policies.yaml"
        file.write_text(text)
        return file

    return write


def test_a_file_is_read(write):
    loaded = load(write(GOOD))
    assert loaded.problems == ()
    assert loaded.rules == (
        PolicyRule(
            "pinned", "object.spec.template.spec.containers.all(c, c.image.contains('@sha256:'))", PolicyAction.DENY,
            "images name a digest", ("Deployment", "*.batch"), ("shop",),
        ),
        PolicyRule("nothing-on-the-host", "!has(object.spec.hostNetwork)", PolicyAction.WARN),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "where", "told"),
    [
        pytest.param("contains('@sha256:'))", "contains('@sha256:')", (3, "policies[0].rule"), "column", id="a rule that does not compile"),
        pytest.param("has(object.spec", "has(self.spec", (7, "policies[1].rule"), "self is not known; an expression speaks of application, "
                     "object", id="a name"),
        pytest.param('"!has(object.spec.hostNetwork)"', "'1 + 1'", (7, "policies[1].rule"), "is int, and must be true or false", id="a number"),
        pytest.param("action: warn", "action: warm", (8, "policies[1].action"), "did you mean warn?", id="an action"),
        pytest.param("match: {kinds", "match: {kind", (5, "policies[0].match.kind"), "did you mean kinds?", id="a field"),
        pytest.param("name: nothing-on-the-host", "name: pinned", (1, "policies"), "two policies are called pinned", id="a name twice"),
        pytest.param("name: pinned", "name: 'Not Pinned'", (2, "policies[0].name"), "must be lower-case letters", id="no name"),
        pytest.param("policies:", "policy:", (1, "policies"), "is missing", id="no policies"),
        pytest.param("  action: warn", "  action: [", (9, ""), "", id="no YAML"),
        pytest.param(GOOD, "", (1, ""), "must be a mapping", id="an empty file"),
        pytest.param(GOOD, MANY, (1, "policies"), f"is longer than {MOST}", id="many"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_file_line_and_field(write, old, new, where, told):
    assert old in GOOD
    file = write(GOOD.replace(old, new))
    loaded = load(file)
    assert loaded.rules == ()
    assert any(
        (problem.file, problem.line, problem.field) == (str(file), *where) and told in problem.message
        for problem in loaded.problems
    ), [str(problem) for problem in loaded.problems]


def test_a_file_that_is_not_there_is_named_with_its_setting():
    loaded = load(Path("/nowhere/policies.yaml"))
    assert (loaded.rules, loaded.digest) == ((), "")
    assert "/nowhere/policies.yaml" in str(loaded.problems[0])
    assert "TRUEUP_POLICIES" in str(loaded.problems[0])


async def test_a_change_of_the_file_is_told(write):
    file = write(GOOD)
    async with aclosing(follow(file)) as told, asyncio.timeout(10):
        assert len((await anext(told)).rules) == 2
        file.write_text("policies: [")
        assert (await anext(told)).problems
        file.write_text("policies: []")
        assert await anext(told) == load(file)


POD = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "web", "image": "web@sha256:ab"}]}}


@pytest.mark.parametrize(
    ("change", "found"),
    [
        pytest.param({}, ["memory-is-limited"], id="as it is"),
        pytest.param(
            {"containers": [{"name": "web", "image": "web:1", "resources": {"limits": {"memory": "1Gi"}}}]},
            ["images-pin-a-digest"],
            id="a tag",
        ),
        pytest.param({"hostNetwork": True}, ["not-on-the-host-network", "memory-is-limited"], id="the host's network"),
    ],
)
def test_the_example_of_the_documents_works(write, change, found):
    page = (Path(__file__).parents[3] / "docs" / "policies.md").read_text()
    loaded = load(write(page.partition("```yaml\n")[2].partition("```")[0]))
    assert loaded.problems == ()
    template = {**POD, "spec": {**POD["spec"], **change}}
    made = manifest(document("apps/v1", "Deployment", spec={"selector": {}, "template": template}), namespace="shop-1")
    assert [finding.rule for finding in judge(loaded.rules, WEB, [made])] == found


WEB = Application(Name("trueup", "web"), (), Destination("in-cluster", "web"), policies=(PolicyRule("own", "true"),), digest="d")
COMMON = (PolicyRule("a", "true"), PolicyRule("b", "true"))


def test_the_policies_of_the_instance_come_first_and_make_an_application_another_one():
    found = ruled({WEB.name: WEB}, COMMON)[WEB.name]
    assert [policy.name for policy in found.policies] == ["a", "b", "own"]
    others = [ruled({WEB.name: WEB}, rules)[WEB.name].digest for rules in (COMMON[:1], COMMON[::-1], (PolicyRule("a", "false"),))]
    assert len({WEB.digest, found.digest, *others}) == 5


def test_without_any_nothing_is_otherwise():
    assert ruled({WEB.name: WEB}, ()) == {WEB.name: WEB}
