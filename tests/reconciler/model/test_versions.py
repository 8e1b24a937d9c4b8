"""Ranges of versions, as Masterminds/semver reads them for Helm, Flux and Argo CD; the rows are in the words of its README."""

import pytest

from reconciler.model.versions import check_range, newest, parse_range, parse_version

TAGS = ("0.2.3", "0.3.0", "1.0.0", "1.2.0", "1.2.3", "1.3.0", "1.4.0-rc.1", "2.0.0", "2.1.0", "3.0.0-beta")


@pytest.mark.parametrize(
    ("wanted", "within"),
    [
        ("*", "0.2.3 0.3.0 1.0.0 1.2.0 1.2.3 1.3.0 2.0.0 2.1.0"),
        (">=1.2 <2", "1.2.0 1.2.3 1.3.0"),
        (">= 1.2, < 2.0.0", "1.2.0 1.2.3 1.3.0"),
        (">1.2", "1.3.0 2.0.0 2.1.0"),
        (">1.2.0", "1.2.3 1.3.0 2.0.0 2.1.0"),
        ("<=1.2", "0.2.3 0.3.0 1.0.0 1.2.0 1.2.3"),
        ("<=1.2.0", "0.2.3 0.3.0 1.0.0 1.2.0"),
        ("<1.2", "0.2.3 0.3.0 1.0.0"),
        ("1.2", "1.2.0 1.2.3"),
        ("1.2.*", "1.2.0 1.2.3"),
        ("1.x", "1.0.0 1.2.0 1.2.3 1.3.0"),
        ("=v1.2.3", "1.2.3"),
        ("!=1.2 >=1 <2", "1.0.0 1.3.0"),
        ("~1.2.1", "1.2.3"),
        ("~> 1", "1.0.0 1.2.0 1.2.3 1.3.0"),
        ("^1.2.1", "1.2.3 1.3.0"),
        ("^0.2", "0.2.3"),
        ("^0", "0.2.3 0.3.0"),
        ("1.2 - 1.3", "1.2.0 1.2.3 1.3.0"),
        ("~1.2 || ^2.1", "1.2.0 1.2.3 2.1.0"),
        (">=1.4.0-0 <2", "1.4.0-rc.1"),
        (">=2.1 || >=3.0.0-0", "2.1.0 3.0.0-beta"),
        (">9", ""),
        (">*", ""),
    ],
)
def test_what_is_within_a_range(wanted, within):
    found = [tag for tag in TAGS if parse_range(wanted).includes(parse_version(tag))]
    assert " ".join(found) == within
    assert newest(wanted, reversed(TAGS)) == (found[-1] if found else None)


@pytest.mark.parametrize(
    "text", ["", " ", "||", "1 ||", "main", ">=", "1.2.3.4", "01.2", "1.2-rc", ">=1 ; rm", "1" * 300, "^^1", "1..2"]
)
def test_what_is_no_range_says_how_one_is_written(text):
    with pytest.raises(ValueError, match=r"write a range of versions such as `>=1.2 <2`"):
        check_range(text)


@pytest.mark.parametrize("text", ["v1", "1.2", "01.2.3", "release", "1.2.3-", "v1.2.3\n", "1.2.3 ", "9" * 300, "vv1.2.3", ""])
def test_what_is_no_whole_version_is_none(text):
    assert parse_version(text) is None
    assert newest("*", [text]) is None


def test_equal_versions_are_told_apart_by_their_letters():
    assert newest("*", ["1.2.3", "v1.2.3"]) == newest("*", ["v1.2.3", "1.2.3"]) == "v1.2.3"
    assert newest("*", ["1.2.3+b", "1.2.3+a"]) == "1.2.3+b"
