"""Signatures of commits and tags: only a good one by a key that was declared passes.

git checks them, with ssh-keygen and gpg, each in a directory that holds the declared keys and nothing else: no key of the machine, no
key server. What they print decides only what people are told.
"""

import re
import tempfile
from collections.abc import Collection, Mapping
from pathlib import Path

from reconciler.declarations.signers import Signers, parse_signers
from reconciler.errors import NotVerified, SourceRefused
from reconciler.git.command import ANSWER_SECONDS, Call
from reconciler.git.mirror import Mirror
from reconciler.git.reach import Reach
from reconciler.model.declared import Repository, SecretRef, Secrets
from reconciler.model.verification import Verification, VerifyMode

TAGS = "refs/tags/"

NAMED = 5
"""Signers that a message names."""

CONFIG = """[gpg]
\tminTrustLevel = fully
\tprogram = gpg
[gpg "x509"]
\tprogram = /bin/false
[gpg "ssh"]
\tprogram = ssh-keygen
\tallowedSignersFile = {home}/allowed_signers
\trevocationFile = {home}/revoked_keys
"""
"""https://git-scm.com/docs/git-config#Documentation/git-config.txt-gpgprogram"""

GPG_CONFIG = "trust-model always\nno-auto-key-retrieve\nno-auto-key-locate\nbatch\nno-tty\nno-autostart\nlock-never\n"
"""Every declared key is trusted, and no other is looked for."""

_VALID = r"^\[GNUPG:\] GOODSIG .*\n(?:.*\n)*?\[GNUPG:\] VALIDSIG (\S+)(?: \S+){6} "
"""Up to the number of the hash: https://github.com/gpg/gnupg/blob/master/doc/DETAILS, VALIDSIG."""

_STRONG = "(?:8|9|10|11|12|14) "
"""SHA-2 and SHA-3: https://www.rfc-editor.org/rfc/rfc9580#section-9.5. What SHA-1 names may be one of two things."""

_GOOD = (
    re.compile(r'^Good "git" signature for \S', re.MULTILINE),
    re.compile(_VALID + _STRONG, re.MULTILINE),
)

_REASONS = (
    (
        f"{_VALID}(?!{_STRONG})",
        "is signed by the OpenPGP key {0} over a hash that is broken, such as SHA-1; sign it anew, with digest-algo SHA512 in gpg.conf",
    ),
    (r"key is not permitted for use in signature namespace", "is signed by a key that is declared for something else"),
    (
        r"(?=[\s\S]*key has expired)[\s\S]*?^Good .* key (\S+)",
        "is signed by the SSH key {0}, which was not valid any more at its date",
    ),
    (
        r"(?=[\s\S]*key is not yet valid)[\s\S]*?^Good .* key (\S+)",
        "is signed by the SSH key {0}, which was not valid yet at its date",
    ),
    (r'^Good "git" signature with .* key (\S+)', "is signed by the SSH key {0}, which is not among them"),
    (r"^\[GNUPG:\] BADSIG (\S+)", "has a signature of something else by the OpenPGP key {0}"),
    (r"^Could not verify signature", "has a signature of something else, or by a revoked key"),
    (r"^\[GNUPG:\] (?:NO_PUBKEY|ERRSIG) (\S+)", "is signed by the OpenPGP key {0}, which is not among them"),
    (r"^\[GNUPG:\] EXPKEYSIG (\S+)", "is signed by the OpenPGP key {0}, which has expired"),
    (r"^\[GNUPG:\] REVKEYSIG (\S+)", "is signed by the OpenPGP key {0}, which was revoked"),
    (r"^\[GNUPG:\] EXPSIG (\S+)", "has a signature that has expired"),
    (r"cannot run gpg", "is signed with OpenPGP, and gpg is not installed here"),
    (r"cannot run ssh-keygen", "is signed with SSH, and ssh-keygen is not installed here"),
)


async def signers_of(repository: Repository, secrets: Secrets | None) -> Signers:
    """The keys that count for a Repository now.

    Raises:
        SourceRefused: when there are none, or what there is is no key.
        Stalled: when their Secret is missing.
        Transient: when it cannot be read now.
    """
    wanted = repository.verify or Verification()
    entries = {f"spec.verify.keys[{index}]": key.encode() for index, key in enumerate(wanted.keys)}
    what = f"{repository.name}: spec.verify"
    if wanted.secret:
        what = f"{repository.name}: Secret {wanted.secret}"
        if secrets is None:
            raise SourceRefused(f"{what}, which spec.verify names, cannot be read here; set TRUEUP_SECRETS")
        entries |= await secrets.read(SecretRef(repository.name.namespace, wanted.secret))
    return parse_signers(entries, what)


async def verify(mirror: Mirror, commit: str, refs: Collection[str], signers: Signers) -> Mapping[str, NotVerified]:
    """Check a commit that is here, as each of these refs leads to it; the refs that must not be used, and why.

    Args:
        mirror: of a Repository with `verify`.
        commit: a full hash.
        refs: how it is followed; empty for a commit that is declared by its hash.
        signers: whose signatures count.

    Raises:
        SourceUnavailable: when a tag cannot be fetched now, or git does not end in time.
    """
    assert mirror.repository.verify is not None
    mode = mirror.repository.verify.mode
    with tempfile.TemporaryDirectory(prefix="trueup-verify-") as directory:
        checks = _Checks(mirror, signers, _home(Path(directory), signers))
        refused: dict[str, NotVerified] = {}
        wrong = await checks.commit(commit) if mode is not VerifyMode.TAG else None
        for ref in refs:
            try:
                error = wrong or (await checks.tag(ref, commit) if mode is not VerifyMode.COMMIT else None)
            except SourceRefused as refusal:
                error = NotVerified(str(refusal))
            if error is not None:
                refused[ref] = error
    return refused


def _home(directory: Path, signers: Signers) -> Reach:
    """What git gets to check with."""
    for name, text in (("allowed_signers", signers.ssh), ("revoked_keys", signers.revoked), ("gpg.conf", GPG_CONFIG)):
        (directory / name).write_text(f"{text}\n")
    (directory / "pubring.gpg").write_bytes(signers.openpgp)
    config = directory / "git.config"
    config.write_text(CONFIG.format(home=directory))
    return Reach({"GNUPGHOME": str(directory)}, include=str(config))


class _Checks:
    """Checks of one mirror's objects with the same keys."""

    def __init__(self, mirror: Mirror, signers: Signers, home: Reach) -> None:
        self._mirror = mirror
        self._signers = signers
        self._home = home

    async def commit(self, commit: str) -> NotVerified | None:
        """Why a commit does not pass; None when it does."""
        return await self._check("verify-commit", commit, f"commit {commit[:12]}")

    async def tag(self, ref: str, commit: str) -> NotVerified | None:
        """Why a tag that leads to a commit does not pass; None when it does.

        Raises:
            SourceRefused: when it leads elsewhere by now.
            SourceUnavailable: when it cannot be fetched now.
        """
        name = ref.removeprefix(TAGS)
        if not ref.startswith(TAGS):
            followed = f"{ref.removeprefix('refs/heads/')} is none" if ref else "a commit was declared"
            return self._refusal(f"spec.verify.mode wants a tag, and {followed}; follow a tag, or set mode: commit")
        found = await self._mirror.tag(ref, commit)
        if found is None:
            return self._refusal(f"tag {name} is not an annotated one, so it has no signature; make it with: git tag -s {name}")
        if found.name != name:
            return self._refusal(f"tag {name} is the tag {found.name!r} under another name")
        return await self._check("verify-tag", found.id, f"tag {name}")

    async def _check(self, command: str, name: str, what: str) -> NotVerified | None:
        mirror = self._mirror
        call = Call(f"{mirror.repository.name}: cannot check {what}", ANSWER_SECONDS, reach=self._home)
        completed = await mirror.git.attempt(mirror.directory.path, command, "--raw", name, call=call)
        said = f"{completed.stdout.decode(errors='replace')}\n{completed.message}"
        if completed.code == 0 and any(pattern.search(said) for pattern in _GOOD):
            return None
        return self._refusal(f"{what} {reason(said)}")

    def _refusal(self, why: str) -> NotVerified:
        names, count = self._signers.names, len(self._signers.names)
        more = f" and {count - NAMED} more" if count > NAMED else ""
        return NotVerified(
            f"{self._mirror.repository.name}: {why}; spec.verify wants a signature by: {', '.join(names[:NAMED])}{more}"
        )


def reason(said: str) -> str:
    """In words what is wrong with a signature, from what git and the programs that it runs print."""
    for pattern, words in _REASONS:
        if found := re.search(pattern, said, re.MULTILINE):
            return words.format(*(group or "" for group in found.groups()))
    return "is not signed" if not said.strip() or "no signature found" in said else "has no good signature"
