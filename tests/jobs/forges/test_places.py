"""Whose webhook a Repository's is, and which of those that share one look at it."""

from dataclasses import replace

import pytest

from jobs.forges.hooks import Place
from jobs.forges.places import holder_of, place_of, registered
from reconciler.model.declared import Forge, Name, SecretRef
from tests.servers.forges import on_forge

ACME, OTHER = "git.example/acme", SecretRef("team", "other")


def repository(name, *, scope=ACME, generation=0, **more):
    fields = {"webhook_register": True, "webhook_scope": scope, "webhook_generation": generation} | more
    return replace(on_forge("https://git.example/api", name=name), **fields)


OWN = repository("own", scope="")


@pytest.mark.parametrize(
    ("declared", "scope", "generation"),
    [
        pytest.param([], "git.example/acme/own", 5, id="its own"),
        pytest.param([repository("a", generation=2), repository("b", generation=4)], ACME, 2, id="the lowest of those within"),
        pytest.param([repository("a", generation=6), repository("b", scope="")], ACME, 0, id="also of one that has its own"),
        pytest.param([repository("a", generation=6), repository("b", forge=Forge.GITEA)], ACME, 6, id="not of another forge"),
        pytest.param(
            [repository("a", generation=6), replace(repository("b"), scope="git.example/acme-evil/b")], ACME, 6, id="not of a neighbour"
        ),
    ],
)  # fmt: skip
def test_whose_hook_it_is(declared, scope, generation):
    asked = declared[0] if declared else replace(OWN, webhook_generation=5)
    found = holder_of(asked, declared)
    assert (found.scope, found.webhook_generation, found.name) == (scope, generation, asked.name)
    assert place_of(found) is (Place.OWNER if declared else Place.REPOSITORY)


@pytest.mark.parametrize(
    ("declared", "names"),
    [
        pytest.param([OWN], ["own"], id="its own"),
        pytest.param([replace(OWN, webhook_register=False)], [], id="entered by hand"),
        pytest.param([repository("b"), repository("a"), OWN], ["a", "own"], id="of those that share one the first"),
        pytest.param([repository("a"), repository("b", webhook_secret=OTHER)], ["a", "b"], id="each token looks for itself"),
        pytest.param([repository("a"), repository("b", scope="git.example/acme/b-group")], ["a", "b"], id="two scopes"),
        pytest.param([repository("a"), replace(repository("b"), api="https://git.example/v2")], ["a", "b"], id="two APIs"),
    ],
)
def test_who_looks_at_a_hook(declared, names):
    assert sorted(registered(declared)) == [str(Name("trueup", name)) for name in names]


def test_what_many_share_is_looked_up_once():
    class Counted(list):
        times = 0

        def __iter__(self):
            self.times += 1
            return super().__iter__()

    declared = Counted(repository(f"r{number}") for number in range(50))
    assert list(registered(declared)) == ["trueup/r0"]
    assert declared.times == 2, "once to sort them, once for the lowest generation"
