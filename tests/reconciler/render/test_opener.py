"""Held against the real sops and gpg: what was encrypted for OpenPGP, for a Vault, or for several groups of keys is opened and rendered.

The key services of clouds cannot be asked here: what is tested of them is what `sops` would be given. A Vault is a server on loopback
that answers as its transit engine does.
"""

import asyncio
import json
import tempfile
from pathlib import Path

import pyrage
import pytest
from aiohttp import web

from reconciler.errors import InvalidManifest, RenderFailed, Transient
from reconciler.model.declared import Name
from reconciler.model.rendering import RenderOptions
from reconciler.render import opener as module
from reconciler.render.locks import MOST_BYTES, Lock
from reconciler.render.opener import Opener, usable_keys
from reconciler.render.renderer import Renderer
from reconciler.render.result import Data, Given, Rendered, RenderRequest
from reconciler.settings import ReconcilerSettings
from tests.servers.loopback import answering
from tests.servers.sealing import Person, seal
from tests.tools.build import find

IDENTITY = pyrage.x25519.Identity.generate()
CONFIG = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {a: hunter2, b: shown}\n"
ARN = "arn:aws:kms:eu-west-1:123456789012:key/0a1b"


@pytest.fixture(scope="module")
def person():
    with tempfile.TemporaryDirectory(prefix="g", dir="/tmp") as home:
        found = Person(Path(home))
        yield found
        found.close()


async def rendered(root, entries, *paths, sops=None):
    """What these directories render to, each or the error that it ended with."""
    given = Given("web", data=(Data("Secret", "keys", tuple(entries.items())),))
    options = RenderOptions(decrypt_secret="keys")
    async with Renderer(ReconcilerSettings(sops=sops or find("sops"))) as renderer:
        answers = await renderer.render(root, [RenderRequest(Name("t", "web"), path, options, given) for path in paths])
        left = [str(path) for path in Path(renderer._socket).parent.iterdir() if path.name.startswith("o")]
        assert left == []
    return answers


def data(answer):
    assert isinstance(answer, Rendered), answer
    found = answer.documents[0].document
    assert found["metadata"]["annotations"] == {"trueup.dev/masked": "data.a"}
    return found["data"]


@pytest.mark.tool("sops")
@pytest.mark.tool("gpg")
async def test_files_for_openpgp_are_opened_in_every_format(tmp_path, person):
    options = ("--pgp", person.name)
    seal(tmp_path / "p/a.yaml", CONFIG, *options, "--encrypted-regex", "^a$", environment=person.home)
    (tmp_path / "k").mkdir()
    (tmp_path / "k/kustomization.yaml").write_text(
        "configMapGenerator: [{name: a, envs: [.env], files: [f.ini, f.bin]}]\ngeneratorOptions: {disableNameSuffixHash: true}\n"
    )
    seal(tmp_path / "k/.env", "a=hunter2\n", *options, environment=person.home)
    seal(tmp_path / "k/f.ini", "[x]\ny = swordfish\n", *options, environment=person.home)
    seal(tmp_path / "k/f.bin", "open sesame\n", *options, environment=person.home)
    plain, built = await rendered(tmp_path, {"key.asc": person.secret}, "p", "k")
    assert data(plain) == {"a": "hunter2", "b": "shown"}
    assert built.documents[0].document["data"] == {"a": "hunter2", "f.ini": "[x]\ny = swordfish\n", "f.bin": "open sesame\n"}
    assert built.documents[0].document["metadata"]["annotations"]["trueup.dev/masked"].split() == [
        "data.a", "data[f.bin]", "data[f.ini]"
    ]  # fmt: skip


@pytest.mark.tool("sops")
@pytest.mark.tool("gpg")
async def test_a_key_that_does_not_fit_is_told_without_it(tmp_path, person):
    seal(tmp_path / "p/a.yaml", CONFIG, "--pgp", person.name, "--encrypted-regex", "^a$", environment=person.home)
    text = (tmp_path / "p/a.yaml").read_text()
    (broken,) = await rendered(tmp_path, {"key.asc": "no key\n" + str(IDENTITY)}, "p")
    assert isinstance(broken, RenderFailed)
    assert str(broken).startswith("p/a.yaml: an entry *.asc of the Secret of spec.render.decrypt is no OpenPGP key: ")
    (none,) = await rendered(tmp_path, {"other.agekey": str(IDENTITY)}, "p")
    assert isinstance(none, InvalidManifest)
    assert f"is encrypted for OpenPGP {person.name}; the Secret of spec.render.decrypt needs a key for it" in str(none)
    (missing,) = await rendered(tmp_path, {"key.asc": person.secret}, "p", sops="/nonexistent/sops")
    assert "sops does not run: No such file or directory; set TRUEUP_SOPS" in str(missing)
    (tmp_path / "p/a.yaml").write_text(text.replace("b: shown", "b: other"))
    (changed,) = await rendered(tmp_path, {"key.asc": person.secret}, "p")
    assert "was changed after it was encrypted: its MAC is another" in str(changed)
    for error in (broken, none, missing, changed):
        assert str(IDENTITY) not in str(error)
        assert person.secret[100:160] not in str(error)


@pytest.mark.tool("sops")
@pytest.mark.tool("gpg")
async def test_several_groups_are_opened_together(tmp_path, person):
    nobody = str(pyrage.x25519.Identity.generate().to_public())
    rules = {"creation_rules": [{
        "encrypted_regex": "^a$", "shamir_threshold": 2,
        "key_groups": [{"age": [str(IDENTITY.to_public())]}, {"pgp": [person.name]}, {"age": [nobody]}],
    }]}  # fmt: skip
    (tmp_path / "config").write_text(json.dumps(rules))
    seal(tmp_path / "p/a.yaml", CONFIG, environment={**person.home, "SOPS_CONFIG": str(tmp_path / "config")})
    (both,) = await rendered(tmp_path, {"age": str(IDENTITY), "key.asc": person.secret}, "p")
    assert data(both) == {"a": "hunter2", "b": "shown"}
    (one,) = await rendered(tmp_path, {"age": str(IDENTITY)}, "p")
    assert isinstance(one, RenderFailed), one


@pytest.fixture
async def vault():
    """Vault's transit engine, which turns letters around; the requests that it was sent."""
    seen = []

    async def answer(request):
        seen.append((request.path, request.headers.get("X-Vault-Token")))
        body = await request.json()
        if request.path.startswith("/v1/transit/encrypt/"):
            return web.json_response({"data": {"ciphertext": f"vault:v1:{body['plaintext'][::-1]}"}})
        return web.json_response({"data": {"plaintext": body["ciphertext"].removeprefix("vault:v1:")[::-1]}})

    async with answering(answer) as url:
        yield url.rstrip("/"), seen


@pytest.mark.tool("sops")
async def test_a_vault_is_asked_where_the_secret_says_and_nowhere_else(tmp_path, vault):
    url, seen = vault
    uri = f"{url}/v1/transit/keys/k"
    await asyncio.to_thread(
        lambda: seal(
            tmp_path / "p/a.yaml",
            CONFIG,
            "--hc-vault-transit",
            uri,
            "--encrypted-regex",
            "^a$",
            environment={"VAULT_TOKEN": "mine"},
        )
    )
    seen.clear()
    (elsewhere,) = await rendered(tmp_path, {"sops.vault-token": "t0ken"}, "p")
    assert f"its key is kept by the Vault at '{url}'; write it in the entry sops.vault-address" in str(elsewhere)
    assert seen == []
    entries = {"sops.vault-token": "t0ken\n", "sops.vault-address": f"{url}/\n"}
    first, second = await rendered(tmp_path, entries, "p", "p")
    assert data(first) == data(second) == {"a": "hunter2", "b": "shown"}
    assert set(seen) == {("/v1/transit/decrypt/k", "t0ken")}


@pytest.mark.tool("sops")
async def test_a_service_that_does_not_answer_is_asked_again_later(tmp_path, monkeypatch):
    metadata = json.dumps(
        {
            "hc_vault": [
                {
                    "vault_address": "http://127.0.0.1:1",
                    "engine_path": "t",
                    "key_name": "k",
                    "enc": "vault:v1:x",
                    "created_at": "2026-01-01T00:00:00Z",
                }
            ]
        }
    )
    entries = {"sops.vault-token": "t0ken", "sops.vault-address": "http://127.0.0.1:1"}
    monkeypatch.setattr(module, "LIMITS", module.Limits(timeout_seconds=0.3))
    with pytest.raises(Transient, match=r"^a\.yaml: sops"):
        await Opener(Path(find("sops")), tmp_path).open([Lock("a.yaml", metadata)], entries)
    assert list(tmp_path.iterdir()) == []


async def test_every_key_is_given_as_sops_takes_it_and_to_nobody_else(tmp_path):
    """A stand-in for sops that writes down what it is given."""
    program = tmp_path / "sops"
    program.write_text(
        '#!/bin/sh\n{ echo "$@"; env; cd "$HOME"; stat -c "%a %n" * .v*; cat aws gcp .vault-token; } > "$HOME/../told"; exit 1\n'
    )
    program.chmod(0o700)
    metadata = {"kms": [{"arn": ARN, "enc": "x"}], "gcp_kms": [{"resource_id": "projects/p/locations/l/keyRings/r/cryptoKeys/k", "enc": "x"}],
                "azure_kv": [{"vault_url": "https://mine.vault.azure.net", "enc": "x"}]}  # fmt: skip
    entries = {
        "sops.aws-kms": "aws_access_key_id: one\naws_secret_access_key: tw0s3cret\nother: x\n", "sops.gcp-kms": '{"type": "gcps3cret"}',
        "sops.azure-kv": "tenantId: t\nclientId: c\nclientSecret: azs3cret\n", "sops.vault-token": "vaults3cret",
    }  # fmt: skip
    (home := tmp_path / "home").mkdir()
    with pytest.raises(Transient, match=r"^a\.yaml: sops cannot open it"):
        await Opener(program, home).open([Lock("a.yaml", json.dumps(metadata))], entries)
    told = (home / "told").read_text()
    arguments, *rest = told.splitlines()
    assert "s3cret" not in arguments
    assert "aws_access_key_id = one\naws_secret_access_key = tw0s3cret\n" in told
    assert '{"type": "gcps3cret"}' in told
    assert {"600 aws", "600 gcp", "600 .vault-token", "600 lock.json", "AZURE_CLIENT_SECRET=azs3cret"} <= set(rest)
    assert [line for line in rest if line.startswith("AWS_EC2")] == ["AWS_EC2_METADATA_DISABLED=true"]
    assert sorted(path.name for path in home.iterdir()) == ["told"]


@pytest.mark.parametrize(
    ("metadata", "entries", "message"),
    [
        pytest.param({"kms": [{"arn": ARN}]}, ["a.asc"], f"is encrypted for AWS KMS {ARN}; .* needs an entry sops.aws-kms", id="no entry"),
        pytest.param({"kms": [{"arn": "arn:aws:kms:evil.example.com/:1:key/x"}]}, ["sops.aws-kms"], "is none of AWS KMS", id="a host as region"),
        pytest.param({"azure_kv": [{"vault_url": "https://evil.example.com"}]}, ["sops.azure-kv"], "is none of Azure", id="Azure elsewhere"),
        pytest.param({"azure_kv": [{"vault_url": "https://x.vault.azure.net.evil.com"}]}, ["sops.azure-kv"], "is none of", id="a suffix"),
        pytest.param({"gcp_kms": [{"resource_id": "../x"}]}, ["sops.gcp-kms"], "is none of Google", id="no resource"),
        pytest.param({"hc_vault": [{"vault_address": "http://evil"}]}, ["sops.vault-token"], "kept by the Vault at 'http://evil'", id="Vault"),
        pytest.param({"key_groups": [{"pgp": [{"fp": "A"}]}, {"kms": [{"arn": ARN}]}]}, ["a.asc"], "needs an entry ", id="one group of two"),
        pytest.param({"pgp": "x"}, ["a.asc"], "is encrypted for no key", id="nonsense"),
        pytest.param({"key_groups": ["x", 1], "shamir_threshold": "y"}, ["a.asc"], "is encrypted for no key", id="more nonsense"),
    ],
)  # fmt: skip
def test_what_cannot_be_opened_is_told_before_anybody_is_asked(metadata, entries, message):
    with pytest.raises(RenderFailed, match=message):
        usable_keys(Lock("a.yaml", json.dumps(metadata)), dict.fromkeys(entries, "x"))


@pytest.mark.parametrize(
    ("metadata", "entries", "usable"),
    [
        pytest.param({"kms": [{"arn": ARN}], "pgp": [{"fp": "A"}]}, ["a.asc"], {"pgp": [{"fp": "A"}]}, id="only what there is a key for"),
        pytest.param(
            {"key_groups": [{"pgp": [{"fp": "A"}]}, {"kms": [{"arn": ARN}]}], "shamir_threshold": 1}, ["sops.aws-kms"],
            {"key_groups": [{}, {"kms": [{"arn": ARN}]}], "shamir_threshold": 1}, id="one of two groups suffices",
        ),
    ],
)  # fmt: skip
def test_what_sops_is_given(metadata, entries, usable):
    assert usable_keys(Lock("a.yaml", json.dumps(metadata)), dict.fromkeys(entries, "x")) == usable


def test_too_much_metadata_is_refused():
    with pytest.raises(RenderFailed, match="more keys than can be read"):
        usable_keys(Lock("a.yaml", " " * (MOST_BYTES + 1)), {})


async def test_without_sops_the_mend_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(module.shutil, "which", lambda _: None)
    with pytest.raises(
        RenderFailed, match=r"^a\.yaml: is encrypted for OpenPGP A, and sops is missing: put sops on PATH, set TRUEUP_SOPS"
    ):
        await Opener(None, tmp_path).open([Lock("a.yaml", '{"pgp": [{"fp": "A"}]}')], {"a.asc": "x"})
