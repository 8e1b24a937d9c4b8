from dataclasses import replace

import pytest

from reconciler.declarations.check import Written, cross_check
from reconciler.model.declared import EVERYTHING, Allowance, Application, Destination, Forge, GitSource, Name, Repository

TEXT = b"""kind: Application
metadata: {name: a}
spec:
  sources:
  - git: {repository: shop}
  - git:
      repository: other
  dependsOn:
  - name: b
  - name: c
"""


def repository(name: str, namespace: str = "t") -> Repository:
    return Repository(Name(namespace, name), "https://x/y", "x/y", Forge.GENERIC, "")


def application(name: str, *depends_on: str, repositories: tuple[str, ...] = ()) -> Application:
    sources = tuple(GitSource(Name("t", repository), "main", "") for repository in repositories)
    return Application(
        Name("t", name), sources, Destination("in-cluster", ""), depends_on=tuple(Name("t", d) for d in depends_on)
    )


BEYOND = Application(
    Name("t", "a"), (), Destination("in-cluster", ""), depends_on=(Name("u", "b"),), allowance=Allowance(namespaces=("t", "u-*"))
)
ALLOWED = replace(BEYOND, allowance=Allowance(namespaces=("t", "u*")))
OTHER = replace(application("b"), name=Name("u", "b"))
UNKNOWN = "spec.dependsOn[0].namespace: there is no Application u/b that t may wait for; TRUEUP_ALLOWANCES says which namespaces it may touch"


def problems(*values: Repository | Application) -> list[str]:
    return [str(problem) for problem in cross_check([Written(value, f"{value.name.name}.yaml", 1, TEXT) for value in values])]


@pytest.mark.parametrize(
    ("values", "found"),
    [
        pytest.param([], [], id="nothing"),
        pytest.param([repository("shop"), application("a", repositories=("shop",))], [], id="all is well"),
        pytest.param([repository("x"), repository("y")], [], id="the same address twice is fine"),
        pytest.param([repository("a"), application("a")], [], id="a Repository and an Application of one name"),
        pytest.param([repository("a"), repository("a", "u")], [], id="one name in two namespaces"),
        pytest.param([repository("a"), repository("a")], ["a.yaml:2: metadata.name: t/a stands in a.yaml:1 already"], id="twice"),
        pytest.param(
            [repository("shop"), application("a", repositories=("shop", "other"))],
            ["a.yaml:7: spec.sources[1].git.repository: there is no Repository t/other"],
            id="unknown repository",
        ),
        pytest.param(
            [repository("shop", "u"), application("a", repositories=("shop",))],
            ["a.yaml:5: spec.sources[0].git.repository: there is no Repository t/shop"],
            id="a repository of another namespace",
        ),
        pytest.param(
            [application("a", "b", "c"), application("b")],
            ["a.yaml:10: spec.dependsOn[1].name: there is no Application t/c"],
            id="unknown dependency",
        ),
        pytest.param([BEYOND, OTHER], [f"a.yaml:9: {UNKNOWN}"], id="one of a namespace that it may not touch"),
        pytest.param([BEYOND], [f"a.yaml:9: {UNKNOWN}"], id="and whether that is there is not told"),
        pytest.param([ALLOWED, OTHER], [], id="one of a namespace that it may touch"),
        pytest.param([ALLOWED], [f"a.yaml:9: {UNKNOWN}"], id="which is not there"),
        pytest.param([replace(BEYOND, allowance=EVERYTHING), OTHER], [], id="who may touch everything may wait for everybody"),
        pytest.param([application("a", "a")], ["a.yaml:8: spec.dependsOn: waits for itself: t/a -> t/a"], id="itself"),
        pytest.param(
            [application("a", "b"), application("b", "c"), application("c", "a"), application("d", "a")],
            [
                "a.yaml:8: spec.dependsOn: waits for itself: t/a -> t/b -> t/c -> t/a",
                "b.yaml:8: spec.dependsOn: waits for itself: t/b -> t/c -> t/a -> t/b",
                "c.yaml:8: spec.dependsOn: waits for itself: t/c -> t/a -> t/b -> t/c",
            ],
            id="a circle; who only waits for it is not in it",
        ),
        pytest.param([application("a", "b", "c"), application("b", "d"), application("c", "d"), application("d")], [], id="a diamond"),
    ],
)  # fmt: skip
def test_mistakes_between_declarations(values, found):
    assert problems(*values) == found


def test_many_dependencies_cost_little():
    chain = [application(f"a{n}", *(f"a{m}" for m in range(n + 1, min(n + 4, 400)))) for n in range(400)]
    assert problems(*chain) == []


@pytest.mark.parametrize(
    ("allowed", "is_good"),
    [(("t",), True), (("team", "t*"), True), (("*",), True), (("u",), False), ((), False)],
    ids=["by name", "by glob", "everybody", "another", "nobody"],
)
def test_a_repository_of_another_namespace_says_who_may_use_it(allowed, is_good):
    shared = replace(repository("shop", "shared"), allowed_namespaces=allowed)
    user = replace(application("a"), sources=(GitSource(Name("shared", "shop"), "main", ""),))
    told = "there is no Repository shared/shop that allows t; its spec.allowedNamespaces says who may use it"
    assert problems(shared, user) == ([] if is_good else [f"a.yaml:5: spec.sources[0].git.repository: {told}"])
    assert problems(user) == [f"a.yaml:5: spec.sources[0].git.repository: {told}"], "the same where there is none"
