"""What Chart.yaml and Chart.lock say of dependencies."""

import pytest

from reconciler.artifacts.requirements import Dependency, locked, missing
from reconciler.errors import InvalidManifest

STABLE = "https://charts.example/stable"


def chart(*dependencies):
    return {"name": "c", "dependencies": [dict(zip(("name", "version", "repository"), one, strict=True)) for one in dependencies]}


REDIS = ("redis", "^1", f"{STABLE}/")


@pytest.mark.parametrize(
    ("declared", "lock", "found"),
    [
        pytest.param(chart(REDIS), None, [Dependency("redis", "^1", STABLE)], id="without a lock"),
        pytest.param(chart(REDIS), chart(("redis", "1.4.0", STABLE)), [Dependency("redis", "1.4.0", STABLE, True)], id="locked"),
        pytest.param(
            chart(("web", "1.x", STABLE), ("web", "2.x", STABLE.replace("stable", "other"))),
            chart(("web", "1.1.0", STABLE), ("web", "2.2.0", STABLE.replace("stable", "other"))),
            [Dependency("web", "1.1.0", STABLE, True), Dependency("web", "2.2.0", "https://charts.example/other", True)],
            id="two of one name",
        ),
        pytest.param(
            chart(("web", "1.x", STABLE), ("web", "2.x", STABLE)),
            chart(("web", "1.1.0", STABLE), ("web", "2.2.0", STABLE)),
            [Dependency("web", "1.1.0", STABLE, True), Dependency("web", "2.2.0", STABLE, True)],
            id="two of one name and address",
        ),
        pytest.param(chart(("lib", "", "file://../lib")), None, [Dependency("lib", "*", "file://../lib")], id="beside"),
        pytest.param(chart(("lib", 1, "")), None, [Dependency("lib", "1", "")], id="a number"),
        pytest.param({"name": "c"}, None, [], id="none"),
        pytest.param(None, None, [], id="an empty file"),
        pytest.param({"name": "c"}, chart(REDIS), [], id="none, and a lock"),
    ],
)
def test_dependencies_are_those_that_are_locked(declared, lock, found):
    wanted = missing(declared, [], "apps/c")
    assert list(wanted if lock is None else locked(wanted, lock, "apps/c")) == found


@pytest.mark.parametrize(
    ("declared", "lock", "why"),
    [
        pytest.param(chart(REDIS), {}, "apps/c/Chart.lock: has no version of the dependency redis", id="not locked"),
        pytest.param(
            chart(REDIS), chart(("redis", "2.0.0", STABLE)), "has redis 2.0.0, and Chart.yaml wants '\\^1'", id="another lock"
        ),
        pytest.param(
            chart(("redis", "^^", STABLE)),
            chart(("redis", "2.0.0", STABLE)),
            "dependency redis: '\\^\\^' is no range",
            id="no range",
        ),
        pytest.param(chart(("../x", "1", STABLE)), None, "is no name of a chart", id="a path"),
        pytest.param(chart(("-x", "1", STABLE)), None, "is no name of a chart", id="an option"),
        pytest.param(chart((["a"], "1", STABLE)), None, "is no name of a chart", id="no text"),
        pytest.param(chart(("a", "1", ["x"])), None, "must be texts", id="no address"),
        pytest.param(chart(("a", "1" * 201, STABLE)), None, "must be texts", id="too long"),
        pytest.param({"dependencies": {}}, None, "must be a list", id="no list"),
        pytest.param(chart(*[(f"a{n}", "1", STABLE) for n in range(51)]), None, "more than 50 dependencies", id="too many"),
        pytest.param({"dependencies": ["a"]}, None, "is no name of a chart", id="no mapping"),
    ],
)
def test_what_is_no_dependency_is_said(declared, lock, why):
    with pytest.raises(InvalidManifest, match=why):
        locked(missing(declared, [], "apps/c"), lock or {}, "apps/c")


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (["redis-1.2.3.tgz"], True), (["redis"], True), (["redis-v1.0.0.tar.gz"], True), (["redis-cluster-1.2.3.tgz"], False),
        (["my-redis-1.2.3.tgz"], False), (["redis.tgz"], False), ([], False),
    ],
)  # fmt: skip
def test_what_is_there_already(names, found):
    assert (missing(chart(REDIS), names, "c") == []) is found


def test_about_what_is_there_nothing_is_said():
    odd = {"dependencies": [{"name": "../x", "version": ["1"]}, *({"name": f"a{n}"} for n in range(60))]}
    assert missing(odd, ["../x", *(f"a{n}" for n in range(60))], "c") == []
    lib = ("lib", "1", "file://../lib")
    assert [one.version for one in locked(missing(chart(REDIS, lib), [], "c"), chart(("redis", "1.4.0", STABLE)), "c")] == [
        "1.4.0",
        "1",
    ]
