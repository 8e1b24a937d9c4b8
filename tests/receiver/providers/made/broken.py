"""Deliveries broken at random: what has another type, is missing, doubled, endless, deep, cut off or no text; headers with any byte."""

import json
import random
from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

from receiver.providers.event import Ignored, WebhookRequest
from tests.receiver.providers.made.case import Case

DEEP = json.loads("[" * 200 + "]" * 200)
ODD: tuple[Any, ...] = (
    None, True, False, 0, -1, 1e308, 10**30, "", " ", "\x00", "\u202e", "\ud800", "é" * 300, "x" * 70_000, [], {}, [[]], [None], {"": {}},
    [{}] * 50, DEEP, "0" * 40, "0" * 64, "refs/heads/", "refs/heads/a..b", "refs/tags/x.lock", "main", "HEAD", "https://", "https://[",
    "https://h:x/a", "https://h:99999/a", "https://h/%00", "https://h/%ff%fe", "https://h/../a", "https://-h/a", "git@-h:a", "/etc/passwd",
    "file:///etc", "ext::sh -c x", "https://ada:hunter2@h/a", "https://h/" + "a/" * 3000, "https://h/.*", "https://h/(a+)+$", "%%", "{{7*7}}",
)  # fmt: skip
"""What stands in a place where something else should."""

BYTES = (
    b"\xff",
    b"\x00",
    b"\xed\xa0\x80",
    b"\xef\xbb\xbf",
    b"{",
    b"[" * 2000,
    b'"',
    b"\\u",
    b"NaN",
    b"1e999",
    b"9" * 5000,
    b",",
    b"}",
)
HEADERS = (
    "\x80", "\xff" * 40, "\udcff", "é", "x" * 100_000, "", " ", "²", "sha256=", "Basic " + "A" * 4001, "v1," * 4000, "\u2028", "0",
    "push", "ping", "delete", "Push Hook", "System Hook", "repo:push", "repo:refs_changed", "diagnostics:ping", "git.push",
    "application/x-www-form-urlencoded",
)  # fmt: skip


MEANING = 0.8
"""How many are of events that mean something: the payloads of most others are not looked into."""


def broken(cases: list[Case], seed: int) -> Iterator[WebhookRequest]:
    """Endless requests, the same ones for the same seed."""
    chance = random.Random(seed)
    meaning = [case for case in cases if not isinstance(case.means, Ignored)]
    while True:
        case = chance.choice(meaning if chance.random() < MEANING else cases)
        payload, headers = json.loads(case.body), dict(case.named)
        for _ in range(chance.choice((1, 1, 1, 2, 5))):
            payload = chance.choice(IN_PAYLOAD)(payload, chance)
        body = json.dumps(payload).encode()
        if chance.random() < 0.25:
            body = chance.choice(IN_BODY)(body, chance)
        if chance.random() < 0.25:
            name = chance.choice(
                [*headers, "x-hub-signature-256", "x-gitlab-token", "webhook-signature", "authorization", "webhook-id"]
            )
            headers[name] = chance.choice(HEADERS)
        yield WebhookRequest(headers, body, 0.0)


def _place(payload: Any, chance: random.Random) -> tuple[Any, Any]:
    """Something that holds others, and the key of one of them; nothing holds nothing."""
    holder, key, here = None, None, payload
    while isinstance(here, dict | list) and here and (holder is None or chance.random() < 0.7):
        holder, key = here, chance.choice(list(here)) if isinstance(here, dict) else chance.randrange(len(here))
        here = holder[key]
    return holder, key


def _replace(payload: Any, chance: random.Random) -> Any:
    holder, key = _place(payload, chance)
    if holder is None or chance.random() < 0.01:
        return deepcopy(chance.choice(ODD))
    holder[key] = deepcopy(chance.choice(ODD))
    return payload


def _drop(payload: Any, chance: random.Random) -> Any:
    holder, key = _place(payload, chance)
    if holder is not None:
        del holder[key]
    return payload


def _wrap(payload: Any, chance: random.Random) -> Any:
    holder, key = _place(payload, chance)
    if holder is not None:
        holder[key] = chance.choice(([holder[key]], {"href": holder[key]}, [holder[key]] * 3, str(holder[key])))
    return payload


def _swap(payload: Any, chance: random.Random) -> Any:
    one, another = _place(payload, chance), _place(payload, chance)
    if one[0] is not None and another[0] is not None:
        one[0][one[1]] = json.loads(json.dumps(another[0][another[1]]))
    return payload


def _cut(body: bytes, chance: random.Random) -> bytes:
    return body[: chance.randrange(len(body))]


def _flip(body: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(body))
    return body[:at] + bytes([chance.randrange(256)]) + body[at + 1 :]


def _insert(body: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(body))
    return body[:at] + chance.choice(BYTES) + body[at:]


def _double(body: bytes, chance: random.Random) -> bytes:
    """Every field twice, which JSON allows, or the whole of it."""
    return body + body if chance.random() < 0.2 else body.replace(b"{", b'{"ref": 1, "ref": "refs/heads/x", "repository": null, ')


IN_PAYLOAD: tuple[Callable[[Any, random.Random], Any], ...] = (_replace, _replace, _replace, _drop, _wrap, _swap)
IN_BODY: tuple[Callable[[bytes, random.Random], bytes], ...] = (_cut, _flip, _insert, _double)
