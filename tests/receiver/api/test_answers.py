"""What handlers read from requests, and refuse."""

import json as jsonlib

import pytest
from pydantic import BaseModel

from receiver.api.answers import LONGEST_WAIT_SECONDS, json, number, seconds
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
