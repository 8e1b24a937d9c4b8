"""Running git: no configuration but ours, no prompt, no hook, no protocol that was not allowed, and errors in words.

What each option closes is listed in the git project's release notes; the set is checked by tests/reconciler/git against hostile
repositories. https://git-scm.com/docs/git#_environment_variables, https://git-scm.com/docs/git-config
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from reconciler.errors import SourceRefused, SourceUnavailable, TrueupError
from reconciler.git.credentials import Askpass
from reconciler.process import Completed, Deadline, Limits, run
from reconciler.urls import redact

OPTIONS = {
    "core.hooksPath": "/dev/null",
    "core.symlinks": "false",
    "core.fsmonitor": "false",
    "core.protectHFS": "true",
    "core.protectNTFS": "true",
    "credential.helper": "",
    "fetch.recurseSubmodules": "false",
    "submodule.recurse": "false",
    "fetch.fsckObjects": "true",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "http.followRedirects": "false",
    "http.lowSpeedLimit": "1000",
    "http.lowSpeedTime": "30",
    "protocol.allow": "never",
    "protocol.ext.allow": "never",
    "transfer.bundleURI": "false",
    "transfer.credentialsInUrl": "die",
    "safe.directory": "*",
}

REFUSALS = (
    ("could not read Username", "asks for credentials; name a Secret in spec.credentials.secretRef"),
    ("Authentication failed", "refused the credentials; check the Secret in spec.credentials.secretRef"),
    ("returned error: 401", "refused the credentials; check the Secret in spec.credentials.secretRef"),
    ("returned error: 403", "denied access; the credentials may not read this repository"),
    ("returned error: 404", "has no such repository, or hides it from these credentials"),
    ("not found", "has no such repository, or hides it from these credentials"),
    ("does not appear to be a git repository", "has no such repository"),
    ("couldn't find remote ref", "has no such ref"),
    ("not our ref", "does not have this commit, or does not give it out by its hash"),
    ("transport '", "is reached by a protocol that TRUEUP_GIT_PROTOCOLS does not allow"),
    ("unable to update url base from redirection", "redirects elsewhere; write the address it redirects to"),
    ("server certificate verification failed", "has a certificate that is not trusted here"),
    ("fsck error", "sent objects that git's own check refuses"),
    ("fatal: bad object", "does not have this object"),
)
"""What git says on standard error, and what it means for a person. All else may pass by itself."""


@dataclass(frozen=True, slots=True)
class Git:
    """How git is run: for how long, and by which protocols."""

    protocols: tuple[str, ...]
    timeout_seconds: float

    async def run(
        self, directory: Path, *arguments: str | Path, askpass: Askpass | None = None, what: str = "git", stdin: bytes = b""
    ) -> bytes:
        """Run git in a bare repository; its standard output.

        Raises:
            SourceRefused: when git says no in a way that a person must mend.
            SourceUnavailable: when it fails otherwise, or runs too long.
        """
        completed = await self.attempt(directory, *arguments, askpass=askpass, stdin=stdin)
        if completed.code != 0:
            raise self.error(completed, what)
        return completed.stdout

    async def attempt(
        self, directory: Path, *arguments: str | Path, askpass: Askpass | None = None, stdin: bytes = b""
    ) -> Completed:
        """Run git and say how it ended.

        Raises:
            SourceUnavailable: when it runs too long.
        """
        argv = ["git", "--git-dir", directory, *self._options(), *arguments]
        limits = Limits(self.timeout_seconds, output_bytes=512 * 1024 * 1024)
        env = self._environment(directory) | (askpass.environment if askpass else {})
        try:
            return await run(argv, limits=limits, env=env, stdin=stdin, pass_fds=askpass.descriptors if askpass else ())
        except Deadline as error:
            raise SourceUnavailable(f"git did not answer within {self.timeout_seconds:g} s") from error

    def error(self, completed: Completed, what: str) -> TrueupError:
        """What git's failure means."""
        said = redact(completed.message)
        for text, meaning in REFUSALS:
            if text.lower() in said.lower():
                return SourceRefused(f"{what}: the server {meaning}")
        return SourceUnavailable(f"{what}: {_last_line(said) or f'git ended with {completed.code}'}")

    def _options(self) -> Sequence[str]:
        allowed = {f"protocol.{protocol}.allow": "always" for protocol in self.protocols}
        return [part for key, value in (OPTIONS | allowed).items() for part in ("-c", f"{key}={value}")]

    def _environment(self, directory: Path) -> dict[str, str]:
        return {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "HOME": str(directory),
            "XDG_CONFIG_HOME": str(directory),
            "LC_ALL": "C",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_ATTR_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_ASKPASS": "/bin/false",
            "GIT_ALLOW_PROTOCOL": ":".join(self.protocols),
            "GIT_PROTOCOL_FROM_USER": "0",
            "GIT_NO_LAZY_FETCH": "1",
            "GIT_LFS_SKIP_SMUDGE": "1",
            "GIT_OPTIONAL_LOCKS": "0",
            "GIT_NO_REPLACE_OBJECTS": "1",
        }


def _last_line(text: str) -> str:
    lines = [line.removeprefix("fatal: ").removeprefix("error: ") for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""
