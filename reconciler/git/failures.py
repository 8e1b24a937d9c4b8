"""What git says on standard error when it fails, and what that means for a person. Pure.

The sentences are git's own in the C locale, as its and libcurl's sources have them; tests/reconciler/git provokes most of them.
"""

from reconciler.errors import SourceRefused, SourceUnavailable
from reconciler.urls import redact

REFUSED, UNAVAILABLE = SourceRefused, SourceUnavailable

LOGIN = "the server refuses the credentials; check the Secret in spec.credentials.secretRef"
ABSENT = "the server has no such repository, or hides it from these credentials; check spec.url"
NO_COMMIT = "the server does not have this commit any more, or does not give it out"
NO_REF = "the server has no such branch or tag"
UNADVERTISED = "the server gives out only what its branches and tags are at"
ELSEWHERE = "the server redirects elsewhere, and credentials are not sent after it; write the address it redirects to in spec.url"
UNREACHED = "nobody answers there; check spec.url if that lasts"
TOO_LARGE = "a pack of it is larger than TRUEUP_MIRROR_LIMIT; this is no configuration repository, or raise that"
HOSTILE_MODULES = (
    "git's own check refuses what .gitmodules says: a name, path or url that begins like an option or leads out of the tree"
)
NONSENSE = "the server sends what no Git server sends"
MISMATCHED = "the server names its commits by another algorithm than it did"
ENDED = "the server ended the connection; it may want a client certificate"
UNTRUSTED = "the server's certificate is not trusted here; add its authority to the file that SSL_CERT_FILE names"

MEANINGS: tuple[tuple[str, type[SourceRefused | SourceUnavailable], str], ...] = (
    ("could not read Username", REFUSED, "the server asks for credentials; name a Secret in spec.credentials.secretRef"),
    ("could not read Password", REFUSED, LOGIN),
    ("Authentication failed", REFUSED, LOGIN),
    ("returned error: 401", REFUSED, LOGIN),
    ("returned error: 403", REFUSED, "the server denies access; the credentials may not read this repository"),
    ("returned error: 404", REFUSED, ABSENT),
    ("returned error: 429", UNAVAILABLE, "the server asks for patience"),
    ("returned error: 5", UNAVAILABLE, "the server is in trouble"),
    ("returned error: 3", REFUSED, ELSEWHERE),
    ("from redirection", REFUSED, ELSEWHERE),
    ("Could not resolve host", UNAVAILABLE, "its host name is not known to DNS; check spec.url if that lasts"),
    ("Connection refused", UNAVAILABLE, UNREACHED),
    ("Failed to connect", UNAVAILABLE, UNREACHED),
    ("Operation too slow", UNAVAILABLE, "the server sent almost nothing for 30 s"),
    ("timed out", UNAVAILABLE, "the server did not answer in time"),
    ("certificate verification failed", REFUSED, UNTRUSTED),
    ("SSL certificate problem", REFUSED, UNTRUSTED),
    ("no alternative certificate subject name", REFUSED, "the server's certificate is for another host name; check spec.url"),
    ("does not match target host name", REFUSED, "the server's certificate is for another host name; check spec.url"),
    ("certificate is required", REFUSED, "the server asks for a client certificate; give tls.crt and tls.key in the Secret"),
    ("certificate required", REFUSED, "the server asks for a client certificate; give tls.crt and tls.key in the Secret"),
    ("alert unknown ca", REFUSED, "the server does not trust the client certificate of the Secret"),
    ("couldn't find remote ref", REFUSED, NO_REF),
    ("not our ref", REFUSED, NO_COMMIT),
    ("unadvertised object", REFUSED, UNADVERTISED),
    ("transport '", REFUSED, "it is reached by a protocol that TRUEUP_GIT_PROTOCOLS does not list"),
    ("mismatched algorithms", REFUSED, MISMATCHED),
    ("died of signal 25", REFUSED, TOO_LARGE),  # SIGXFSZ: the file was larger than it may be
    ("Out of memory", REFUSED, "git needed more memory than it may have; this is no configuration repository"),
    ("unable to mmap", REFUSED, "git needed more memory than it may have; this is no configuration repository"),
    (": gitmodules", REFUSED, HOSTILE_MODULES),
    ("fsck error", REFUSED, "the server sent objects that git's own check refuses"),
    ("invalid index-pack output", REFUSED, "the server sent objects that git's own check refuses"),
    ("does not appear to be a git repository", REFUSED, ABSENT),
    ("not valid: is this a git repository", REFUSED, "the address answers, but not as a Git server; check spec.url"),
    ("detected dubious ownership", REFUSED, "the repository belongs to another user of this machine"),
    (
        "dumb http transport",
        REFUSED,
        "the server has no smart protocol, which single commits are fetched by; serve it by git http-backend",
    ),
    ("remote did not send all necessary objects", UNAVAILABLE, "the server left out objects of the commit"),
    *(
        (said, UNAVAILABLE, NONSENSE)
        for said in (
            "protocol error",
            "unknown protocol",
            "server doesn't support",
            "expected 'packfile'",
            "expected flush after",
            "expected no other sections",
            "invalid shallow line",
            "unexpected wanted-ref",
            "unexpected acknowledgment",
            "pack is corrupted",
            "pack has bad object",
            "pack has junk",
            "pack signature mismatch",
            "pack version",
            "inflate returned",
            "inflate inconsistency",
            "unknown object type",
            "premature end of pack",
            "pack exceeds maximum",
            "too many objects",
        )
    ),
    ("the remote end hung up", UNAVAILABLE, "the server ended the connection"),
    *((said, UNAVAILABLE, ENDED) for said in ("endpoint is not connected", "Send failure", "Recv failure", "GnuTLS recv error")),
    ("early EOF", UNAVAILABLE, "the server ended the connection"),
    ("RPC failed", UNAVAILABLE, "the server ended the connection"),
    ("No space left on device", UNAVAILABLE, "the disk with TRUEUP_STATE is full"),
    ("' not found", REFUSED, ABSENT),
    ("Repository not found", REFUSED, ABSENT),
    ("Could not read from remote repository", UNAVAILABLE, "the server ended the connection without a word"),
)
"""The first that is found counts; what is in none of them is likely the mirror's own trouble."""


class MirrorBroken(SourceUnavailable):
    """Git failed for no reason that the remote gave: the mirror on disk is likely damaged."""


def explain(said: str) -> tuple[type[SourceRefused | SourceUnavailable], str] | None:
    """What git's words mean; None when they are not known."""
    lowered = said.lower()
    for text, kind, meaning in MEANINGS:
        if text.lower() in lowered:
            return kind, meaning
    return None


def last_line(said: str) -> str:
    """Git's last words, without its prefix and without credentials."""
    lines = [line.removeprefix("fatal: ").removeprefix("error: ") for line in redact(said).splitlines() if line.strip()]
    return lines[-1][:500] if lines else ""
