"""The front door under many, large, slow and hostile bodies: the right answer, never a 5xx, and memory that stays flat.

Left out: how many it takes a second, which is the business of the benchmarks.
"""

import asyncio
import gzip
import io
import random

import pytest

from receiver import webhooks
from tests.servers.front_door import ADDRESS, LIMIT, front_door, push_of, signed
from tests.servers.receiver_process import MIB, pour, receiver_process

MANY = 10_000
CONNECTIONS = 20
GROWTH_MIB = 16.0
"""What the second half of many may add to the memory of the first: less than a kB for each."""
LARGE = 26 * MIB
BUDGET = 52 * MIB
SPARE_MIB = 48.0
"""Beside the budget: buffers of the sockets, and what Python has not given back yet."""


def request(body: bytes, event: str = "push") -> bytes:
    head = "".join(f"{name}: {value}\r\n" for name, value in signed(body, event=event).items())
    return f"POST {ADDRESS} HTTP/1.1\r\nHost: x\r\n{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def odd_body(chance: random.Random) -> bytes:
    """Random bytes, or a push with some bytes changed, cut off or put in."""
    if chance.random() < 0.5:
        return chance.randbytes(chance.randrange(300))
    body = bytearray(push_of(chance.randbytes(20).hex()))
    for _ in range(chance.randrange(4)):
        at = chance.randrange(len(body))
        body[at : at + chance.randrange(8)] = chance.randbytes(chance.randrange(8))
    return bytes(body[: chance.choice((len(body), chance.randrange(len(body))))])


HEAD = request(b"").partition(b"Content-Length")[0]
"""Of a request whose signature is not that of its body."""


@pytest.mark.long
async def test_ten_thousand_odd_bodies_with_a_right_signature_are_2xx_and_leave_no_trace_in_memory(tmp_path, valkey, keys):
    chance = random.Random(7)
    events = ["push"] * 8 + ["ping", "issues"]
    requests = [request(odd_body(chance), chance.choice(events)) for _ in range(MANY)]
    async with receiver_process(tmp_path, valkey.url, keys) as receiver:

        async def send(part):
            share = [part[number::CONNECTIONS] for number in range(CONNECTIONS)]
            return {status for found in await asyncio.gather(*map(receiver.statuses, share)) for status in found}

        seen = await send(requests[: MANY // 2])
        half = receiver.memory()
        seen |= await send(requests[MANY // 2 :])
        assert seen <= {200, 202}
        assert receiver.memory() - half < GROWTH_MIB


@pytest.mark.parametrize(
    "signature", [pytest.param("", id="no signature"), pytest.param("X-Hub-Signature-256: sha256=00\r\n", id="wrong signature")]
)
@pytest.mark.long
async def test_bodies_that_are_refused_leave_no_trace_in_memory(tmp_path, valkey, keys, signature):
    body = b"x" * 100_000
    refused = f"POST {ADDRESS} HTTP/1.1\r\nHost: x\r\n{signature}Content-Length: {len(body)}\r\n\r\n".encode() + body
    async with receiver_process(tmp_path, valkey.url, keys) as receiver:
        assert set(await receiver.statuses([refused] * 300)) == {401}
        before = receiver.memory()
        assert set(await receiver.statuses([refused] * 600)) == {401}
        assert receiver.memory() - before < GROWTH_MIB


@pytest.mark.long
async def test_large_bodies_cost_no_more_than_their_budget(tmp_path, valkey, keys):
    async with receiver_process(tmp_path, valkey.url, keys, BODY_BUDGET=str(BUDGET)) as receiver:
        await receiver.statuses([request(push_of())])
        before = receiver.memory()

        async def statuses(size, *has_length):
            answers = await asyncio.gather(*(pour(receiver.port, HEAD, size, has_length=each) for each in has_length))
            return {status for status, _ in answers}

        assert await statuses(LARGE, *[True] * 10) == {413}
        assert receiver.memory(is_peak=True) - before < SPARE_MIB, "what says its length is refused before it is read"
        for _ in range(3):
            assert await statuses(LARGE, False, False, True) == {413}
        assert receiver.memory(is_peak=True) - before < BUDGET / MIB + SPARE_MIB
        for _ in range(3):
            assert await statuses(20 * MIB, True, True) == {401}
        assert receiver.memory(is_peak=True) - before < 2 * BUDGET / MIB + SPARE_MIB, "a body and its pieces, for a moment"
        assert await receiver.statuses([request(push_of())]) == [202]


async def test_a_bomb_is_not_unpacked(door):
    bomb = gzip.compress(b"x" * 50 * MIB)
    for encoding in ("gzip", "deflate", "br", "GZIP", "gzip, gzip"):
        assert (await door.send(bomb, signed(bomb) | {"Content-Encoding": encoding})).status == 415
    assert (await door.send(bomb, signed(bomb))).json["state"] == "ignored", "without the header it is a body that is no JSON"


@pytest.mark.parametrize("has_length", [True, False])
async def test_a_body_past_the_limit_is_not_read_to_its_end(door, has_length):
    status, sent = await pour(door.port, HEAD, LARGE, has_length=has_length)
    assert status == 413
    assert sent < 8 * MIB


@pytest.mark.parametrize(("size", "status"), [(LIMIT, 202), (LIMIT + 1, 413)])
async def test_the_limit_is_exact(door, size, status):
    body = b"{" + b" " * (size - 2) + b"}"
    assert (await door.send(io.BytesIO(body), signed(body))).status == status


async def trickle(door, seconds: float, *, is_signed: bool = True) -> bytes:
    """Send a body byte by byte; the answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
    body = push_of()
    whole = request(body) if is_signed else request(body).replace(b"sha256=", b"sha256=0")
    writer.write(whole[: -len(body)])
    answer = asyncio.create_task(reader.read(4096))
    for byte in body:
        if answer.done():
            break
        writer.write(bytes([byte]))
        await asyncio.sleep(seconds / len(body))
    async with asyncio.timeout(10):
        found = await answer
    writer.close()
    return found


async def test_a_slow_body_is_taken_in_and_one_that_is_too_slow_is_given_up(door, monkeypatch):
    assert (await trickle(door, 0.3)).startswith(b"HTTP/1.1 202 ")
    monkeypatch.setattr(webhooks, "READ_SECONDS", 0.2)
    assert (await trickle(door, 3.0)).startswith(b"HTTP/1.1 408 ")


class Stuck:
    """A sender that announces a body, sends a part of it, and no more."""

    def __init__(self, door, part: int) -> None:
        self._door = door
        self._part = part

    async def __aenter__(self):
        _, self.writer = await asyncio.open_connection("127.0.0.1", self._door.port)
        self.writer.write(HEAD + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % LIMIT + b"x" * self._part)
        await self.writer.drain()
        await asyncio.sleep(0.1)

    async def __aexit__(self, *_):
        self.writer.close()
        await self.writer.wait_closed()


async def test_who_only_announces_a_large_body_stands_in_nobodys_way(valkey, keys):
    async with front_door(valkey.url, keys, body_budget=LIMIT) as door, Stuck(door, 10), Stuck(door, 10), Stuck(door, 10):
        assert (await door.send(push_of(), signed(push_of()))).status == 202


async def test_bodies_that_do_not_fit_the_budget_wait_for_their_turn(valkey, keys):
    async with front_door(valkey.url, keys, body_budget=LIMIT) as door:
        async with Stuck(door, LIMIT - 100):
            waiting = asyncio.create_task(door.send(push_of(), signed(push_of())))
            await asyncio.sleep(0.2)
            assert not waiting.done()
        assert (await waiting).status == 202, "a sender that leaves gives back what it had"


async def test_nobody_waits_for_the_budget_for_ever(valkey, keys, monkeypatch):
    monkeypatch.setattr(webhooks, "TURN_SECONDS", 0.2)
    async with front_door(valkey.url, keys, body_budget=LIMIT) as door, Stuck(door, LIMIT - 100):
        answer = await door.send(push_of(), signed(push_of()))
        assert (answer.status, answer.headers["Retry-After"]) == (503, "5")


async def test_a_whole_budget_of_bodies_at_once_is_taken_in(valkey, keys):
    body = b"{" + b" " * (LIMIT // 2) + b"}"
    async with front_door(valkey.url, keys, body_budget=LIMIT) as door:
        answers = await asyncio.gather(*(door.send(body, signed(body)) for _ in range(20)))
        assert {answer.status for answer in answers} == {202}


async def test_a_body_past_the_limit_that_arrives_with_its_head_is_refused_too(valkey, keys):
    async with front_door(valkey.url, keys, body_limit=100) as door:
        answer = await door.raw(HEAD + b"Transfer-Encoding: chunked\r\n\r\n65\r\n" + b"x" * 101 + b"\r\n0\r\n\r\n")
        assert answer.split()[1] == b"413"
