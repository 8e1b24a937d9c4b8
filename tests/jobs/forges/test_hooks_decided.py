"""What is decided about hooks without asking a forge: which is ours, what is asked for again, who may be told a secret."""

import dataclasses

import pytest

from jobs.forges.hooks import Attempt, Hook, choose, lost, mend_of, wish_of
from reconciler.errors import Stalled
from reconciler.model.declared import Forge
from tests.servers.forges import on_forge

HERE, THERE = "https://here/webhooks/x", "https://there/webhooks/x"


@pytest.mark.parametrize(
    ("found", "known", "ours", "doubles"),
    [
        pytest.param([], "", None, [], id="none"),
        pytest.param([("1", THERE)], "", None, [], id="another's"),
        pytest.param([("1", THERE)], "1", "1", [], id="ours, pointing elsewhere"),
        pytest.param([("1", THERE), ("2", HERE)], "1", "2", [], id="ours by address before ours by number"),
        pytest.param([("1", HERE), ("2", HERE)], "2", "2", ["1"], id="doubles"),
        pytest.param([("1", HERE), ("2", HERE)], "", "1", ["2"], id="doubles, none known"),
    ],
)
def test_which_hook_is_ours(found, known, ours, doubles):
    hook, extra = choose([Hook(number, address, ()) for number, address in found], HERE, known)
    assert (hook and hook.id, [other.id for other in extra]) == (ours, doubles)


@pytest.mark.parametrize(
    ("trouble", "mend"),
    [
        ("answered 401", "TRUEUP_WEBHOOK_KEYS"),
        ("answered 503", "is a worker running?"),
        ("answered 404", "something other than Trueup"),
        ("failed to connect to host", "is Trueup running"),
    ],
)
def test_what_a_person_looks_at_when_deliveries_do_not_arrive(trouble, mend):
    assert mend in mend_of(trouble)


def attempts(*lines):
    """Newest first: `a!` failed, `a` was taken, `a?` is too old."""
    return [
        Attempt(
            id=str(100 - number),
            delivery=line.rstrip("!?p"),
            event="ping" if "p" in line else "push",
            code=0 if "!" in line else 202,
            said="",
            at=-9e9 if "?" in line else 0.0,
        )
        for number, line in enumerate(lines)
    ]


@pytest.mark.parametrize(
    ("lines", "again"),
    [
        pytest.param([], "", id="nothing"),
        pytest.param(["a", "b"], "", id="all taken"),
        pytest.param(["b!", "a!"], "ab", id="oldest first"),
        pytest.param(["a", "a!"], "", id="taken by now"),
        pytest.param(["a!", "a"], "", id="taken, and sent again"),
        pytest.param(["a!", "a!"], "a", id="twice in vain"),
        pytest.param(["a!", "a!", "a!"], "", id="three times in vain"),
        pytest.param(["a!p"], "", id="a ping"),
        pytest.param(["a!?"], "", id="too old"),
        pytest.param([f"{letter}!" for letter in "hgfedcba"], "abcde", id="some at once"),
    ],
)
def test_what_is_asked_for_again(lines, again):
    assert "".join(attempt.delivery for attempt in lost(attempts(*lines), now=0.0)) == again


@pytest.mark.parametrize(
    ("url", "forge", "api", "refused"),
    [
        ("https://github.com/acme/shop", Forge.GITHUB, "https://api.github.com", ""),
        ("git@github.com:acme/shop", Forge.GITHUB, "https://api.github.com", ""),
        ("https://git.example/acme/shop", Forge.GITHUB, "https://git.example/api/v3", ""),
        ("https://git.example:8443/acme/shop", Forge.GITLAB, "https://git.example:9443/api/v4", ""),
        ("https://git.example/acme/shop", Forge.GITHUB, "https://api.git.example", ""),
        ("http://git.example/acme/shop", Forge.GITHUB, "http://git.example", ""),
        ("https://github.com/acme/shop", Forge.GITHUB, "https://evil.example", "is not given away"),
        ("https://github.com/acme/shop", Forge.GITHUB, "https://api.github.com.evil.example", "is not given away"),
        ("https://github.com/acme/shop", Forge.GITHUB, "https://api.github.com@evil.example", "is not given away"),
        ("https://github.com/acme/shop", Forge.GITHUB, "api.github.com", "is not given away"),
        ("https://github.com/acme/shop", Forge.GITHUB, "", "is not given away"),
        ("https://github.com/acme/shop", Forge.GITHUB, "http://api.github.com", "must begin with https://"),
        ("git@github.com:acme/shop", Forge.GITHUB, "http://api.github.com", "must begin with https://"),
    ],
)
def test_a_secret_is_given_to_the_repositorys_own_host_alone(url, forge, api, refused):
    repository = dataclasses.replace(on_forge(api, forge), url=url)
    if not refused:
        assert wish_of(repository, "https://trueup.example/", b"k" * 32).address.startswith("https://trueup.example/webhooks/git")
        return
    with pytest.raises(Stalled, match=refused):
        wish_of(repository, "https://trueup.example/", b"k" * 32)
