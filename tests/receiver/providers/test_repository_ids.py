"""What every forge knows a repository by, in whatever it tells of: pushes, pull requests, comments, checks."""

import json
from dataclasses import replace

import pytest

from receiver.providers.event import Ignored, Ping, Pushes
from receiver.providers.payload import Payload, RepositoryId
from receiver.providers.registry import PROVIDERS
from tests.receiver.providers.test_deliveries import CASES

IDS = {
    "github": "1296269", "gitlab": "15", "gitea": "140", "forgejo": "140", "bitbucket": "{1}", "bitbucket-dc": "84",
    "azure": "278d5cd2-584d-4b63-824a-2ba458937249", "generic": "",
}  # fmt: skip

MEANING = [case for case in CASES if not isinstance(case.means, Ignored | Ping)]


def told(case):
    event = PROVIDERS[case.provider].parse(case.request)
    return {one.repository_id for one in (event.pushes if isinstance(event, Pushes) else (event,))}


@pytest.mark.parametrize("provider", IDS)
def test_what_means_something_tells_the_id_of_its_repository(provider):
    found = {case.id: told(case) for case in MEANING if case.provider == provider}
    assert found
    assert set().union(*found.values()) == {IDS[provider]}


class Named(Payload):
    id: RepositoryId = ""


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param(7, "7", id="a number"),
        pytest.param("{c0ffee-1}", "{c0ffee-1}", id="a UUID in braces"),
        pytest.param(None, "", id="nothing"),
        pytest.param([7], "", id="a list"),
        pytest.param(1.5, "", id="half a number"),
        pytest.param("", "", id="an empty text"),
        pytest.param("7 OR 1", "", id="words"),
        pytest.param("7\n", "", id="a line"),
        pytest.param("9" * 65, "", id="endless"),
    ],
)
def test_an_id_is_one_or_none(value, expected):
    assert Named.model_validate({"id": value}).id == expected


@pytest.mark.parametrize("provider", [name for name, known in IDS.items() if known])
def test_an_event_without_an_id_means_the_same(provider):
    case = next(case for case in MEANING if case.provider == provider)
    text = json.dumps(case.payload).replace('"uuid"', '"x"').replace('"project_id"', '"x"').replace('"id"', '"x"')
    bare = replace(case, payload=json.loads(text))
    assert PROVIDERS[provider].parse(bare.request) == case.means
    assert told(bare) == {""}
