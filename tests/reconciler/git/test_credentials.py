"""Which keys of a Secret open what, by the names that Flux and Argo CD give them; what is wrong is named without its value."""

import pytest

from reconciler.errors import SourceRefused
from reconciler.git.credentials import Address, parse_credentials
from reconciler.model.declared import Forge

URL = "https://git.example:8443/acme/shop"
PEM = b"-----BEGIN CERTIFICATE-----\nMIIcanary\n-----END CERTIFICATE-----\n"
KEY = b"-----BEGIN OPENSSH PRIVATE KEY-----\ncanary\n-----END OPENSSH PRIVATE KEY-----\n"


def parsed(data, url=URL, forge=Forge.GENERIC):
    return parse_credentials(data, Address(url, forge, ""), "trueup/shop: Secret git")


@pytest.mark.parametrize(
    ("data", "forge", "username", "password"),
    [
        ({"username": b"ada", "password": b"s3cret\n"}, Forge.GENERIC, "ada", "s3cret"),
        ({"token": b"s3cret"}, Forge.GITHUB, "x-access-token", "s3cret"),
        ({"token": b"s3cret"}, Forge.GITLAB, "oauth2", "s3cret"),
        ({"username": b"", "token": b"s3cret"}, Forge.GITLAB, "oauth2", "s3cret"),
        (
            {"type": b"git", "url": URL.encode(), "project": b"p", "username": b"a", "password": b"s3cret"},
            Forge.GENERIC,
            "a",
            "s3cret",
        ),
    ],
    ids=["flux-and-argo", "github", "gitlab", "empty-name", "argo-whole"],
)
def test_which_keys_make_a_login(data, forge, username, password):
    login = parsed(data, forge=forge).login
    assert login is not None
    assert (login.username, login.password, login.host) == (username, password, "git.example:8443")
    assert password not in repr(login)


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({"bearerToken": b"t"}, "bearer"),
        ({"ca.crt": PEM}, "authorities"),
        ({"caFile": PEM}, "authorities"),
        ({"tls.crt": PEM, "tls.key": PEM}, "certificate"),
        ({"certFile": PEM, "keyFile": PEM}, "certificate_key"),
        ({"tlsClientCertData": PEM, "tlsClientCertKey": PEM}, "certificate"),
        ({"githubAppID": b"1", "githubAppInstallationID": b"2", "githubAppPrivateKey": PEM}, "app"),
        ({"password": b"x", "proxy": b"socks5://proxy:1080"}, "proxy"),
    ],
    ids=["bearer", "flux-ca", "old-flux-ca", "flux-tls", "old-flux-tls", "argo-tls", "app", "argo-proxy"],
)
def test_other_keys_for_https(data, field):
    found = parsed(data)
    assert getattr(found, field)
    assert "canary" not in repr(found)


@pytest.mark.parametrize("key", ["identity", "sshPrivateKey", "ssh-privatekey"])
def test_keys_for_ssh(key):
    found = parsed({key: KEY, "known_hosts": b"h k", "password": b"pass"}, url="git@git.example:acme/shop.git")
    assert found.identity is not None
    assert (found.identity.key, found.identity.passphrase, found.known_hosts) == (KEY, "pass", b"h k")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"password": b"canary", "bearerToken": b"canary"}, "has password and bearerToken; only one"),
        ({"tls.crt": PEM}, "needs tls.crt and tls.key"),
        ({"ca.crt": b"canary"}, "key ca.crt: is no PEM"),
        ({"githubAppID": b"1"}, "needs githubAppID and githubAppPrivateKey"),
        ({"githubAppID": b"../1", "githubAppPrivateKey": PEM}, "key githubAppID: is no id"),
        ({"githubAppID": b"1", "githubAppPrivateKey": PEM, "githubAppBaseURL": b"https://ada:canary@h/"}, "is no address"),
        ({"password": b"x", "proxy": b"canary;touch /tmp/x"}, "key proxy: is no address"),
        ({"password": b"canary", "insecure": b"true"}, "key insecure: the other side is always verified"),
        ({"password": b"canary", "url": b"https://git.example/acme"}, "is not sent to https://git.example:8443"),
        ({"password": b"canary", "url": b"https://git.example:8443/acme-evil"}, "is not sent to"),
        ({"password": b"canary", "url": b"http://git.example:8443/acme"}, "is not sent to"),
    ],
    ids=["two", "half", "no-pem", "half-app", "app-path", "app-url", "proxy", "insecure", "port", "owner", "protocol"],
)
def test_what_is_wrong_is_named_without_its_value(data, said):
    with pytest.raises(SourceRefused, match=said) as caught:
        parsed(data)
    assert "canary" not in str(caught.value)
