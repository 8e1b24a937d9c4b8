"""Webhook secrets: the derivation against OpenSSL's, rotation, generations, and that none opens another's door.

The values were made by `openssl kdf -keylen 32 -kdfopt digest:SHA256 -kdfopt hexkey:<master> -kdfopt info:<info> HKDF`.
"""

import base64
import itertools

import pytest

from receiver.keys import KeyRing, Purpose, Secret, derive_secret, text_of

MASTER, OLDER = bytes(range(32)), bytes(range(32, 64))
SHOP, GROUP = "github.com/acme/shop", "gitlab.example:8443/acme/group"


@pytest.mark.parametrize(
    ("provider", "purpose", "scope", "generation", "known"),
    [
        ("github", Purpose.HMAC, SHOP, 0, "bf275233a78d0d2d23190ef26397035a118300c247c1edbdf712c593c061c319"),
        ("github", Purpose.HMAC, SHOP, 1, "8c9d9e680bd793877938bf541663b2e3fb0e678a429d21fd2e32eae710de6c95"),
        ("github", Purpose.HMAC, "github.com", 0, "9b6a8c7efbf671a595f4e4f03158d5ffffb5db1a55ae0f1e6b0826dc96248194"),
        ("gitlab", Purpose.TOKEN, GROUP, 0, "b6f47e797ec0b80019323fcb3b19f5343b974675ec555b458c16ed3b7199ebf3"),
        ("gitlab", Purpose.SIGNING, GROUP, 0, "b36f24fc531cfe58af78a8b8fcf9cf0bff7cb41f3f7eacfbeeee2bfa87227702"),
    ],
)
def test_the_derivation_is_openssls(provider, purpose, scope, generation, known):
    assert derive_secret(MASTER, provider, purpose, scope, generation).hex() == known


def test_no_two_secrets_are_one():
    every = itertools.product(
        (MASTER, OLDER), ("github", "gitlab"), Purpose, (SHOP, f"{SHOP}-evil", "github.com/acme", "github.com"), (0, 1, 11)
    )
    secrets = [derive_secret(*arguments) for arguments in every]
    assert len(set(secrets)) == len(secrets) == 2 * 2 * 3 * 4 * 3


@pytest.mark.parametrize(
    ("purpose", "text"),
    [
        pytest.param(Purpose.HMAC, MASTER.hex(), id="hmac in hex"),
        pytest.param(Purpose.TOKEN, MASTER.hex(), id="token in hex"),
        pytest.param(Purpose.SIGNING, f"whsec_{base64.b64encode(MASTER).decode()}", id="signing by the standard"),
    ],
)
def test_how_a_secret_is_entered_at_a_forge(purpose, text):
    assert text_of(MASTER, purpose) == text


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
