"""Every forge at the front door: a request as it sends it becomes a job; several refs become several; one hook serves many repositories.

Left out: what each event means, and which requests are believed (tests/receiver/providers).
"""

import asyncio
import base64
import hmac
import json
import os
import time
from dataclasses import replace
from itertools import islice

import pytest

from jobs.derive import Purpose
from jobs.records import ScopeRecord
from tests.receiver.providers.made import azure, bitbucket, generic, gitea, github, gitlab
from tests.receiver.providers.made.authentic import address, authentic, signing
from tests.receiver.providers.made.broken import broken as broken_ones
from tests.receiver.providers.made.case import MAIN, NEW
from tests.receiver.providers.test_deliveries import CASES
from tests.servers.front_door import secret_of


async def declare(door, case, *scopes):
    """Have repositories declared, as a worker tells it, and wait until the door believes it."""
    records = [ScopeRecord(scope=scope, provider=case.provider, repository=f"trueup/r{n}") for n, scope in enumerate(scopes)]
    await door.front.applications.publish_scopes(records)


async def send(door, case, scope, **more):
    return await door.send(case.body, authentic(case, scope, **more), address(case, scope))


def named(cases, name):
    return next(case for case in cases if case.id == name)


PUSHES = [
    named(cases, "push")
    for cases in (
        github.CASES, gitlab.CASES, gitea.GITEA, gitea.FORGEJO, bitbucket.PUSHES, bitbucket.CHANGES, azure.CASES, generic.CASES,
    )
]  # fmt: skip


@pytest.mark.parametrize("case", PUSHES, ids=[case.provider for case in PUSHES])
async def test_a_push_of_every_forge_becomes_a_job(door, case):
    await declare(door, case, case.means.scope)
    answer = await send(door, case, case.means.scope)
    assert (answer.status, answer.json["state"]) == (202, "queued")
    job = (await door.ask("GET", answer.json["url"])).json
    assert (job["repository"], job["ref"], job["commit"], job["scope"]) == ("trueup/r0", MAIN, NEW, case.means.scope)
    assert (await send(door, case, case.means.scope)).json["id"] == answer.json["id"]
    assert (await door.send(case.body, case.named, address(case, case.means.scope))).status == 401


@pytest.mark.parametrize("case", PUSHES, ids=[case.provider for case in PUSHES])
async def test_the_secret_of_one_forge_opens_no_other(door, case):
    scope = case.means.scope
    records = [ScopeRecord(scope=scope, provider=other.provider, repository="trueup/r0") for other in PUSHES]
    await door.front.applications.publish_scopes(records)
    for other in PUSHES:
        answer = await door.send(case.body, authentic(case, scope), address(other, scope))
        assert answer.status == (202 if other is case else 401)


SEVERAL = [named(cases, "several refs") for cases in (bitbucket.PUSHES, bitbucket.CHANGES, azure.CASES)]


@pytest.mark.parametrize("case", SEVERAL, ids=[case.provider for case in SEVERAL])
async def test_several_refs_become_a_job_each_and_are_known_again(door, case):
    scope = case.means.pushes[0].scope
    await declare(door, case, scope)
    answers = await asyncio.gather(*(send(door, case, scope) for _ in range(5)))
    assert sorted(answer.status for answer in answers) == [200] * 4 + [202]
    jobs = (await door.ask("GET", "/api/v1/jobs?repository=trueup/r0")).json["items"]
    found = {(job["ref"], job["commit"], job["state"], job["delivery"]["id"]) for job in jobs}
    delivery = jobs[0]["delivery"]["id"]
    assert found == {(push.ref, push.commit, "queued" if push.commit else "ignored", delivery) for push in case.means.pushes}
    assert len(jobs) == 3
    first = (await door.ask("GET", answers[0].json["url"])).json
    assert (first["ref"], first["state"]) == (MAIN, "queued")


async def test_more_refs_than_are_taken_in_are_left_to_the_poll_and_told(door):
    case = named(bitbucket.CHANGES, "by a mirror of everything")
    await declare(door, case, case.means.pushes[0].scope)
    answer = await send(door, case, case.means.pushes[0].scope)
    assert (answer.status, answer.json["state"]) == (202, "queued")
    ended = (await door.ask("GET", "/api/v1/jobs?state=ignored")).json["items"]
    assert [job["message"] for job in ended] == ["41 more refs moved at once; who follows them is synced by the next poll"]
    assert await door.front.redis.zcard(door.front.keys.jobs) == 101


@pytest.mark.parametrize(
    ("case", "declared"),
    [
        pytest.param(named(gitlab.CASES, "SSH on a port of its own"), "gitlab.example:2222/acme/group/shop", id="GitLab"),
        pytest.param(named(gitea.GITEA, "SSH on a port of its own"), "gitea.example:2222/acme/shop", id="Gitea"),
        pytest.param(named(bitbucket.CHANGES, "push"), "bitbucket.example:7999/ac/shop", id="Bitbucket Data Center"),
    ],
)
async def test_a_repository_is_known_by_its_address_for_ssh_too(door, case, declared):
    await declare(door, case, declared)
    job = (await door.ask("GET", (await send(door, case, declared)).json["url"])).json
    assert (job["state"], job["repository"], job["scope"]) == ("queued", "trueup/r0", declared)


ORGANISATIONS = [
    pytest.param(named(github.CASES, "of an organisation"), "github.com/acme", id="GitHub: an organisation"),
    pytest.param(named(github.CASES, "of a GitHub App"), "github.com", id="GitHub: an App"),
    pytest.param(named(gitlab.CASES, "push"), "gitlab.example/acme/group", id="GitLab: a group"),
    pytest.param(named(gitlab.CASES, "push"), "gitlab.example/acme", id="GitLab: the group around it"),
    pytest.param(named(gitlab.CASES, "system: push"), "gitlab.example", id="GitLab: all of it"),
    pytest.param(named(gitea.GITEA, "push"), "gitea.example/acme", id="Gitea: an organisation"),
    pytest.param(named(gitea.FORGEJO, "push"), "codeberg.org", id="Forgejo: all of it"),
    pytest.param(named(bitbucket.PUSHES, "push"), "bitbucket.org/acme", id="Bitbucket Cloud: a workspace"),
    pytest.param(named(bitbucket.CHANGES, "push"), "bitbucket.example/scm/ac", id="Bitbucket Data Center: a project"),
    pytest.param(named(azure.CASES, "push"), "dev.azure.com/acme/my project", id="Azure DevOps: a project"),
    pytest.param(named(generic.CASES, "push"), "git.example", id="a script: a host"),
]


@pytest.mark.parametrize(("case", "scope"), ORGANISATIONS)
async def test_one_hook_serves_many_repositories(door, case, scope):
    await declare(door, case, f"{case.means.scope}-other", case.means.scope)
    answer = await send(door, case, scope)
    job = (await door.ask("GET", answer.json["url"])).json
    assert (answer.status, job["state"], job["repository"]) == (202, "queued", "trueup/r1")


@pytest.mark.parametrize(("case", "scope"), ORGANISATIONS[::4])
async def test_a_repository_that_nobody_declared_is_2xx_and_says_so(door, case, scope):
    await declare(door, case, f"{case.means.scope}-other")
    answer = await send(door, case, scope)
    job = (await door.ask("GET", answer.json["url"])).json
    assert (answer.status, job["state"]) == (202, "ignored")
    assert job["message"] == f"no Repository is declared for {case.means.scope} within {scope}"


TESTS = [
    pytest.param(named(github.CASES, "ping of an organisation"), "github.com/acme", id="GitHub"),
    pytest.param(named(bitbucket.CHANGES, "ping"), "bitbucket.example/scm/ac", id="Bitbucket Data Center"),
    pytest.param(named(generic.CASES, "ping"), "git.example/acme", id="a script"),
]


@pytest.mark.parametrize(("case", "scope"), TESTS)
async def test_trying_the_address_says_that_it_works(door, case, scope):
    await declare(door, case, f"{scope}/shop")
    answer = await send(door, case, scope)
    assert (answer.status, answer.json["state"]) == (202, "ignored")
    assert "it works" in (await door.ask("GET", answer.json["url"])).json["message"]


async def test_a_system_hook_is_believed_by_its_signing_token_too(door):
    case, scope = named(gitlab.CASES, "system: several refs"), "gitlab.example"
    await declare(door, case, gitlab.SHOP)
    key = secret_of("gitlab", Purpose.SIGNING, scope=scope)
    stamp = f"{time.time():.0f}"
    signature = base64.b64encode(hmac.digest(key, f"m1.{stamp}.".encode() + case.body, "sha256")).decode()
    headers = {**case.named, "webhook-id": "m1", "webhook-timestamp": stamp, "webhook-signature": f"v1,{signature}"}
    assert (await door.send(case.body, headers, address(case, scope))).status == 202
    jobs = (await door.ask("GET", "/api/v1/jobs?repository=trueup/r0")).json["items"]
    assert sorted(job["ref"] for job in jobs) == sorted(push.ref for push in case.means.pushes)


async def test_two_senders_that_choose_the_same_id_have_a_job_each(door):
    """Two pipelines whose builds have the same number; or somebody who has one hook's secret, and guesses the ids of another's."""
    case = named(generic.CASES, "push")
    other = replace(case, payload=generic.push(repository="https://git.example/acme/other"))
    await declare(door, case, case.means.scope, "git.example/acme/other")
    first = await send(door, other, "git.example/acme/other", delivery="17")
    second = await send(door, case, case.means.scope, delivery="17")
    assert (first.status, second.status) == (202, 202)
    assert first.json["id"] != second.json["id"]
    assert (await send(door, case, case.means.scope, delivery="17")).json["id"] == second.json["id"]


async def test_a_hook_of_a_project_tells_nothing_of_its_neighbours(door):
    case = named(azure.CASES, "push")
    await declare(door, case, f"{case.means.scope}", "dev.azure.com/acme/my project-two/_git/shop")
    within = azure.push(azure.update(), url="https://dev.azure.com/acme/My%20Project-Two/_git/shop")
    body = json.dumps(within).encode()
    answer = await door.send(
        body, authentic(case, "dev.azure.com/acme/my project"), address(case, "dev.azure.com/acme/my project")
    )
    assert (answer.status, answer.json["state"]) == (202, "ignored")


CREDENTIALS = ("x-hub-signature-256", "x-gitlab-token", "webhook-signature", "webhook-id", "authorization")
FUZZ = int(os.environ.get("FUZZ", "250"))
"""Broken deliveries of each forge that are sent."""


@pytest.mark.long
@pytest.mark.timeout(0 if FUZZ > 1000 else 120)
@pytest.mark.parametrize("case", PUSHES, ids=[case.provider for case in PUSHES])
async def test_whatever_an_authentic_sender_sends_is_2xx(door, case):
    provider, scope = case.provider, "git.example"
    await declare(door, case, "git.example/acme/shop")
    for number, broken in enumerate(islice(broken_ones([one for one in CASES if one.provider == provider], 7), FUZZ)):
        headers = {n: v for n, v in broken.headers.items() if v.isascii() and len(v) < 8000 and n not in CREDENTIALS}
        secret = signing(provider, scope, broken.body, f"d-{number}")
        answer = await door.send(broken.body, headers | secret, f"/webhooks/{provider}/{scope}")
        assert answer.status in (200, 202), (number, broken)
        assert answer.json["state"] in ("queued", "ignored")


@pytest.mark.long
@pytest.mark.parametrize("case", PUSHES, ids=[case.provider for case in PUSHES])
async def test_bytes_of_any_kind_in_headers_are_answered(door, case):
    await declare(door, case, case.means.scope)
    right = authentic(case, case.means.scope)
    names = sorted({*right, "X-Hub-Signature-256", "Authorization", "X-Gitlab-Token", "Webhook-Signature", "Webhook-Timestamp"})
    for name in names:
        for odd in (b"\x80", b"\xff" * 300, b"\xed\xb3\xbf", b"sha256=\xc3\xa9", b"Basic \xff\xfe", b"x" * 8000, b""):
            head = {key.encode(): value.encode() for key, value in right.items()} | {name.encode(): odd}
            lines = [b"POST " + address(case, case.means.scope).encode() + b" HTTP/1.1", b"Host: x", b"Connection: close"]
            lines += [key + b": " + value for key, value in head.items()] + [
                b"Content-Length: %d" % len(case.body),
                b"",
                case.body,
            ]
            answer = await door.raw(b"\r\n".join(lines))
            assert answer.split(b" ", 2)[1] in (b"200", b"202", b"400", b"401"), (name, odd, answer[:200])
