"""What `.gitmodules` may say: where submodules are read from, and what is refused in words."""

import pytest

from reconciler.git.submodules import Submodule, address, gap_of, parse_submodules


def listed(**fields):
    """As git lists one submodule `lib`."""
    return "".join(f"submodule.lib.{key}\n{value}\0" for key, value in fields.items()).encode()


HTTPS, SCP, SSH = "https://git.example/acme/shop.git", "git@git.example:acme/shop.git", "ssh://git@git.example:2222/acme/shop.git"


@pytest.mark.parametrize(
    ("parent", "url", "found"),
    [
        pytest.param(HTTPS, "../lib.git", "https://git.example/acme/lib.git", id="beside"),
        pytest.param(HTTPS, "../../other/lib", "https://git.example/other/lib", id="of another owner"),
        pytest.param(HTTPS, "./lib", "https://git.example/acme/shop.git/lib", id="beneath"),
        pytest.param(f"{HTTPS}/", "../lib.git", "https://git.example/acme/lib.git", id="behind a slash"),
        pytest.param(HTTPS, "https://git.example/x/lib.git", "https://git.example/x/lib.git", id="absolute"),
        pytest.param(HTTPS, "https://GIT.example:443/x/lib.git", "https://GIT.example:443/x/lib.git", id="the usual port"),
        pytest.param("http://127.0.0.1:8080/a/b.git", "../c.git", "http://127.0.0.1:8080/a/c.git", id="with a port"),
        pytest.param(SCP, "../lib.git", "git@git.example:acme/lib.git", id="scp form"),
        pytest.param(SCP, "git@git.example:x/lib.git", "git@git.example:x/lib.git", id="scp form, absolute"),
        pytest.param(SCP, "ssh://git@git.example/x/lib.git", "ssh://git@git.example/x/lib.git", id="scp form and ssh"),
        pytest.param(SSH, "../lib.git", "ssh://git@git.example:2222/acme/lib.git", id="ssh"),
    ],
)
def test_where_a_submodule_is_read_from(parent, url, found):
    assert address(Submodule("lib", "vendor/lib", url), parent) == found


@pytest.mark.parametrize(
    ("parent", "url", "why"),
    [
        pytest.param(HTTPS, "https://evil.example/acme/lib.git", "is elsewhere than", id="another host"),
        pytest.param(HTTPS, "https://git.example.evil/acme/lib.git", "is elsewhere than", id="a host that begins alike"),
        pytest.param(HTTPS, "https://git.example:8443/acme/lib.git", "is elsewhere than", id="another port"),
        pytest.param(HTTPS, "http://git.example/acme/lib.git", "is elsewhere than", id="in clear"),
        pytest.param(HTTPS, "git@git.example:acme/lib.git", "write url = ../lib.git", id="another protocol"),
        pytest.param(HTTPS, "https://eve@git.example/acme/lib.git", "is elsewhere than", id="another user"),
        pytest.param(SCP, "eve@git.example:acme/lib.git", "is elsewhere than", id="another user of ssh"),
        pytest.param(HTTPS, "https://a:hunter2@git.example/acme/lib.git", "holds a password", id="a password"),
        pytest.param(HTTPS, "ext::sh -c touch% ran", "spaces, backslashes or control", id="a program"),
        pytest.param(HTTPS, "ext::sh", "protocol", id="a program without spaces"),
        pytest.param(HTTPS, "file:///etc", "is elsewhere than", id="a file"),
        pytest.param(HTTPS, "/srv/git/lib.git", "is elsewhere than", id="a path"),
        pytest.param(HTTPS, "https://git.example/a%0ahost=evil", "control characters", id="an encoded line break"),
        pytest.param(HTTPS, "https://git.example/-u/x", "taken for an option", id="an option in the path"),
        pytest.param(HTTPS, "../../../lib.git", "past the top", id="past the top"),
        pytest.param(HTTPS, "../..", "to no repository", id="the top"),
        pytest.param(HTTPS, "../%2e%2e/lib.git", "segments", id="encoded dots"),
        pytest.param(HTTPS, "", "has no url; write url = ../lib.git", id="none"),
        pytest.param("/srv/git/shop.git", "../lib.git", "by https or ssh", id="beside a path"),
        pytest.param("file:///srv/git/shop.git", "../lib.git", "by https or ssh", id="beside a file"),
    ],
)
def test_what_is_no_address_of_the_same_host(parent, url, why):
    with pytest.raises(ValueError, match=why) as caught:
        address(Submodule("lib", "vendor/lib", url), parent)
    assert "hunter2" not in str(caught.value)


def test_submodules_are_known_by_their_paths():
    more = b"core.bare\nfalse\0submodule.a.b/c.path\nx\0submodule.a.b/c.url\n../c\0submodule.lib.update\n!touch ran\0alone\0"
    found = parse_submodules(listed(path="vendor/lib", url="../lib.git") + more)
    assert found == {"vendor/lib": Submodule("lib", "vendor/lib", "../lib.git"), "x": Submodule("a.b/c", "x", "../c")}


@pytest.mark.parametrize(
    ("said", "why"),
    [
        pytest.param(listed(path="../x", url="u"), "its path must be one of the repository", id="path leads upwards"),
        pytest.param(listed(path="/etc", url="u"), "its path must be one of the repository", id="path is absolute"),
        pytest.param(listed(path=".git", url="u"), "its path must be one of the repository", id="path is git"),
        pytest.param(listed(path="a/.GIT/hooks", url="u"), "its path must be one of the repository", id="path is in git"),
        pytest.param(listed(path="a/git~1", url="u"), "its path must be one of the repository", id="git's short name"),
        pytest.param(listed(path="a\\b", url="u"), "its path must be one of the repository", id="a backslash"),
        pytest.param(listed(path="-u", url="u"), "begins like an option", id="path is an option"),
        pytest.param(listed(path="a\r", url="u"), "control characters", id="path ends in a carriage return"),
        pytest.param(listed(path="a", url="-u./payload"), "begins like an option", id="url is an option"),
        pytest.param(listed(path="a", url="https://h/a\nhost=evil"), "control characters", id="url has a line break"),
        pytest.param(b"submodule.../../hooks.path\na\0", "must not lead upwards", id="name leads upwards"),
        pytest.param(b"submodule.a\\..\\b.path\na\0", "must not lead upwards", id="name leads upwards on Windows"),
        pytest.param(b"submodule.-x.path\na\0", "begins like an option", id="name is an option"),
        pytest.param(listed(path="a", url="u") + b"submodule.two.path\na\0", "have one path", id="two of one path"),
    ],
)
def test_what_git_refuses_is_refused_in_words(said, why):
    with pytest.raises(ValueError, match=why):
        parse_submodules(said)


GAPS = {"vendor/lib": "lib is refused", "vendor/deep/one": "one is refused"}


@pytest.mark.parametrize(
    ("path", "place"),
    [
        pytest.param("vendor/lib", "vendor/lib", id="its place"),
        pytest.param("vendor/lib/", "vendor/lib", id="its directory"),
        pytest.param("vendor/lib/a/b.yaml", "vendor/lib", id="a file in it"),
        pytest.param("vendor/lib/a/", "vendor/lib", id="a directory in it"),
        pytest.param("vendor/deep/", "vendor/deep/one", id="all of what it is in"),
        pytest.param("/", "vendor/deep/one", id="everything"),
        pytest.param("vendor/deep", "", id="a file where it is in a directory"),
        pytest.param("vendor/libs/a.yaml", "", id="what begins alike"),
        pytest.param("vendor/li/", "", id="what it begins like"),
        pytest.param("apps/web/", "", id="elsewhere"),
        pytest.param("", "", id="the top as such"),
    ],
)
def test_who_reads_what_is_not_there(path, place):
    assert gap_of(GAPS, ("README.md", path)) == GAPS.get(place, "")
    assert not gap_of({}, (path,))
