"""Payloads broken at random: every provider says what it can, and never raises; what it says can be stored and shown.

`FUZZ=1000000 pytest tests/receiver/providers/test_fuzz.py` breaks a million for each provider.
"""

import os
import re
import time
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest

from jobs.records import DeliveryRecord, ScopeRecord
from receiver.keys import Secret
from receiver.providers.event import Comment, Ignored, Ping, PullRequest, Push, Pushes, Rerun
from receiver.providers.payload import MOST_REFS, is_commit, is_ref
from receiver.providers.registry import PROVIDERS
from receiver.webhooks import _records, _text
from reconciler.urls import parse_scope
from tests.receiver.providers.made.broken import broken
from tests.receiver.providers.test_deliveries import CASES

NUMBERS = [int(os.environ["FUZZ"])] if "FUZZ" in os.environ else [1250, pytest.param(10_000, marks=pytest.mark.long)]
"""Of each provider."""
SEED = int(os.environ.get("SEED", "1"))
MEMORY_BYTES = 24 * 1024 * 1024
"""What many may take more than a few did."""

SCOPES = [ScopeRecord(scope="github.com/acme/shop", provider="github")]
SECRET = [Secret(b"It's a Secret to Everybody", 0)]


def memory():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


def judge(provider, raw):
    """All that the front door asks a provider about a request, and what it makes of the answers."""
    assert provider.verify(raw, lambda _: SECRET) is None
    provider.parse(raw)
    request = replace(raw, headers={name: _text(value) for name, value in raw.headers.items()})
    event = provider.parse(request)
    about = DeliveryRecord(
        provider=provider.name, id=provider.delivery_id(request)[:200], event=provider.event_name(request), key=0
    )
    for record in _records(event, SCOPES, "github.com", about):
        assert len(record.model_dump_json()) < 20_000
    match event:
        case Push() | PullRequest() | Comment() | Rerun():
            hold(event)
        case Pushes():
            assert 1 <= len(event.pushes) <= MOST_REFS
            for push in event.pushes:
                hold(push)
        case Ignored():
            assert 0 < len(event.reason) < 300
        case Ping():
            pass


def hold(event):
    if not isinstance(event, Comment):
        assert not event.commit or is_commit(event.commit)
    if isinstance(event, Push | PullRequest):
        is_numbered = re.fullmatch(r"refs/(pull|pull-requests|merge-requests)/[0-9]+/(head|from)", event.ref)
        is_nowhere = isinstance(event, PullRequest) and event.is_fork and not event.ref
        assert is_ref(event.ref) or is_numbered or is_nowhere
    for scope in (event.scope, *event.also):
        assert "%" in scope or parse_scope(scope) == scope.removesuffix(".git")
        assert "hunter2" not in scope


@pytest.mark.timeout(0 if "FUZZ" in os.environ else 120)
@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("name", sorted(PROVIDERS))
def test_nothing_broken_breaks_a_provider(name, number):
    provider, cases = PROVIDERS[name], [case for case in CASES if case.provider == name]
    requests, before, slowest = broken(cases, SEED), 0, 0.0
    for count, request in enumerate(islice(requests, number)):
        begun = time.process_time()
        try:
            judge(provider, request)
        except Exception as error:
            raise AssertionError(f"request {count} of seed {SEED}: {request.headers} {request.body[:2000]!r}") from error
        slowest = max(slowest, time.process_time() - begun)
        if count == number // 10:
            before = memory()
    assert memory() - before < MEMORY_BYTES
    assert slowest < 2
