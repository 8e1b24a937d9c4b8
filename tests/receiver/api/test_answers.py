"""What handlers read from requests, and refuse."""

import asyncio
import json as jsonlib

import pytest
from aiohttp.streams import StreamReader
from aiohttp.test_utils import make_mocked_request
from pydantic import BaseModel

from receiver.api import answers
from receiver.api.answers import BODY_BYTES, LONGEST_WAIT_SECONDS, json, number, read, seconds
from receiver.problems import Refused


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("0", 0.0), ("60", 60.0), ("60s", 60.0), ("1.5s", 1.5), ("2m", 120.0), ("250ms", 0.25),
        ("5m", LONGEST_WAIT_SECONDS), ("1000m", LONGEST_WAIT_SECONDS), ("999999s", LONGEST_WAIT_SECONDS),
    ],
)  # fmt: skip
def test_durations(text, found):
    assert seconds(text) == found


@pytest.mark.parametrize("text", ["", "s", "-1s", "1h", "soon", "1e3", "60 s", "1.2345s", "1" * 5000, "٣s", "nan", "inf"])
def test_what_is_no_duration_is_refused(text):
    with pytest.raises(Refused, match="Bad Request") as refused:
        seconds(text)
    assert "wait=60s" in refused.value.detail
    assert len(refused.value.detail) < 200


@pytest.mark.parametrize(("text", "found"), [("", 50), ("1", 1), ("500", 500), ("007", 7)])
def test_numbers(text, found):
    assert number(text, default=50, most=500) == found


@pytest.mark.parametrize("text", ["0", "501", "-1", "1.0", "ten", "٣", "²", "1" * 5000, " 1"])
def test_what_is_no_number_is_refused(text):
    with pytest.raises(Refused) as refused:
        number(text, default=50, most=500)
    assert "from 1 to 500" in refused.value.detail


class Thing(BaseModel):
    name: str


@pytest.mark.parametrize(("location", "headers"), [("", {}), ("/x", {"Location": "/x"})])
def test_a_model_is_the_answer(location, headers):
    response = json(Thing(name="é"), status=202, location=location)
    assert (response.status, response.content_type) == (202, "application/json")
    assert jsonlib.loads(response.text) == {"name": "é"}
    assert {name: value for name, value in response.headers.items() if name == "Location"} == headers


def sent(size, *, is_whole=True):
    """A request with so many bytes."""
    stream = StreamReader(make_mocked_request("POST", "/").protocol, 2**20, loop=asyncio.get_running_loop())
    stream.feed_data(b"x" * size)
    if is_whole:
        stream.feed_eof()
    return make_mocked_request("POST", "/", payload=stream)


@pytest.mark.parametrize("size", [0, 1, BODY_BYTES])
async def test_a_body_is_read_to_its_end(size):
    assert await read(sent(size)) == b"x" * size


@pytest.mark.parametrize(
    ("size", "is_whole", "status"),
    [
        pytest.param(BODY_BYTES + 1, True, 413, id="too long"),
        pytest.param(2**20, False, 413, id="without an end"),
        pytest.param(1, False, 408, id="it does not come"),
    ],
)
async def test_a_body_that_is_too_long_or_does_not_come_is_refused(monkeypatch, size, is_whole, status):
    monkeypatch.setattr(answers, "READ_SECONDS", 0.05)
    with pytest.raises(Refused) as refused:
        await read(sent(size, is_whole=is_whole))
    assert refused.value.status == status
