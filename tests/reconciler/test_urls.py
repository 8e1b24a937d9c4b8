"""Addresses and scopes."""

import pytest

from reconciler.model.declared import Forge
from reconciler.urls import covers, default_api, guess_forge, parse_scope, parse_url, redact, scope_contains


@pytest.mark.parametrize(
    ("url", "protocol", "scope"),
    [
        ("https://github.com/Acme/Shop.git", "https", "github.com/acme/shop"),
        ("https://git.example:8443/a/b", "https", "git.example:8443/a/b"),
        ("https://git.example:443/a/b/", "https", "git.example/a/b"),
        ("https://git.example//a//b.git/", "https", "git.example/a/b"),
        ("https://git.example/a/b/.git", "https", "git.example/a/b"),
        ("https://git.example/a/B.GIT", "https", "git.example/a/b"),
        ("git@github.com:acme/shop.git", "ssh", "github.com/acme/shop"),
        ("ssh://git@host:2222/a/b.git", "ssh", "host:2222/a/b"),
        ("http://127.0.0.1:80/a/b", "http", "127.0.0.1/a/b"),
        ("/srv/git/shop.git", "file", "localhost/srv/git/shop"),
        ("file:///srv/git/shop", "file", "localhost/srv/git/shop"),
        ("https://git.example/Acme%2DX/shop.git", "https", "git.example/acme-x/shop"),
        ("https://ada@git.example/a/b", "https", "git.example/a/b"),
        ("https://[::1]:8443/a/b", "https", "::1:8443/a/b"),
        ("ssh://git@ssh.github.com:443/acme/shop.git", "ssh", "github.com/acme/shop"),
        ("ssh://git@altssh.gitlab.com:443/acme/shop.git", "ssh", "gitlab.com/acme/shop"),
        ("ssh://git@altssh.bitbucket.org:443/acme/shop.git", "ssh", "bitbucket.org/acme/shop"),
        ("https://github.com:8443/acme/shop", "https", "github.com:8443/acme/shop"),
        ("https://acme@dev.azure.com/Acme/My%20Project/_git/Shop", "https", "dev.azure.com/acme/my project/_git/shop"),
        ("https://dev.azure.com/acme/_git/shop", "https", "dev.azure.com/acme/shop/_git/shop"),
        ("git@ssh.dev.azure.com:v3/acme/project/shop", "ssh", "dev.azure.com/acme/project/_git/shop"),
        ("acme@vs-ssh.visualstudio.com:v3/acme/project/shop", "ssh", "dev.azure.com/acme/project/_git/shop"),
        ("https://acme.visualstudio.com/DefaultCollection/project/_git/shop", "https", "dev.azure.com/acme/project/_git/shop"),
        ("https://acme.visualstudio.com/_git/shop", "https", "dev.azure.com/acme/shop/_git/shop"),
        ("https://evil-dev.azure.com.example/acme/_git/shop", "https", "evil-dev.azure.com.example/acme/_git/shop"),
    ],
)
def test_scope_of_a_url(url, protocol, scope):
    parsed = parse_url(url)
    assert (parsed.protocol, parsed.scope) == (protocol, scope)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://x/y",
        "https://host",
        "https://h/p?q=1",
        "https://h/a b",
        "ext::sh -c x",
        "https://h/a\nb",
        "https://h/a%0ab",
        "https://h/a\\b",
        "https://h/a/../b",
        "https://h/a/%2e%2e/b",
        "https://h:99999/a",
        "https://[::1/a",
        "ssh://-oProxyCommand=x/a",
        "-x@-oProxyCommand=x:a",
        "git@host:-x",
        "x",
        "/",
        "file:///",
        "file://host",
    ],
)
def test_refused_urls(url):
    with pytest.raises(ValueError, match=r"\w"):
        parse_url(url)


@pytest.mark.parametrize("text", ["a//b", "../a", "a/./b", "a/%252e/b", "a\\b", "a/\x00", "a\nb", ""])
def test_refused_scopes(text):
    with pytest.raises(ValueError, match="scope"):
        parse_scope(text)


def test_a_scope_is_decoded_once_and_lowered():
    assert parse_scope("GitHub.com/Acme%2Dx/Shop.git/") == "github.com/acme-x/shop"
    assert parse_scope("dev.azure.com/acme/My%20Project/_git/shop") == "dev.azure.com/acme/my project/_git/shop"


@pytest.mark.parametrize(
    ("outer", "inner", "contains"),
    [
        ("h/acme", "h/acme/shop", True),
        ("h/acme", "h/acme", True),
        ("h/acme", "h/acme-evil/shop", False),
        ("h/acme/shop", "h/acme", False),
    ],
)
def test_containment_is_by_segments(outer, inner, contains):
    assert scope_contains(outer, inner) is contains


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("fatal: https://user:pass@h/x and http://t@h", "fatal: https://***@h/x and http://***@h"),
        ("https://user:p@ss@h/x", "https://***@h/x"),
        ("at 'https://h/x?token=abc&y=1': no", "at 'https://h/x?***': no"),
        ("nothing to hide? no@body", "nothing to hide? no@body"),
    ],
)
def test_credentials_and_queries_are_taken_out(text, printed):
    assert redact(text) == printed


@pytest.mark.parametrize(
    ("host", "forge", "api"),
    [
        ("github.com", Forge.GITHUB, "https://api.github.com"),
        ("github.acme.example", Forge.GITHUB, "https://github.acme.example/api/v3"),
        ("gitlab.com", Forge.GITLAB, "https://gitlab.com/api/v4"),
        ("ssh.github.com", Forge.GITHUB, "https://api.github.com"),
        ("acme.ghe.com", Forge.GITHUB, "https://api.acme.ghe.com"),
        ("altssh.gitlab.com", Forge.GITLAB, "https://gitlab.com/api/v4"),
        ("gitea.example", Forge.GITEA, "https://gitea.example/api/v1"),
        ("codeberg.org", Forge.FORGEJO, "https://codeberg.org/api/v1"),
        ("forgejo.example", Forge.FORGEJO, "https://forgejo.example/api/v1"),
        ("bitbucket.org", Forge.BITBUCKET, "https://api.bitbucket.org/2.0"),
        ("altssh.bitbucket.org", Forge.BITBUCKET, "https://api.bitbucket.org/2.0"),
        ("bitbucket.acme.example", Forge.BITBUCKET_DC, "https://bitbucket.acme.example/rest/api/latest"),
        ("ssh.dev.azure.com", Forge.AZURE, "https://dev.azure.com"),
        ("acme.visualstudio.com", Forge.AZURE, "https://dev.azure.com"),
        ("git.example", Forge.GENERIC, ""),
    ],
)
def test_forge_from_host(host, forge, api):
    assert guess_forge(host) is forge
    assert default_api(forge, host) == api


@pytest.mark.parametrize(
    ("prefix", "url", "is_covered"),
    [
        ("https://github.com/acme", "https://github.com/acme/shop.git", True),
        ("https://github.com/acme/", "https://github.com/acme", True),
        ("https://github.com/acme/shop.git", "https://github.com/acme/shop", True),
        ("https://github.com", "https://github.com/any/thing", True),
        ("https://GitHub.com:443/acme", "https://github.com/acme/shop", True),
        ("git@github.com:acme", "ssh://git@github.com/acme/shop", True),
        ("git@github.com", "git@github.com:acme/shop", True),
        ("https://github.com/acme", "https://github.com/acme-evil/shop", False),
        ("https://github.com/acme/shop", "https://github.com/acme", False),
        ("https://github.com/acme", "http://github.com/acme/shop", False),
        ("https://github.com/acme", "https://github.com.evil/acme/shop", False),
        ("https://github.com/acme", "https://github.com@evil/acme/shop", False),
        ("nonsense", "https://github.com/acme", False),
        ("", "https://github.com/acme", False),
    ],
)
def test_a_prefix_covers_what_lies_beneath_it_on_the_same_host(prefix, url, is_covered):
    assert covers(prefix, url) is is_covered
