"""Webhook secrets: the derivation against OpenSSL's, and that no two are one.

The values were made by `openssl kdf -keylen 32 -kdfopt digest:SHA256 -kdfopt hexkey:<master> -kdfopt info:<info> HKDF`.
"""

import base64
import itertools

import pytest

from jobs.derive import Purpose, derive_secret, fingerprint, session_key, text_of, webhook_path

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


def test_a_fingerprint_tells_secrets_apart_and_is_no_part_of_any():
    every = list(itertools.product((MASTER, OLDER), ("github", "gitlab"), (SHOP, GROUP), (0, 1)))
    assert len({fingerprint(*which) for which in every}) == len(every)
    master, provider, scope, generation = every[0]
    secrets = [derive_secret(master, provider, purpose, scope, generation).hex() for purpose in Purpose]
    assert not any(fingerprint(*every[0]) in secret for secret in secrets)


def test_what_seals_sessions_is_openssls_and_each_instances_own():
    assert session_key(MASTER, "trueup").hex() == "e1a8931d0088e43a49ca2cf40d8ff7ca75b6d46736c4368f98712f8994af7f7c"
    assert len({session_key(master, instance) for master in (MASTER, OLDER) for instance in ("trueup", "prod")}) == 4


def test_the_address_that_forges_send_to():
    assert webhook_path("github", SHOP) == "/webhooks/github/github.com/acme/shop"
    assert webhook_path("azure", "dev.azure.com/a/b c/_git/d") == "/webhooks/azure/dev.azure.com/a/b%20c/_git/d"
    assert webhook_path("bitbucket-dc", "git.example:8443/scm/~ada/d") == "/webhooks/bitbucket-dc/git.example:8443/scm/~ada/d"
