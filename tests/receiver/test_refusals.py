"""What the log says of webhooks that are refused: whose, why, what to mend; and not too often."""

import pytest
from structlog.testing import capture_logs

from jobs.derive import Purpose
from jobs.records import ScopeRecord
from receiver import refusals
from receiver.refusals import AGAIN_SECONDS, LONGEST_SCOPE, MOST, Refusals
from reconciler.logs import mask
from tests.servers.front_door import ADDRESS, SCOPE, SECRET, push_of, secret_of, signed

SHOP = ScopeRecord(scope=SCOPE, provider="github", repository="trueup/shop")


@pytest.fixture
def clock(monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(refusals.time, "monotonic", lambda: now[0])
    return now


@pytest.mark.parametrize(
    ("scope", "declared", "named"),
    [
        pytest.param(SCOPE, [SHOP], "trueup webhook register trueup/shop,", id="a repository's own"),
        pytest.param("git.example/acme", [SHOP], "trueup webhook show --scope git.example/acme", id="one for many"),
        pytest.param(
            "git.example/acme", [SHOP.model_copy(update={"scope": "git.example/acme", "repository": ""})],
            "trueup webhook show --scope git.example/acme", id="one for many, with a secret of before",
        ),
    ],
)  # fmt: skip
def test_who_has_not_the_secret_is_told_with_what_to_mend(scope, declared, named):
    with capture_logs() as lines:
        Refusals().unsigned("github", scope, declared)
    ((line),) = lines
    assert (line["event"], line["log_level"], line["scope"]) == ("delivery.refused", "warning", scope)
    assert named in mask(None, "", dict(line))["note"], "also when what looks like a secret is masked"


def test_nobody_fills_the_log(clock):
    told = Refusals()
    with capture_logs() as lines:
        for _ in range(3):
            told.unsigned("github", SCOPE, [SHOP])
            told.unsigned("gitlab", SCOPE, [SHOP])
        for number in range(100):
            told.unknown("github", f"{number}" + "x" * 5000)
    assert [line["provider"] for line in lines] == ["github", "gitlab", "github"]
    assert len(lines[-1]["scope"]) == LONGEST_SCOPE
    clock[0] += AGAIN_SECONDS
    with capture_logs() as lines:
        told.unknown("github", "a")
        told.unsigned("github", SCOPE, [SHOP])
    assert len(lines) == 2


def test_what_is_remembered_has_a_bound():
    told = Refusals()
    with capture_logs():
        for number in range(MOST + 5):
            told.unsigned("github", f"{number}", [SHOP])
    assert len(told._told) == 5


@pytest.mark.parametrize(
    ("address", "secret", "note"),
    [
        pytest.param(ADDRESS, b"wrong", "trueup webhook register trueup/shop", id="another secret"),
        pytest.param(f"{ADDRESS}-x", SECRET, "no Repository of github is declared there", id="another address"),
        pytest.param(ADDRESS, SECRET, None, id="welcome"),
        pytest.param("/webhooks/github/git.example/acme", secret_of("github", Purpose.HMAC, scope="git.example/acme").hex().encode(),
                     None, id="welcome at its organisation's"),
    ],
)  # fmt: skip
async def test_a_refused_delivery_stands_in_the_log(door, address, secret, note):
    with capture_logs() as lines:
        answer = await door.send(push_of(), signed(push_of(), secret=secret), address)
    notes = [line["note"] for line in lines if line["event"] == "delivery.refused"]
    assert answer.status == (202 if note is None else 401)
    assert [note in found for found in notes] == ([] if note is None else [True])
    assert secret.decode() not in str(lines)


@pytest.mark.parametrize("address", ["/", "/webhooks", "/webhook/github", "/webhooks/github"])
async def test_who_posts_where_nothing_is_is_told_where_webhooks_are_taken(door, address):
    answer = await door.send(push_of(), signed(push_of()), address)
    assert answer.status in (404, 405)
    assert answer.json["detail"].startswith("webhooks are taken at /webhooks/{provider}/{scope}")
