"""The way in: one token, once; then a cookie that opens pages and nothing else, until it ends, or its token does."""

import asyncio
import hashlib
import hmac
from urllib.parse import quote

import aiohttp
import pytest
import structlog

from receiver import auth, metrics
from receiver.api import answers
from receiver.ui import door as the_door
from receiver.ui.guesses import FORGIVEN
from receiver.ui.sessions import SESSION_SECONDS
from tests.receiver.ui.test_links import FOREIGN
from tests.servers.browser import Browser
from tests.servers.front_door import ROLES, front_door
from tests.servers.records import application_record, job_record

GONE = "01m832s9v90eg4qd5rnekstmc6"


@pytest.fixture
async def job(door):
    record = job_record(message="it is live")
    await door.front.jobs.create(record)
    return record


@pytest.mark.parametrize("role", ROLES)
async def test_who_has_a_token_gets_in(browser, job, role):
    answer = await browser.log_in(f"{role}-token", f"jobs/{job.id}")
    assert (answer.status, answer.location) == (303, f"./jobs/{job.id}")
    page = await browser.get(f"/jobs/{job.id}")
    assert page.status == 200
    assert "it is live" in page.html.text
    assert f"{role}s" in page.html.text, "it says who looks"


@pytest.mark.parametrize(
    ("public_url", "name", "is_secure"),
    [
        pytest.param("https://trueup.example", "__Host-trueup", True, id="https"),
        pytest.param("http://trueup.example", "trueup", False, id="http"),
        pytest.param("", "trueup", False, id="unknown"),
    ],
)
async def test_the_cookie_is_for_pages_of_this_host_alone(valkey, keys, public_url, name, is_secure):
    async with front_door(valkey.url, keys, public_url=public_url) as door, aiohttp.ClientSession() as session:
        browser = Browser(f"http://127.0.0.1:{door.port}", session)
        await browser.log_in()
        (cookie,) = browser.given
        assert (cookie.key, cookie["path"], cookie["domain"], cookie["samesite"]) == (name, "/", "", "Strict")
        assert (bool(cookie["httponly"]), bool(cookie["secure"])) == (True, is_secure)
        assert int(cookie["max-age"]) == SESSION_SECONDS
        assert "viewer-token" not in cookie.value
        assert hashlib.sha256(b"viewer-token").hexdigest()[:8] not in cookie.value


async def test_the_login_leads_to_pages_of_ours_only(browser):
    for target in FOREIGN.values():
        assert (await browser.log_in(target=target)).location == "./jobs"
        browser.cookies.clear()
        form = (await browser.get(f"/login?next={quote(target, safe='')}")).html
        assert [attributes["value"] for tag, attributes in form.tags if attributes.get("name") == "next"] == ["jobs"]


@pytest.mark.parametrize(
    "path",
    ["/jobs", "/jobs?state=failed", f"/jobs/{GONE}", "/jobs/nonsense", "/jobs?limit=x", f"/commits/{'a' * 40}", "/commits/x"],
)
async def test_without_a_session_everything_looks_the_same(browser, job, path):
    there, asked = await browser.get(f"/jobs/{job.id}"), await browser.get(path)
    assert (asked.status, asked.headers["WWW-Authenticate"]) == (there.status, "Bearer") == (401, "Bearer")
    (led,) = asked.html.refreshes
    assert led.startswith("0; url=./login?next=" if path.count("/") == 1 else "0; url=../login?next=")
    assert asked.html.words == there.html.words


async def test_who_comes_from_a_forge_is_led_through_the_login_to_the_page(viewer, job):
    cookies, viewer.cookies = viewer.cookies, {}  # a browser keeps them to itself when another site leads it here
    led = await viewer.get(f"/jobs/{job.id}")
    viewer.cookies = cookies
    (login,) = {link for link in led.html.links if "login" in link}
    assert (await viewer.get(login.removeprefix(".."))).location == f"./jobs/{job.id}"


@pytest.mark.parametrize(
    ("form", "status"),
    [
        pytest.param({"token": "wrong"}, 401, id="a wrong token"),
        pytest.param({"token": "viewer-toke"}, 401, id="a part of one"),
        pytest.param({"token": ""}, 401, id="an empty one"),
        pytest.param({}, 401, id="none"),
        pytest.param({"token": hashlib.sha256(b"viewer-token").hexdigest()}, 401, id="the hash of one"),
        pytest.param({"next": "viewer-token"}, 401, id="in another field"),
        pytest.param({f"field{n}": "x" for n in range(50)}, 401, id="many fields"),
        pytest.param(b"\xff\xfe%ff%00", 401, id="no text"),
        pytest.param(b'{"token": "viewer-token"}', 401, id="JSON"),
        pytest.param(b"token=" + b"a" * 100_000, 413, id="long"),
    ],
)
async def test_without_a_token_nobody_gets_in(browser, form, status):
    with structlog.testing.capture_logs() as lines:
        answer = await browser.post("/login", form)
    assert answer.status == status
    assert not browser.given
    assert (await browser.get("/jobs")).status == 401
    assert [line["event"] for line in lines if line["event"] == "login.refused"] == ["login.refused"] * (status == 401)
    assert "viewer-token" not in str(lines)
    assert "viewer-token" not in answer.body


async def test_the_form_is_a_page_with_the_field_that_managers_of_passwords_know(browser):
    page = await browser.get("/login?next=commits/abc")
    fields = {attributes["name"]: attributes for tag, attributes in page.html.tags if tag == "input"}
    assert (fields["token"]["type"], fields["token"]["autocomplete"]) == ("password", "current-password")
    assert fields["next"]["value"] == "commits/abc"


async def test_a_token_is_compared_with_every_one_there_is(browser, monkeypatch):
    compared = []
    monkeypatch.setattr(auth.hmac, "compare_digest", lambda a, b: bool(compared.append((a, b))) or a == b)
    await browser.log_in("viewer-token")
    first = len(compared)
    await browser.log_in("wrong")
    assert first == len(compared) - first == len(ROLES)
    assert hmac.compare_digest is auth.hmac.compare_digest


async def test_guessing_is_slow_and_a_right_guess_is_none_then(browser, door):
    before = metrics.LOGINS.labels("limited")._value.get()
    for _ in range(FORGIVEN):
        assert (await browser.log_in("wrong")).status == 401
    answer = await browser.log_in("viewer-token")
    assert answer.status == 429
    assert 0 < int(answer.headers["Retry-After"]) <= 6
    assert f"try again in {answer.headers['Retry-After']} s" in answer.html.words
    assert not browser.given
    assert metrics.LOGINS.labels("limited")._value.get() == before + 1
    assert (await door.ask("GET", "/api/v1/jobs")).status == 200, "the API is not locked with it"


async def test_who_guesses_many_at_once_gets_no_more_looked_at(browser):
    answers = await asyncio.gather(*(browser.log_in("wrong") for _ in range(100)))
    assert sorted(answer.status for answer in answers) == [401] * FORGIVEN + [429] * (100 - FORGIVEN)


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
@pytest.mark.parametrize("path", ["/login", "/logout"])
async def test_another_site_logs_nobody_in_or_out(viewer, path, site):
    given = len(viewer.given)
    answer = await viewer.post(path, {"token": "admin-token"}, Sec_Fetch_Site=site)
    assert (answer.status, len(viewer.given)) == (403, given)
    assert (await viewer.get("/jobs")).status == 200


@pytest.mark.parametrize("site", ["same-origin", "none"])
async def test_our_own_form_is_taken(browser, site):
    assert (await browser.log_in(Sec_Fetch_Site=site)).status == 303


async def test_logging_out_ends_the_session_for_whoever_has_its_cookie(viewer):
    stolen = dict(viewer.cookies)
    answer = await viewer.post("/logout")
    assert (answer.status, answer.location, viewer.cookies) == (303, "./login", {})
    viewer.cookies = stolen
    assert (await viewer.get("/jobs")).status == 401
    viewer.cookies = {}
    assert (await viewer.log_in()).status == 303
    assert (await viewer.get("/jobs")).status == 200


async def test_who_is_not_logged_in_is_not_logged_out(browser):
    assert (await browser.post("/logout")).location == "./login"
    assert not browser.given


async def test_a_get_logs_nobody_out(viewer):
    assert (await viewer.get("/logout")).status == 405
    assert (await viewer.get("/jobs")).status == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/v1/jobs"), ("GET", "/api/v1/applications/trueup/web"), ("GET", "/api/v1/events"),
        ("POST", "/api/v1/applications/trueup/web/sync"), ("POST", "/api/v1/applications/trueup/web/approve"),
        ("POST", "/api/v1/applications/trueup/web/pause"), ("POST", "/api/v1/orphans/trueup/web/remove"),
    ],
)  # fmt: skip
async def test_the_cookie_opens_nothing_of_the_api(browser, door, method, path):
    await door.front.applications.put([application_record()])
    await browser.log_in("admin-token")
    answer = await (browser.get if method == "GET" else browser.post)(path)
    assert answer.status == 401
    assert (await browser.get("/jobs")).status == 200


@pytest.mark.parametrize(
    ("authorization", "status"), [("Bearer viewer-token", 200), ("Bearer wrong", 401), ("Basic viewer-token", 401)]
)
async def test_programs_may_send_the_token_itself(browser, job, authorization, status):
    page = await browser.get(f"/jobs/{job.id}", Authorization=authorization)
    assert (page.status, page.headers["Content-Type"]) == (status, "text/html; charset=utf-8")
    assert ("it is live" in page.body) is (status == 200)


def tokens(*roles):
    return tuple(f"{role}s:{role}:{hashlib.sha256(f'{role}-token'.encode()).hexdigest()}" for role in roles)


@pytest.mark.parametrize(
    ("settings", "status"),
    [
        pytest.param({}, 200, id="the same settings"),
        pytest.param({"api_tokens": tokens("deployer", "admin")}, 401, id="its token was taken out"),
        pytest.param({"api_tokens": ()}, 401, id="all tokens were taken out"),
        pytest.param({"webhook_keys": ("ef" * 32, "cd" * 32)}, 200, id="a new key in front"),
        pytest.param({"webhook_keys": ("ef" * 32,)}, 401, id="the old key was taken out"),
    ],
)
async def test_a_session_lasts_over_a_restart_and_no_longer_than_its_token(valkey, keys, viewer, settings, status):
    async with front_door(valkey.url, keys, **settings) as door:
        browser = Browser(f"http://127.0.0.1:{door.port}", viewer.session, viewer.cookies)
        assert (await browser.get("/jobs")).status == status


async def test_a_session_ends_by_itself(viewer, monkeypatch):
    now = the_door.time.time()
    monkeypatch.setattr(the_door.time, "time", lambda: now + SESSION_SECONDS + 1)
    assert (await viewer.get("/jobs")).status == 401


async def test_a_form_that_does_not_arrive_is_not_waited_for(door, monkeypatch):
    monkeypatch.setattr(answers, "READ_SECONDS", 0.1)
    head = b"POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\ntoken="
    assert (await door.raw(head)).startswith(b"HTTP/1.1 408 ")
