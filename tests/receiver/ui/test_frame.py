"""What others named is shown and never obeyed: every text of a record may be hostile, on every page.

Pages are read as browsers read them: which elements there are, with which attributes, and where links lead.
"""

import dataclasses
import types
import typing
from datetime import UTC, datetime

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from pydantic import BaseModel

from jobs.intake import new_job_id
from jobs.records import ApplicationRecord, JobKind, JobRecord, JobState, OutcomeRecord, Verdict, VerdictState
from receiver.auth import Person, Role
from receiver.problems import Refused
from receiver.ui import frame, words
from receiver.ui.frame import PERSON
from receiver.ui.shown import JobView, RowView
from reconciler.model.outcome import SyncState
from tests.servers.browser import Html

NOW = datetime(2026, 11, 28, 3, tzinfo=UTC)

HOSTILE = {
    "an element": "<script>alert(1)</script>",
    "an attribute": '" onmouseover="alert(1)" x="',
    "an attribute in single quotes": "' onfocus='alert(1)' autofocus='",
    "an attribute without quotes": "x onerror=alert(1) ",
    "an end of the text": "</textarea></title></pre></code><svg onload=alert(1)>",
    "an end of the style": "</style><img src=x onerror=alert(1)>",
    "a comment": "<!--><img src=x onerror=alert(1)>-->",
    "cdata": "<![CDATA[<script>alert(1)</script>]]>",
    "a link": "javascript:alert(1)",
    "a link in capitals with a tab": "JaVa\tScRiPt:alert(1)",
    "another site": "//evil.example/",
    "a refresh": '0; url=https://evil.example"><meta http-equiv="refresh" content="0;url=//evil.example">',
    "a base": "<base href=//evil.example/>",
    "a form": '<form action="https://evil.example"><button>Log in</button></form>',
    "entities": "&lt;script&gt;&#60;script&#62;&quot;",
    "a template": "{{ 7 * 7 }}{% raw %}{{ config }}",
    "another direction": "\u202egnp.exe",
    "a full-width element": "\uff1cscript\uff1e",
    "utf-7": "+ADw-script+AD4-alert(1)",
    "a zero": "<scr\x00ipt>alert(1)</scr\x00ipt>",
    "half a character": "\ud800<script>",
    "an escape": "\x1b]8;;https://evil.example\x07x",
}

ELEMENTS = {
    "html", "head", "meta", "title", "link", "body", "header", "a", "nav", "form", "span", "button", "main", "h1", "h2", "h3", "p", "dl",
    "dt", "dd", "code", "time", "section", "div", "ul", "ol", "li", "pre", "details", "summary", "strong", "select", "option", "label",
    "input",
}  # fmt: skip
ATTRIBUTES = {
    "lang", "charset", "name", "content", "rel", "href", "class", "method", "action", "aria-hidden", "datetime", "title", "open", "value",
    "selected", "autocapitalize", "spellcheck", "placeholder", "for", "id", "type", "autocomplete", "required", "autofocus", "role",
    "http-equiv",
}  # fmt: skip


def filled(annotation, text):
    """A value of a type in which every text is the given one."""
    inner = typing.get_args(annotation)
    if annotation is str:
        return text
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        made = {name: filled(field.annotation, text) for name, field in annotation.model_fields.items()}
        return annotation.model_construct(**made)
    if dataclasses.is_dataclass(annotation):
        hints = typing.get_type_hints(annotation)
        return annotation(**{field.name: filled(hints[field.name], text) for field in dataclasses.fields(annotation)})
    if typing.get_origin(annotation) is tuple:
        return (filled(inner[0], text),)
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return filled(inner[0], text)
    if annotation is datetime:
        return NOW
    return annotation(1) if annotation in (int, bool) else next(iter(annotation))


def record(text, **fields):
    return filled(JobRecord, text).model_copy(update={"kind": JobKind.PUSH, "state": JobState.WAITING, "attempts": 2} | fields)


def texts(value):
    """Every text of a record."""
    if isinstance(value, BaseModel):
        value = tuple(getattr(value, name) for name in type(value).model_fields)
    if isinstance(value, tuple):
        return [text for inner in value for text in texts(inner)]
    return [value] if type(value) is str else []


def of_job(text, path="/jobs/x"):
    job = record(text)
    return frame.render(asked(path, text), "job.html", view=JobView.of(job, NOW), job=job, most_objects=9, refresh_seconds=15)


def of_jobs(text):
    rows = [RowView.of(record(text), NOW)]
    wanted = dict.fromkeys(("repository", "commit", "application", "state"), text)
    return frame.render(
        asked("/jobs", text),
        "jobs.html",
        rows=rows,
        wanted=wanted,
        states=list(JobState),
        is_first=False,
        newest="x=1",
        following="next=7",
    )


def of_commit(text):
    verdict = filled(Verdict, text).model_copy(update={"state": VerdictState.FAILED})
    rows = [RowView.of(record(text), NOW)]
    return frame.render(asked("/commits/x", text), "commit.html", commit=text, verdicts=[verdict], rows=rows)


def application_record(text):
    known = {name: filled(field.annotation, text) for name, field in ApplicationRecord.model_fields.items() if name != "windows"}
    return ApplicationRecord.model_construct(**known | {"windows": (), "state": SyncState.WAITING})


def of_applications(text):
    rows = [application_record(text)]
    return frame.render(asked("/applications", text), "applications.html", rows=rows, left_out=1)


def of_application(text):
    app, history = application_record(text), [filled(OutcomeRecord, text)]
    more = {"quoted": text, "digest": text, "told": text, "most_objects": 9, "refresh_seconds": 15}
    return frame.render(asked("/applications/a/b", text), "application.html", app=app, history=history, **more)


def of_problem(text):
    return frame.problem(asked("/jobs/x", text), Refused(404, text, text), text)


def of_login(text):
    return frame.render(asked("/login", text), "login.html", target=text, message=text)


def of_led(text):
    return frame.render(asked("/jobs/x", text), "led.html", refresh_to=f"login?next={text}")


PAGES = {
    "job": of_job, "jobs": of_jobs, "commit": of_commit, "applications": of_applications, "application": of_application,
    "problem": of_problem, "login": of_login, "led": of_led,
}  # fmt: skip


def asked(path, name="ada"):
    request = make_mocked_request("GET", path)
    request[PERSON] = Person(name, Role.VIEWER)
    return request


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
def test_what_others_named_is_shown_and_never_obeyed(page, text):
    benign, body = page("harmless"), page(text)
    html, usual = Html(body.text), Html(benign.text)
    assert [tag for tag, _ in html.tags] == [tag for tag, _ in usual.tags], "no element comes or goes with a text"
    assert [set(attributes) for _, attributes in html.tags] == [set(attributes) for _, attributes in usual.tags]
    assert {tag for tag, _ in html.tags} <= ELEMENTS
    assert {name for _, attributes in html.tags for name in attributes} <= ATTRIBUTES
    assert all(link.startswith(("./", "../")) for link in html.links), html.links
    assert words.plain(text) in html.text, "and it is there as it reads"
    body.text.encode()


def test_a_job_has_hostile_texts_everywhere():
    assert len(texts(record("x"))) > 40
    assert set(texts(record("x"))) == {"x"}


@pytest.mark.parametrize(
    ("path", "root"), [("/jobs", "./"), ("/jobs/1", "../"), ("/applications/a/b", "../../"), ("/nowhere/1/2/3", "../../../")]
)
def test_links_lead_from_wherever_a_page_is(path, root):
    html = Html(frame.problem(asked(path), Refused(404, "Not Found"), "r").text)
    assert {link.partition("?")[0] for link in html.links} == {
        f"{root}{page}" for page in ("jobs", "applications", "style.css", "logout")
    }


@pytest.mark.parametrize(
    ("refused", "headers"),
    [
        (Refused(401, "Unauthorized", "send a token"), {"WWW-Authenticate": "Bearer"}),
        (Refused(503, "Service Unavailable", "again", retry_after=5), {"Retry-After": "5"}),
        (Refused(404, "Not Found"), {}),
    ],
    ids=lambda case: str(getattr(case, "status", "")),
)
def test_an_error_is_a_page(refused, headers):
    answer = frame.problem(asked("/jobs"), refused, "request-1")
    assert answer.status == refused.status
    assert answer.content_type == "text/html"
    assert (refused.title in answer.text, refused.detail in answer.text, "request-1" in answer.text) == (True, True, True)
    assert headers.items() <= dict(answer.headers).items()


def test_no_page_may_run_load_or_send_anything_elsewhere():
    policy = dict(part.split(" ", 1) for part in frame.HEADERS["Content-Security-Policy"].split("; "))
    assert policy == {
        "default-src": "'none'", "style-src": "'self'", "form-action": "'self'", "base-uri": "'none'", "frame-ancestors": "'none'",
    }  # fmt: skip


async def test_the_style_sheet_loads_nothing():
    answer = await frame.style(make_mocked_request("GET", "/style.css"))
    assert isinstance(answer, web.Response)
    assert answer.content_type == "text/css"
    assert b"url(" not in answer.body
    assert b"@import" not in answer.body


def test_a_redirect_is_relative():
    assert frame.to(asked("/jobs/1"), "login").headers["Location"] == "../login"


def test_a_page_of_a_job_of_thousands_has_an_end():
    (sync,) = record("x").syncs
    syncs = (sync.model_copy(update={"steps": sync.steps * 500}),) * 1000
    job = record("x", id=new_job_id(), syncs=syncs)
    answer = frame.render(asked("/jobs/x"), "job.html", view=JobView.of(job, NOW), job=job, most_objects=1000, refresh_seconds=0)
    assert len(answer.text) < 2_000_000
    assert "and 800 more syncs" in answer.text
