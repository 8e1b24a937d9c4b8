"""Signatures of artifacts: which keys, which digest, which payload; and that what was not signed is not rendered."""

import base64

import orjson
import pytest
from aiohttp import web
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa

from reconciler.artifacts.cosign import PREDICATE, SIGNING, STATEMENT, Signature, decoded, is_signed, may_sign, of_bundle, tag_of
from reconciler.artifacts.mirror import Stores, verify_artifact
from reconciler.declarations.signers import parse_signers
from reconciler.model.declared import Forge, Name, Repository, RepositoryType
from reconciler.model.verification import Verification
from reconciler.settings import ReconcilerSettings
from tests.servers.git_http import GivenSecrets
from tests.servers.registry import Registry, archive

DIGEST = f"sha256:{'a' * 64}"


def payload(digest=DIGEST, kind="cosign container image signature"):
    return b'{"critical":{"identity":{},"image":{"docker-manifest-digest":"%b"},"type":"%b"}}' % (digest.encode(), kind.encode())


EC, EVE = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
ED, RSA, ED448 = ed25519.Ed25519PrivateKey.generate(), rsa.generate_private_key(65537, 2048), ed448.Ed448PrivateKey.generate()


def pem(key):
    return key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def by_ec(content, key=EC):
    return key.sign(content, ec.ECDSA(hashes.SHA256()))


SIGNS = {
    "ecdsa": (EC, by_ec),
    "ed25519": (ED, ED.sign),
    "rsa": (RSA, lambda content: RSA.sign(content, padding.PKCS1v15(), hashes.SHA256())),
}


@pytest.mark.parametrize("name", SIGNS)
def test_every_kind_of_key(name):
    key, sign = SIGNS[name]
    one = Signature(payload(), sign(payload()))
    assert is_signed(DIGEST, [one], [pem(EVE), pem(key)])
    assert not is_signed(DIGEST, [one], [pem(EVE)])


@pytest.mark.parametrize(
    ("content", "signature"),
    [
        pytest.param(payload(f"sha256:{'b' * 64}"), None, id="another digest"),
        pytest.param(payload(kind="something else"), None, id="another purpose"),
        pytest.param(b"{}", None, id="no payload"),
        pytest.param(b"[]", None, id="a list"),
        pytest.param(b"x", None, id="no json"),
        pytest.param(payload(), by_ec(payload(), EVE), id="another key"),
        pytest.param(payload(), by_ec(b"x"), id="of something else"),
        pytest.param(payload(), b"", id="empty"),
        pytest.param(payload(), b"\xff" * 10_000, id="huge"),
    ],
)
def test_anything_else_is_no_signature(content, signature):
    assert not is_signed(DIGEST, [Signature(content, by_ec(content) if signature is None else signature)], [pem(EC)])


@pytest.mark.parametrize("key", [b"", b"x", pem(ED448)], ids=["nothing", "no key", "a kind that is not used"])
def test_a_key_that_is_none_signs_nothing(key):
    assert not is_signed(DIGEST, [Signature(payload(), by_ec(payload()))], [key])


def test_without_a_key_or_a_signature_nothing_is_signed():
    assert not is_signed(DIGEST, [], [pem(EC)])
    assert not is_signed(DIGEST, [Signature(payload(), by_ec(payload()))], [])
    assert decoded(b"x", None) is None
    assert decoded(b"x", "no base64!") is None
    assert tag_of(DIGEST) == f"sha256-{'a' * 64}.sig"


def bundle(content=None, *, kind=STATEMENT, sign=by_ec, **more):
    """A bundle as cosign makes it, or as it does not."""
    about = {"subject": [{"digest": {"sha256": "a" * 64}}], "predicateType": SIGNING} | more
    text = orjson.dumps(about) if content is None else content
    signed = f"DSSEv1 {len(kind)} {kind} {len(text)} ".encode() + text
    signature = base64.b64encode(sign(signed)).decode()
    envelope = {"payloadType": kind, "payload": base64.b64encode(text).decode(), "signatures": [{"sig": signature}]}
    return orjson.dumps({"dsseEnvelope": envelope})


@pytest.mark.parametrize("name", SIGNS)
def test_a_bundle_that_states_a_signing(name):
    key, sign = SIGNS[name]
    assert is_signed(DIGEST, of_bundle(bundle(sign=sign)), [pem(EVE), pem(key)])
    assert not is_signed(DIGEST, of_bundle(bundle(sign=sign)), [pem(EVE)])


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(bundle(subject=[{"digest": {"sha256": "b" * 64}}]), id="another digest"),
        pytest.param(bundle(subject=[{"digest": {"sha512": "a" * 64}}]), id="of another algorithm"),
        pytest.param(bundle(subject=[]), id="of nothing"),
        pytest.param(bundle(predicateType="https://slsa.dev/provenance/v1"), id="where it comes from"),
        pytest.param(bundle(kind="text/plain"), id="no statement"),
        pytest.param(bundle(payload()), id="what was signed before there were bundles"),
        pytest.param(bundle(b"[]"), id="a list"),
        pytest.param(bundle(b"\xff"), id="no text"),
        pytest.param(bundle(sign=lambda _: by_ec(b"x")), id="of something else"),
        pytest.param(b"{}", id="no envelope"),
        pytest.param(b"[", id="no json"),
        pytest.param(
            b'{"dsseEnvelope": {"payloadType": "%b", "payload": "!", "signatures": []}}' % STATEMENT.encode(), id="no base64"
        ),
        pytest.param(
            b'{"dsseEnvelope": {"payloadType": "%b", "payload": "", "signatures": 1}}' % STATEMENT.encode(), id="a number"
        ),
    ],
)
def test_no_other_bundle_is_a_signature(content):
    assert not is_signed(DIGEST, of_bundle(content), [pem(EC)])


@pytest.mark.parametrize(
    ("entry", "may"),
    [
        ({"artifactType": "application/vnd.dev.sigstore.bundle.v0.3+json"}, True),
        ({"artifactType": "application/vnd.dev.sigstore.bundle+json;version=0.3", "annotations": {PREDICATE: SIGNING}}, True),
        ({"artifactType": "application/vnd.dev.sigstore.bundle.v0.3+json", "annotations": {PREDICATE: "x"}}, False),
        ({"artifactType": "application/vnd.dev.cosign.artifact.sig.v1+json", "annotations": None}, True),
        ({"artifactType": "application/vnd.dev.cosign.artifact.sbom.v1+json"}, False),
        ({}, False),
    ],
    ids=["bundle", "older bundle", "other statement", "second version", "bill of materials", "nothing"],
)
def test_which_referrers_are_looked_at(entry, may):
    assert may_sign(entry) is may


@pytest.fixture
async def signed(tmp_path):
    async with Registry() as registry:
        digest = registry.push("acme/app", "latest", archive({"a.yaml": "a: 1\n"}))
        settings = ReconcilerSettings(state=tmp_path / "state", git_protocols=("http",))
        repository = Repository(
            Name("trueup", "app"), f"oci://{registry.host}/acme/app", "x", Forge.GENERIC, "", type=RepositoryType.OCI,
            verify=Verification(keys=("x",)),
        )  # fmt: skip
        yield registry, digest, Stores(settings, GivenSecrets()).of(repository)


async def refusal(mirror):
    commit = await mirror.fetch("refs/oci/tag/latest")
    return str(await verify_artifact(mirror, commit, parse_signers({"cosign.pub": pem(EC)}, "here")) or "")


async def test_what_is_signed_later_passes_then(signed):
    registry, digest, mirror = signed
    assert await refusal(mirror) == f"trueup/app: {digest} is not signed; spec.verify wants one by: cosign.pub"
    registry.sign("acme/app", digest, by_ec)
    assert await refusal(mirror) == ""


async def test_what_others_signed_does_not(signed):
    registry, digest, mirror = signed
    registry.sign("acme/app", digest, lambda content: by_ec(content, EVE))
    assert "has no signature by one of these keys" in await refusal(mirror)
    other = registry.push("acme/app", "other", archive({"a.yaml": "a: 2\n"}))
    registry.sign("acme/app", digest, by_ec, of=other)
    assert "has no signature by one of these keys" in await refusal(mirror)


async def test_keys_of_git_vouch_for_no_artifact(signed):
    registry, digest, mirror = signed
    registry.sign("acme/app", digest, by_ec)
    commit = await mirror.fetch("refs/oci/tag/latest")
    line = b"ada@example.com ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINOdxSuCAaljY92jdGBaLZUdsfazPATn1NSgyMLM52XX"
    assert await verify_artifact(mirror, commit, parse_signers({"allowed_signers": line}, "here")) is not None


@pytest.mark.parametrize("has_list", [True, False], ids=["listed", "by the tag"])
@pytest.mark.parametrize("is_bundle", [True, False], ids=["bundle", "second version"])
async def test_what_refers_to_an_artifact_counts_as_much(signed, has_list, is_bundle):
    registry, digest, mirror = signed
    registry.has_referrers = has_list

    def sign(by):
        registry.bundle("acme/app", digest, by) if is_bundle else registry.sign("acme/app", digest, by, is_referring=True)

    assert "is not signed" in await refusal(mirror)
    sign(lambda content: by_ec(content, EVE))
    assert "has no signature by one of these keys" in await refusal(mirror)
    sign(by_ec)
    assert await refusal(mirror) == ""


async def test_a_signature_among_many_others_that_refer_is_found(signed):
    registry, digest, mirror = signed
    registry.page = 10
    for number in range(30):
        registry.bundle("acme/app", digest, by_ec, predicate=f"https://slsa.dev/provenance/v{number}")
    assert "is not signed" in await refusal(mirror)
    registry.bundle("acme/app", digest, by_ec)
    assert await refusal(mirror) == ""


@pytest.mark.parametrize("status", [400, 401, 403, 405, 200], ids=str)
async def test_a_registry_that_does_not_know_what_refers_keeps_nobody_from_the_tag(signed, status):
    registry, digest, mirror = signed
    registry.sign("acme/app", digest, by_ec)

    async def instead(request):
        return web.Response(status=status, text="<html>") if "/referrers/" in request.path else None

    registry.instead = instead
    assert await refusal(mirror) == ""


async def test_nonsense_that_refers_is_passed_over(signed):
    registry, digest, mirror = signed
    kind = "application/vnd.dev.sigstore.bundle.v0.3+json"
    registry.refer("acme/app", digest, (b"x", {"mediaType": "text/plain"}), kind)
    registry.refer("acme/app", digest, (b"x", {"mediaType": kind}), kind)
    registry.referring["acme/app", digest] += [{"artifactType": kind, "digest": DIGEST}, {"artifactType": kind}]
    registry.bundle("acme/app", digest, by_ec)
    assert await refusal(mirror) == ""
