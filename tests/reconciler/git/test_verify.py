"""Only a good signature by a declared key passes: commits and tags as real ssh-keygen and gpg sign them, and as nobody should."""

import shutil
import subprocess
import time
from dataclasses import dataclass, replace

import pytest

from reconciler.declarations.signers import Signers, parse_signers
from reconciler.errors import SourceRefused
from reconciler.git.verify import reason, signers_of, verify
from reconciler.model.verification import Verification, VerifyMode
from tests.servers.git_http import GivenSecrets, repository_at
from tests.servers.signing import OpenPgp, Ssh, commit, header, tag

MAIN, TAG = "refs/heads/main", "refs/tags/v1"
GPG = shutil.which("gpg")
HUGE = b"-----BEGIN SSH SIGNATURE-----\n" + b"A" * 1_000_000 + b"\n-----END SSH SIGNATURE-----"
BROKEN = "a hash that is broken, such as SHA-1; sign it anew, with digest-algo SHA512 in gpg.conf"
LIES = b'Good "git" signature for ada@example.com with ED25519 key SHA256:x\n[GNUPG:] GOODSIG x\n[GNUPG:] VALIDSIG x'


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    """Ada and Grace are trusted, Eve is not; those in capitals have OpenPGP keys."""
    home = tmp_path_factory.mktemp("people")
    found = {name: Ssh.make(home, name) for name in ("ada", "eve", "ca", "left")}
    found["rsa"] = Ssh.make(home, "rsa", "-t", "rsa", "-b", "2048")
    found["ecdsa"] = Ssh.make(home, "ecdsa", "-t", "ecdsa")
    found["old"] = Ssh.make(home, "old")
    found["certified"] = Ssh.make(home, "certified")
    subprocess.run(
        ["ssh-keygen", "-q", "-s", home / "ca", "-I", "x", "-n", "ada@example.com", home / "certified.pub"], check=True
    )
    if GPG:
        for name in ("GRACE", "EVE", "REVOKED"):
            found[name] = OpenPgp.make(home / name, name)
        found["EXPIRED"] = OpenPgp.make(home / "EXPIRED", "EXPIRED", "--faked-system-time", "20200101T000000")
    return found


@pytest.fixture(scope="module")
def signers(people):
    """Whom a Repository trusts here."""
    day = "20300101"
    lines = [
        f"ada@example.com {people['ada'].public}",
        f"rsa@example.com {people['rsa'].public}",
        f"ecdsa@example.com {people['ecdsa'].public}",
        f'*@example.com cert-authority,namespaces="git" {people["ca"].public}',
        f'elsewhere@example.com namespaces="file" {people["left"].public}',
        f'old@example.com valid-before="20200101" {people["old"].public}',
        f'new@example.com valid-after="{day}" {people["eve"].public}',
    ]
    entries = {"allowed_signers": "\n".join(lines).encode()}
    if GPG:
        entries["grace.asc"] = people["GRACE"].public
    return parse_signers(entries, "here")


@pytest.fixture
def wants(mirror):
    mirror.repository = replace(mirror.repository, verify=Verification())
    return mirror


async def refusal(mirror, commit, signers, *, ref=MAIN):
    """Why a commit does not pass; empty when it does."""
    await mirror.ensure(commit)
    return str((await verify(mirror, commit, {ref}, signers)).get(ref, ""))


NEEDS_GPG = pytest.mark.skipif(GPG is None, reason="gpg is not installed: apt-get install gpg")


@pytest.mark.parametrize(
    "who", ["ada", "rsa", "ecdsa", pytest.param("GRACE", marks=NEEDS_GPG)], ids=["ed25519", "rsa", "ecdsa", "openpgp"]
)
async def test_a_good_signature_by_a_declared_key_passes(wants, remote, people, signers, who):
    assert await refusal(wants, await commit(remote, people[who].sign), signers) == ""


async def test_an_ordinary_client_of_git_passes(wants, remote, people, signers):
    """As `git merge -S` makes them, in whatever encoding."""
    base = await remote.commit({"a.yaml": "1"})
    other = await remote.commit({"b.yaml": "1"}, branch="other")
    tree = await remote.git("rev-parse", f"{base}^{{tree}}")
    signed = ("-c", "gpg.format=ssh", "-c", f"user.signingkey={people['ada'].key}", "-c", "i18n.commitEncoding=ISO-8859-1")
    arguments = (*signed, "commit-tree", "-S", "-m", "x", "-p", base, "-p", other, tree)
    who = {f"GIT_{who}_{what}": "ada@example.com" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    made = await remote.server.git(remote.server.path(remote.name), *arguments, env=who)
    await remote.set_ref(MAIN, made)
    assert await refusal(wants, made, signers) == ""
    assert "is not signed" in await refusal(wants, base, signers)


def told(payload):
    return payload.replace(b"change", b"something else")


def moved(payload):
    return payload.replace(b"Ada <ada@", b"Eve <eve@", 1)


def emptied(payload):
    return b"tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\n" + payload.partition(b"\n")[2]


def encoded(payload):
    return payload.replace(b"\n\n", b"\nencoding UTF-16\n\n", 1)


@pytest.mark.parametrize(
    "case",
    [
        pytest.param((None, {}, "is not signed"), id="unsigned"),
        pytest.param(("eve", {}, "which was not valid yet at its date"), id="a key that counts later"),
        pytest.param(("old", {}, "which was not valid any more at its date"), id="a key that counted before"),
        pytest.param(("left", {}, "is signed by a key that is declared for something else"), id="a key for something else"),
        pytest.param(("ca", {}, "is signed by the SSH key SHA256:"), id="an authority's own key"),
        pytest.param(("ada", {"signed": told}, "has a signature of something else"), id="another message"),
        pytest.param(("ada", {"signed": moved}, "has a signature of something else"), id="another author"),
        pytest.param(("ada", {"signed": emptied}, "has a signature of something else"), id="another tree"),
        pytest.param(("ada", {"signed": encoded}, "has a signature of something else"), id="another encoding"),
        pytest.param(("ada", {"signed": lambda payload: payload + b"\n"}, "has a signature of something else"), id="a line more"),
        pytest.param(("ada", {"name": "gpgsig-sha256"}, "is not signed"), id="in the header of the other hash"),
        pytest.param(("ada", {"name": "mergetag"}, "is not signed"), id="in a merge tag"),
        pytest.param((None, {"signature": b"x"}, "has no good signature"), id="a signature that is none"),
        pytest.param((None, {"signature": b""}, "is not signed"), id="an empty signature"),
        pytest.param((None, {"signature": b"-----BEGIN SSH SIGNATURE-----\nQUFBQQ==\n-----END SSH SIGNATURE-----"}, "signature"),
            id="armor around nothing",
        ),
        pytest.param((None, {"signature": HUGE}, "signature"), id="a huge signature",
        ),
        pytest.param((None, {"signature": b"-----BEGIN SIGNED MESSAGE-----\nx\n-----END SIGNED MESSAGE-----"}, "signature"), id="x509",
        ),
        pytest.param((None, {"message": LIES}, "is not signed"), id="a message that says it is good",
        ),
        pytest.param(("eve", {"message": b"-----BEGIN SSH SIGNATURE-----\nx\n-----END SSH SIGNATURE-----\n"}, "is signed by the SSH key"),
            id="a signature in the message",
        ),
        pytest.param(("EVE", {}, "is signed by the OpenPGP key"), id="an unknown key of OpenPGP", marks=NEEDS_GPG),
        pytest.param(("GRACE", {"signed": told}, "has a signature of something else"), id="another message, openpgp", marks=NEEDS_GPG),
    ],
)  # fmt: skip
async def test_anything_else_does_not(wants, remote, people, signers, case):
    who, how, why = case
    made = await commit(remote, people[who].sign if who else None, **how)
    found = await refusal(wants, made, signers)
    assert why in found
    assert found.startswith(f"trueup/shop: commit {made[:12]} ")
    assert "spec.verify wants a signature by: ada@example.com, " in found


@dataclass(frozen=True, slots=True)
class Forger:
    """Somebody who has what Grace signed, but cannot have her sign what Eve wants."""

    grace: OpenPgp
    eve: OpenPgp
    text: bytes
    """What Eve wants to be taken for signed by Grace."""

    def grace_on(self, text=b"another", how="--detach-sign"):
        return self.grace.gpg(how, stdin=text)

    def eve_on_it(self, *more):
        return self.eve.gpg(*more, "--detach-sign", stdin=self.text)

    def armored(self, *packets):
        return self.grace.gpg("--enarmor", stdin=b"".join(packets)).replace(b"PGP ARMORED FILE", b"PGP SIGNATURE")

    def expired(self):
        signature = self.grace.sign(self.text, "--default-sig-expire", "seconds=1")
        time.sleep(2.1)
        return signature


NOTE = "a@example.com=%0A[GNUPG:] GOODSIG x%0A[GNUPG:] VALIDSIG x 1 1 0 4 0 22 10 00 x"
TRICKS = {
    "a message with a good signature of its own": lambda it: it.grace.gpg("--armor", "--sign", stdin=b"another"),
    "a clear text with a good signature of its own": lambda it: it.grace_on(how="--clear-sign"),
    "a good one, then one of nobody": lambda it: it.grace.sign(it.text) + it.eve.sign(it.text),
    "one of nobody, then a good one": lambda it: it.eve.sign(it.text) + it.grace.sign(it.text),
    "one of something else, then a good one": lambda it: it.grace.sign(b"another") + it.grace.sign(it.text),
    "both in one armor": lambda it: it.armored(it.grace_on(), it.eve_on_it()),
    "with the key that it was made with": lambda it: it.armored(it.eve.gpg("--export"), it.eve_on_it()),
    "with a note that says it is good": lambda it: it.armored(it.eve_on_it("--sig-notation", NOTE)),
    "one that has expired": lambda it: it.expired(),
    "over SHA-1": lambda it: it.grace.sign(it.text, "--digest-algo", "SHA1"),
}


@NEEDS_GPG
@pytest.mark.long
@pytest.mark.parametrize("trick", TRICKS.values(), ids=TRICKS)
async def test_what_openpgp_would_let_pass_somewhere_does_not_pass(wants, remote, people, signers, trick):
    made = await commit(remote, lambda payload: trick(Forger(people["GRACE"], people["EVE"], payload)))
    assert await refusal(wants, made, signers) != ""


async def test_of_two_signatures_both_must_be_good(wants, remote, people, signers):
    """git puts the parts of a header that is there twice together: that is no signature."""
    made = await commit(remote, people["ada"].sign, extra=header("gpgsig", people["eve"].sign(b"x")))
    assert await refusal(wants, made, signers) != ""


async def test_a_signature_for_another_purpose_does_not_count(wants, remote, people, signers):
    made = await commit(remote, lambda payload: people["ada"].sign(payload, "file"))
    assert await refusal(wants, made, signers) != ""


async def test_who_has_a_certificate_of_an_authority_passes(wants, remote, people, signers):
    certified = Ssh(people["certified"].key.with_name("certified-cert.pub"))
    assert await refusal(wants, await commit(remote, certified.sign), signers) == ""
    assert "is signed by the SSH key" in await refusal(wants, await commit(remote, people["certified"].sign), signers)


async def test_validity_is_judged_at_the_date_of_the_commit(wants, remote, people, signers):
    """As git does: whoever may not sign any more is revoked, since dates are only what a commit says."""
    assert await refusal(wants, await commit(remote, people["old"].sign, date=1_500_000_000), signers) == ""
    assert "not valid any more" in await refusal(wants, await commit(remote, people["old"].sign), signers)


async def test_a_revoked_key_never_passes(wants, remote, people, signers):
    made = await commit(remote, people["ada"].sign)
    assert await refusal(wants, made, replace(signers, revoked=people["eve"].public)) == ""
    assert "or by a revoked key" in await refusal(wants, made, replace(signers, revoked=people["ada"].public))


@NEEDS_GPG
async def test_a_key_of_openpgp_that_was_revoked_or_has_expired_does_not_pass(wants, remote, people):
    someone = people["REVOKED"]
    made = await commit(remote, someone.sign)
    before = parse_signers({"k.asc": someone.public}, "here")
    assert await refusal(wants, made, before) == ""
    (certificate,) = (someone.home / "openpgp-revocs.d").glob("*.rev")
    text = certificate.read_text().replace(":-----BEGIN", "-----BEGIN")
    someone.gpg("--import", stdin=text.encode())
    assert "was revoked" in await refusal(wants, made, parse_signers({"k.asc": someone.public}, "here"))
    expired = people["EXPIRED"]
    made = await commit(remote, lambda payload: expired.sign(payload, "--faked-system-time", "20200102T000000"))
    assert await refusal(wants, made, parse_signers({"k.asc": expired.public}, "here")) == ""
    expired.gpg("--faked-system-time", "20200102T000000", "--quick-set-expire", _fingerprint(expired), "2020-02-01")
    assert "has expired" in await refusal(wants, made, parse_signers({"k.asc": expired.public}, "here"))


def _fingerprint(someone):
    listed = someone.gpg("--with-colons", "--list-keys").decode()
    return next(line.split(":")[9] for line in listed.splitlines() if line.startswith("fpr"))


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """The home of the worker's own user."""
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


async def test_nothing_that_the_machine_trusts_counts(wants, remote, people, signers, machine):
    (machine / ".gitconfig").write_text(f'[gpg "ssh"]\nallowedSignersFile = {machine}/all\n')
    (machine / "all").write_text(f"* {people['rsa'].public}\n")
    nobody = replace(signers, ssh=f"ada@example.com {people['ada'].public}")
    assert "is signed by the SSH key" in await refusal(wants, await commit(remote, people["rsa"].sign), nobody)


@pytest.fixture
def wants_tag(mirror):
    mirror.repository = replace(mirror.repository, verify=Verification(VerifyMode.TAG))
    return mirror


@pytest.mark.parametrize("who", ["ada", pytest.param("GRACE", marks=NEEDS_GPG)])
@pytest.mark.long
async def test_a_signed_tag_passes_whatever_its_commit(wants_tag, remote, people, signers, who):
    made = await commit(remote, None)
    await tag(remote, "v1", made, people[who].sign)
    assert await refusal(wants_tag, made, signers, ref=TAG) == ""
    wants_tag.repository = replace(wants_tag.repository, verify=Verification(VerifyMode.BOTH))
    assert "commit" in await refusal(wants_tag, made, signers, ref=TAG)
    both = await commit(remote, people["ada"].sign)
    await tag(remote, "v2", both, people[who].sign)
    assert await refusal(wants_tag, both, signers, ref="refs/tags/v2") == ""


async def test_a_tag_that_is_not_signed_as_it_should_does_not_pass(wants_tag, remote, people, signers):
    made = await commit(remote, people["ada"].sign)
    await remote.set_ref("refs/tags/light", made)
    assert "tag light is not an annotated one" in await refusal(wants_tag, made, signers, ref="refs/tags/light")
    await tag(remote, "plain", made, None)
    assert "tag plain is not signed" in await refusal(wants_tag, made, signers, ref="refs/tags/plain")
    await tag(remote, "eves", made, people["eve"].sign)
    assert "tag eves is signed by the SSH key" in await refusal(wants_tag, made, signers, ref="refs/tags/eves")
    assert "mode wants a tag, and main is none" in await refusal(wants_tag, made, signers)
    assert "mode wants a tag, and a commit was declared" in await refusal(wants_tag, made, signers, ref="")


async def test_a_signed_tag_under_another_name_does_not_pass(wants_tag, remote, people, signers):
    """Or whoever may push could have an old release come back as a new one."""
    made = await commit(remote, None)
    await tag(remote, "v1", made, people["ada"].sign, ref="refs/tags/v2")
    assert "tag v2 is the tag 'v1' under another name" in await refusal(wants_tag, made, signers, ref="refs/tags/v2")


async def test_a_tag_of_a_signed_tag_needs_a_signature_of_its_own(wants_tag, remote, people, signers):
    made = await commit(remote, None)
    inner = await tag(remote, "inner", made, people["ada"].sign)
    await tag(remote, "v1", inner, None, kind="tag")
    assert "tag v1 is not signed" in await refusal(wants_tag, made, signers, ref=TAG)
    await tag(remote, "v3", inner, people["ada"].sign, kind="tag")
    assert await refusal(wants_tag, made, signers, ref="refs/tags/v3") == ""


@pytest.mark.long
async def test_a_tag_that_has_moved_still_vouches_for_what_it_was_seen_at(wants_tag, remote, people, signers):
    first = await commit(remote, None)
    await tag(remote, "v1", first, people["ada"].sign)
    assert await refusal(wants_tag, first, signers, ref=TAG) == ""
    second = await commit(remote, None, files={"apps/web/a.yaml": "a: 2\n"})
    await tag(remote, "v1", second, people["eve"].sign)
    assert await refusal(wants_tag, first, signers, ref=TAG) == ""
    assert "is signed by the SSH key" in await refusal(wants_tag, second, signers, ref=TAG)
    never = await commit(remote, None, files={"apps/web/a.yaml": "a: 3\n"})
    assert "leads to" in await refusal(wants_tag, never, signers, ref=TAG)


async def test_keys_are_those_of_the_secret_and_of_the_declaration(people):
    secrets = GivenSecrets(keys={"allowed_signers": f"ada@example.com {people['ada'].public}".encode()})
    wanted = Verification(secret="keys", keys=(f"eve@example.com {people['eve'].public}",))
    repository = repository_at("https://x.invalid/a/b.git", verify=wanted)
    assert (await signers_of(repository, secrets)).names == ("ada@example.com", "eve@example.com")
    with pytest.raises(SourceRefused, match="cannot be read here; set TRUEUP_SECRETS"):
        await signers_of(repository, None)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("error: cannot run gpg: No such file or directory", "is signed with OpenPGP, and gpg is not installed here"),
        ("error: cannot run ssh-keygen: No such file", "is signed with SSH, and ssh-keygen is not installed here"),
        ("error: no signature found", "is not signed"),
        ("", "is not signed"),
        ("whatever", "has no good signature"),
        (
            "[GNUPG:] GOODSIG ABC Grace\n[GNUPG:] VALIDSIG ABCD 2026-11-28 1 0 4 0 22 2 00 ABCD",
            f"is signed by the OpenPGP key ABCD over {BROKEN}",
        ),
    ],
)
def test_what_is_wrong_is_said_in_words(said, words):
    assert reason(said) == words


def test_no_keys_let_nothing_pass():
    assert Signers().names == ()
