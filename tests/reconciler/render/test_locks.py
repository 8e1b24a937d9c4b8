"""What files are locked with, read out of their metadata, whatever stands there."""

import pytest

from reconciler.render.locks import described, groups_of, has_other_keys, kinds_of, lock_of

METADATA = {"pgp": [{"fp": "A", "enc": "x"}], "mac": "1", "lastmodified": "2", "age": None}


def test_locks_have_names_by_what_they_are_locked_with():
    lock = lock_of("a", METADATA)
    assert lock.name == lock_of("b", {**METADATA, "mac": "2"}).name
    assert lock.name != lock_of("a", {**METADATA, "pgp": []}).name


@pytest.mark.parametrize(
    ("metadata", "groups", "said"),
    [
        pytest.param(METADATA, [{"pgp": [{"fp": "A", "enc": "x"}]}], "OpenPGP A", id="one list"),
        pytest.param({"key_groups": [{"age": [{"recipient": "r"}]}, {"kms": [{"arn": "n"}]}]},
                     [{"age": [{"recipient": "r"}]}, {"kms": [{"arn": "n"}]}], "r, AWS KMS n", id="groups"),
        pytest.param({"pgp": "x", "age": [1]}, [{}], "no key", id="nonsense"),
        pytest.param({"key_groups": [1]}, [], "no key", id="groups that are none"),
        pytest.param({"hc_vault": [{}]}, [{"hc_vault": [{}]}], "Vault ?", id="without a name"),
    ],
)  # fmt: skip
def test_groups_of_keys(metadata, groups, said):
    assert groups_of(metadata) == groups
    assert described(metadata) == said


@pytest.mark.parametrize(
    ("entry", "kinds", "is_other"),
    [
        ("identity.agekey", {"age"}, False),
        ("key.asc", {"pgp"}, True),
        ("sops.vault-token", {"hc_vault"}, True),
        ("sops.vault-address", set(), False),
        ("anything", set(), False),
    ],
)
def test_what_entries_are_for(entry, kinds, is_other):
    assert kinds_of(entry) == kinds
    assert has_other_keys({entry: ""}) is is_other
