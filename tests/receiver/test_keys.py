"""Which secrets may have signed a request: rotation, generations, secrets by hand, and that none opens another's door."""

import base64

import pytest

from jobs.derive import Purpose, derive_secret, text_of
from receiver.keys import KeyRing, Secret

MASTER, OLDER = bytes(range(32)), bytes(range(32, 64))
SHOP, GROUP = "github.com/acme/shop", "gitlab.example:8443/acme/group"


def candidates(ring, purpose=Purpose.HMAC, scope=SHOP, generations=(0,)):
    return list(ring.candidates("github", purpose, scope, generations))


def derived(master, purpose=Purpose.HMAC, scope=SHOP, generation=0):
    raw = derive_secret(master, "github", purpose, scope, generation)
    return raw if purpose is Purpose.SIGNING else raw.hex().encode()


def test_all_keys_verify_the_newest_first():
    ring = KeyRing([MASTER, OLDER], {})
    assert candidates(ring) == [Secret(derived(MASTER), 0, 0), Secret(derived(OLDER), 1, 0)]


def test_only_the_generations_that_are_declared_verify():
    found = candidates(KeyRing([MASTER], {}), generations=(2, 1))
    assert found == [Secret(derived(MASTER, generation=2), 0, 2), Secret(derived(MASTER, generation=1), 0, 1)]
    assert candidates(KeyRing([MASTER], {}), generations=()) == []


@pytest.mark.parametrize("purpose", Purpose)
def test_what_a_forge_sends_is_compared_as_it_was_given_it(purpose):
    (secret,) = candidates(KeyRing([MASTER], {}), purpose)
    given = text_of(derive_secret(MASTER, "github", purpose, SHOP, 0), purpose)
    used = base64.b64decode(given.removeprefix("whsec_")) if purpose is Purpose.SIGNING else given.encode()
    assert secret.value == used


@pytest.mark.parametrize(
    ("purpose", "chosen", "value"),
    [
        pytest.param(Purpose.HMAC, b"by hand", b"by hand", id="hmac"),
        pytest.param(Purpose.TOKEN, b"by hand", b"by hand", id="token"),
        pytest.param(Purpose.SIGNING, b"whsec_" + base64.b64encode(b"k" * 24), b"k" * 24, id="signing by the standard"),
        pytest.param(Purpose.SIGNING, b"by hand", b"by hand", id="signing with plain text"),
    ],
)
def test_a_secret_chosen_by_hand_comes_last_and_for_its_scope_only(purpose, chosen, value):
    ring = KeyRing([MASTER], {SHOP: chosen})
    assert candidates(ring, purpose) == [Secret(derived(MASTER, purpose), 0, 0), Secret(value, -1)]
    assert candidates(ring, purpose, "github.com/acme") == [Secret(derived(MASTER, purpose, "github.com/acme"), 0, 0)]


def test_a_secret_does_not_show_itself():
    assert MASTER.hex() not in repr(Secret(MASTER.hex().encode(), 0))
    assert "by hand" not in repr(candidates(KeyRing([], {SHOP: b"by hand"})))
