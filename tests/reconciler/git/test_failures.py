"""What git says when it fails, and what that means. The sentences are git's and libcurl's; test_mirror provokes most of them."""

import pytest

from reconciler.errors import SourceRefused, SourceUnavailable
from reconciler.git.failures import MEANINGS, explain, last_line


@pytest.mark.parametrize(
    ("said", "kind", "told"),
    [
        ("fatal: could not read Username for 'https://git.example': terminal prompts disabled", SourceRefused, "name a Secret"),
        (
            "remote: HTTP Basic: Access denied\nfatal: Authentication failed for 'https://git.example/x'",
            SourceRefused,
            "check the Secret",
        ),
        ("error: The requested URL returned error: 403", SourceRefused, "may not read"),
        ("fatal: repository 'https://git.example/x.git/' not found", SourceRefused, "no such repository"),
        ("error: The requested URL returned error: 429", SourceUnavailable, "patience"),
        ("error: The requested URL returned error: 503", SourceUnavailable, "in trouble"),
        ("error: The requested URL returned error: 301", SourceRefused, "redirects elsewhere"),
        ("fatal: unable to access 'https://x/': Could not resolve host: x", SourceUnavailable, "DNS"),
        ("fatal: unable to access 'https://x/': Failed to connect to x port 443", SourceUnavailable, "nobody answers"),
        ("fatal: unable to access 'https://x/': SSL certificate problem: self-signed", SourceRefused, "SSL_CERT_FILE"),
        ("fatal: couldn't find remote ref refs/heads/gone", SourceRefused, "no such branch or tag"),
        ("fatal: remote error: upload-pack: not our ref aaaa", SourceRefused, "does not have this commit"),
        ("error: Server does not allow request for unadvertised object aaaa", SourceRefused, "gives out only"),
        ("fatal: transport 'ext' not allowed", SourceRefused, "TRUEUP_GIT_PROTOCOLS"),
        ("fatal: fsck error in packed object", SourceRefused, "git's own check"),
        ("fatal: The remote end hung up unexpectedly", SourceUnavailable, "ended the connection"),
        ("fatal: write error: No space left on device", SourceUnavailable, "TRUEUP_STATE is full"),
    ],
)
def test_known_words_have_a_meaning_and_a_mend(said, kind, told):
    found, meaning = explain(said)
    assert found is kind
    assert told in meaning


@pytest.mark.parametrize("said", ["", "fatal: bad object HEAD", "error: object file .git/objects/aa is empty"])
def test_what_is_not_known_is_likely_the_mirrors_own_trouble(said):
    assert explain(said) is None


@pytest.mark.parametrize("text", [text for text, _, _ in MEANINGS])
def test_every_row_can_be_reached(text):
    assert explain(f"fatal: {text} and more") is not None


@pytest.mark.parametrize(
    ("said", "line"),
    [
        ("", ""),
        ("\n\n", ""),
        ("fatal: it broke", "it broke"),
        ("error: one\nfatal: two\n\n", "two"),
        (
            "fatal: unable to access 'https://ada:hunter2@git.example/x?token=hunter2'",
            "unable to access 'https://***@git.example/x?***'",
        ),
        ("x" * 900, "x" * 500),
    ],
)
def test_the_last_words_have_no_prefix_and_no_secret(said, line):
    assert last_line(said) == line
