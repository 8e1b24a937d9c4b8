"""From a ref that may have moved to the applications that are affected: on a real Git server, with real heads in Redis."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from jobs import metrics
from jobs.follow import follow, run_again, short
from jobs.inputs import InputCache, input_record
from jobs.records import JobKind, JobState
from jobs.refs import heads_of
from jobs.store.parts import Part
from reconciler.errors import NotVerified, SourceRefused, Waiting
from reconciler.model.declared import Name
from reconciler.model.verification import Verification
from tests.servers.held import MAIN, SHOP
from tests.servers.system import config_map

FILES = {"web/a.yaml": config_map("a"), "api/c.yaml": config_map("c")}

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIbfwCxCoQsL4kV3KwHOTQRAlLVGbUSlrnbUFXQK1bnG"


async def begun(world, commit, kind=JobKind.PUSH, ref=MAIN, **fields):
    """A job about a commit, followed; as it is afterwards."""
    record = world.context.record(kind, SHOP, ref=ref, commit=commit, **fields)
    await world.context.enqueue(record)
    assert await world.context.parts.claim(Part(record.id), world.context.worker)
    await follow(world.context, record)
    return await world.context.jobs.load(record.id)


async def live(world, commit):
    """All applications are as in a commit."""
    await begun(world, commit)
    await world.sync("web", "api", commit=commit)


def detail(job, name="affected"):
    return next(stage.detail for stage in job.stages if stage.name == name)


async def test_what_was_never_rendered_is_affected(world):
    job = await begun(world, await world.commit(FILES, is_observed=False))
    assert job.applications == ("trueup/api", "trueup/web")
    assert detail(job) == "2 of 2 applications affected"
    assert detail(job, "fetched") == f"main is at {job.commit[:12]}"


@pytest.mark.parametrize(
    ("change", "affected"),
    [
        pytest.param({"web/a.yaml": config_map("a", "2")}, ("trueup/web",), id="a file that it read"),
        pytest.param({"web/new.yaml": config_map("new")}, ("trueup/web",), id="a file in a directory that it read"),
        pytest.param(
            {"web/kustomization.yaml": "resources: [a.yaml]\n"}, ("trueup/web",), id="a file that it looked for in vain"
        ),
        pytest.param({"web/a.yaml": None}, ("trueup/web",), id="a file that is gone"),
        pytest.param({"web/a.yaml": config_map("a", "2"), "api/c.yaml": None}, ("trueup/api", "trueup/web"), id="both"),
        pytest.param({"README.md": "x", "website/a.yaml": "x"}, (), id="something else"),
    ],
)
async def test_only_what_depends_on_a_change_is_affected(world, change, affected):
    await live(world, await world.commit(FILES))
    job = await begun(world, await world.commit(change, is_observed=False))
    assert job.applications == affected
    if not affected:
        assert (job.state, job.message) == (JobState.SUCCEEDED, "0 of 2 applications affected")


@pytest.mark.parametrize(
    ("policy", "change"),
    [("", {"README.md": "x"}), (", mode: manual", {"web/a.yaml": config_map("a", "2")})],
    ids=["nothing is affected", "what is affected is synced by hand"],
)
@pytest.mark.long
async def test_nothing_good_is_said_of_a_commit_without_the_signature_that_is_wanted(world, policy, change):
    world.declare({"web": policy, "api": ""})
    await live(world, await world.commit(FILES))
    declared = world.context.declarations
    (repository,) = declared.repositories.values()
    wanted = replace(repository, verify=Verification(keys=(f"ada@example.com {KEY}",)))
    world.context.declarations = replace(declared, repositories={repository.name: wanted})
    with pytest.raises(NotVerified, match=r"is not signed; spec\.verify wants a signature by: ada@example\.com"):
        await begun(world, await world.commit(change, is_observed=False))


async def test_what_is_declared_otherwise_is_affected_whatever_changed(world):
    await live(world, await world.commit(FILES))
    world.declare({"web": ", prune: false", "api": ""})
    assert (await begun(world, await world.commit({"README": "x"}, is_observed=False))).applications == ("trueup/web",)


async def test_after_a_force_push_that_took_the_old_commit_away_everything_is_affected(world):
    await live(world, await world.commit(FILES))
    await world.context.heads.advance(SHOP, MAIN, old=await world.context.heads.checked(SHOP, MAIN), new="f" * 40, dirty=[])
    job = await begun(world, await world.commit({"README": "x"}, is_observed=False))
    assert job.applications == ("trueup/api", "trueup/web")


async def test_what_failed_before_is_affected_by_every_push_until_it_is_mended(world):
    await live(world, await world.commit(FILES))
    await world.sync("web", commit=(await begun(world, await world.commit({"web/a.yaml": "kind: ConfigMap\n"}))).commit)
    assert (await begun(world, await world.commit({"README": "x"}))).applications == ("trueup/web",)


async def test_a_commit_that_was_overtaken_is_superseded_and_the_newer_one_has_a_job(world):
    older = await world.commit(FILES, is_observed=False)
    newer = await world.commit({"README": "x"}, is_observed=False)
    job = await begun(world, older)
    assert (job.state, job.superseded_by, job.message) == (JobState.SUPERSEDED, newer, f"superseded by {newer[:12]}")
    kinds = [(other.kind, other.commit) for other in await world.jobs() if other.id != job.id]
    assert kinds == [(JobKind.RECOVERED, newer)]


async def test_what_was_declared_while_a_newer_commit_was_looked_at_gets_a_job_at_that(world):
    """The newer commit's job knew nothing of it, and is over."""
    older = await world.commit(FILES, is_observed=False)
    newer = await world.commit({"README": "x"}, is_observed=False)
    await live(world, newer)
    before = await world.context.redis.hlen(world.context.keys.open_statuses)
    job = await begun(world, older, kind=JobKind.DECLARED, applications=("trueup/web",))
    assert (job.state, job.superseded_by) == (JobState.SUPERSEDED, newer)
    again = [other for other in await world.jobs() if other.kind is JobKind.DECLARED and other.id != job.id]
    assert [(other.commit, other.applications) for other in again] == [(newer, ("trueup/web",))]
    assert await world.context.redis.hlen(world.context.keys.open_statuses) == before, "the older commit is told nothing"


@pytest.mark.parametrize(("attempts", "told"), [(0, 1), (1, 2)], ids=["not begun", "begun"])
async def test_what_was_declared_and_is_overtaken_tells_its_commit_only_what_it_began(world, attempts, told):
    """Its commit was told of the others, and keeps that; what it was told by this job it must not keep."""
    other = world.context.record(JobKind.DECLARED, SHOP, ref=MAIN, commit="a" * 40, applications=("trueup/web",))
    await world.context.enqueue(other)
    if attempts:
        assert await world.context.parts.claim(Part(other.id), world.context.worker)
    await begun(world, await world.commit(FILES, is_observed=False))
    states = {job.id: job.state for job in await world.jobs()}
    assert states[other.id] is JobState.SUPERSEDED
    assert await world.context.redis.hlen(world.context.keys.open_statuses) == told


async def test_a_job_about_what_is_not_known_here_yet_is_not_superseded(world):
    other = world.context.record(JobKind.DECLARED, SHOP, ref=MAIN, commit="a" * 40, applications=("trueup/new",))
    known = world.context.record(JobKind.DECLARED, SHOP, ref=MAIN, commit="a" * 40, applications=("trueup/web",))
    for record in (other, known):
        await world.context.enqueue(record)
    await begun(world, await world.commit(FILES, is_observed=False))
    states = {job.id: job.state for job in await world.jobs()}
    assert (states[other.id], states[known.id]) == (JobState.QUEUED, JobState.SUPERSEDED)


@pytest.mark.parametrize(("kind", "count"), [(JobKind.PUSH, 0), (JobKind.MANUAL, 1), (JobKind.DIFF, 1)])
async def test_the_newer_commit_needs_no_second_job(world, kind, count):
    older = await world.commit(FILES, is_observed=False)
    newer = await world.commit({"README": "x"}, is_observed=False)
    await world.context.enqueue(world.context.record(kind, SHOP, ref=MAIN, commit=newer))
    await begun(world, older)
    assert [job.kind for job in await world.jobs()].count(JobKind.RECOVERED) == count


@pytest.mark.parametrize(
    ("ref", "state"), [("refs/heads/other", "ignored"), (MAIN, "superseded")], ids=["nobody follows it", "overtaken"]
)
async def test_an_end_without_a_sync_is_counted_too(world, ref, state):
    def counted():
        return metrics.REGISTRY.get_sample_value("trueup_jobs_total", {"kind": "push", "state": state}) or 0.0

    older = await world.commit(FILES, is_observed=False)
    await world.commit({"README": "x"}, is_observed=False)
    before = counted()
    await begun(world, older, ref=ref)
    assert counted() == before + 1


async def test_what_waits_for_commits_that_were_overtaken_ends_at_the_first_look_and_the_head_is_the_next(world):
    older = await world.commit(FILES, is_observed=False)
    newer = await world.commit({"README": "x"}, is_observed=False)
    long_ago = datetime.now(UTC) - timedelta(minutes=1)

    def waits(commit, ref=MAIN, kind=JobKind.PUSH, created=long_ago, **more):
        return world.context.record(kind, SHOP, ref=ref, commit=commit, **more).model_copy(update={"created": created})

    ended = [waits("a" * 40), waits("b" * 40), waits("c" * 40, kind=JobKind.POLL)]
    kept = [
        waits(newer), waits("d" * 40, ref="refs/heads/other"), waits("e" * 40, created=datetime.now(UTC)), waits(""),
        waits("f" * 40, kind=JobKind.DECLARED), waits("g" * 40, kind=JobKind.PLAN), waits("h" * 40, kind=JobKind.MANUAL),
    ]  # fmt: skip
    for record in (*ended, *kept):
        await world.context.enqueue(record)
    job = await begun(world, older)
    states = {other.id: other.state for other in await world.jobs()}
    assert {states[other.id] for other in (*ended, job)} == {JobState.SUPERSEDED}
    assert {states[other.id] for other in kept} == {JobState.QUEUED}
    head = (await world.context.redis.zrange(world.context.keys.queue, 0, 0))[0].decode()
    assert head.partition(":")[0] == kept[0].id


async def test_older_jobs_of_the_ref_are_superseded_by_a_newer_one(world):
    older = world.context.record(JobKind.PUSH, SHOP, ref=MAIN, commit="a" * 40)
    elsewhere = world.context.record(JobKind.PUSH, SHOP, ref="refs/heads/other", commit="a" * 40)
    for record in (older, elsewhere):
        await world.context.enqueue(record)
    await begun(world, await world.commit(FILES, is_observed=False))
    states = {job.id: job.state for job in await world.jobs()}
    assert (states[older.id], states[elsewhere.id]) == (JobState.SUPERSEDED, JobState.QUEUED)


@pytest.mark.parametrize(
    ("ref", "told"),
    [
        ("refs/heads/other", "no application follows other of trueup/shop"),
        ("refs/tags/v1", "no application follows v1 of trueup/shop"),
    ],
)
async def test_a_ref_that_nobody_follows_is_ignored_and_not_told_the_forge(world, ref, told):
    job = await begun(world, "a" * 40, ref=ref)
    assert (job.state, job.message) == (JobState.IGNORED, told)
    assert await world.context.redis.hlen(world.context.keys.open_statuses) == 0


async def test_a_repository_that_is_declared_no_more_is_ignored(world):
    world.context.declarations = type(world.context.declarations)()
    job = await begun(world, "a" * 40)
    assert (job.state, job.message) == (JobState.IGNORED, "no Repository is declared for trueup/shop")


async def test_a_ref_that_is_gone_is_said_by_git(world):
    await world.commit(FILES, is_observed=False)
    await world.git.git(world.git.path("acme/shop"), "update-ref", "-d", MAIN)
    with pytest.raises(SourceRefused, match="main"):
        await begun(world, "a" * 40)


async def test_what_people_sync_is_left_to_them(world):
    world.declare({"web": ", mode: manual", "api": ""})
    job = await begun(world, await world.commit(FILES, is_observed=False))
    assert job.applications == ("trueup/api",)
    assert detail(job) == "2 of 2 applications affected, 1 synced by hand"


async def test_an_application_that_was_not_touched_and_is_unhealthy_is_in_the_verdict(world):
    await live(world, await world.commit(FILES))
    known = await world.context.applications.get("trueup/web")
    bad = {"object": "web/Deployment/web", "status": "Degraded", "reason": "ImagePullBackOff"}
    await world.context.applications.put([known.model_validate(known.model_dump() | {"unhealthy": [bad]})])
    job = await begun(world, await world.commit({"README": "x"}, is_observed=False))
    assert job.state is JobState.FAILED
    assert job.message == "0 of 2 applications affected; web: web/Deployment/web: ImagePullBackOff"


async def test_a_cluster_that_nobody_has_reached_is_waited_for(world):
    commit = await world.commit(FILES, is_observed=False)
    await world.context.redis.delete(world.context.keys.clusters)
    with pytest.raises(Waiting, match="no worker has reached the cluster in-cluster yet"):
        await begun(world, commit)


async def test_inputs_are_read_once_and_then_as_they_change(world):
    cache, web = InputCache(), world.context.declarations.applications[Name("trueup", "web")]
    await world.context.heads.put_inputs(SHOP, {"trueup/web": input_record(web, ["web/"])})
    await cache.refresh(world.context.heads, SHOP)
    assert cache.affected("refs/heads/main", {"trueup/web": web}, frozenset({"other"})) == set()
    assert cache.affected("refs/heads/main", {"trueup/web": web}, frozenset({"web/a.yaml"})) == {"trueup/web"}
    await world.context.heads.put_inputs(SHOP, {"trueup/web": input_record(web, ["lib/"])})
    await cache.refresh(world.context.heads, SHOP)
    assert cache.affected("refs/heads/main", {"trueup/web": web}, frozenset({"web/a.yaml"})) == set()
    assert InputCache().affected("refs/heads/main", {"trueup/web": web}, frozenset()) == {"trueup/web"}, (
        "nothing is known at first"
    )


def test_each_repository_has_a_cache_of_its_own(world):
    a, b = Name("trueup", "a"), Name("trueup", "b")
    assert world.context.inputs_of(a) is world.context.inputs_of(a)
    assert world.context.inputs_of(a) is not world.context.inputs_of(b)


@pytest.mark.parametrize(("ref", "name"), [(MAIN, "main"), ("refs/tags/v1", "v1"), ("refs/heads/a/b", "a/b"), ("x", "x")])
def test_names_as_people_say_them(ref, name):
    assert short(ref) == name


async def run_again_at(world, commit, ref=MAIN):
    """The job of somebody who asks for a commit's check again."""
    record = world.context.record(JobKind.MANUAL, SHOP, ref=ref, commit=commit, actor="ada")
    await world.context.enqueue(record)
    assert await world.context.parts.claim(Part(record.id), world.context.worker)
    await run_again(world.context, record)
    return await world.context.jobs.load(record.id)


@pytest.mark.parametrize("ref", [MAIN, ""], ids=["branch", "any ref"])
async def test_a_check_that_is_asked_for_again_is_of_all_that_follow(world, ref):
    commit = await world.commit(FILES, is_observed=False)
    await live(world, commit)
    job = await run_again_at(world, commit, ref)
    assert (job.applications, job.ref, job.state) == (("trueup/api", "trueup/web"), MAIN, JobState.QUEUED)


@pytest.mark.parametrize(
    ("ref", "state", "message"),
    [
        (MAIN, JobState.SUPERSEDED, "superseded by "),
        ("", JobState.IGNORED, "no application follows a ref that is at "),
        ("refs/heads/other", JobState.IGNORED, "no application follows other of trueup/shop"),
    ],
)
async def test_an_older_commit_is_not_run_again(world, ref, state, message):
    older = await world.commit(FILES, is_observed=False)
    await world.commit({"web/a.yaml": config_map("a", "2")}, is_observed=False)
    job = await run_again_at(world, older, ref)
    assert job.state is state
    assert job.message.startswith(message)


async def test_a_push_that_is_seen_meanwhile_is_not_forgotten(world, monkeypatch):
    commit = await world.commit(FILES, is_observed=False)
    newer = "f" * 40

    async def slow(context, repository):
        heads = await heads_of(context, repository)
        await context.heads.observe(SHOP, MAIN, newer, await context.heads.begin_observation())
        return heads

    monkeypatch.setattr("jobs.follow.heads_of", slow)
    await run_again_at(world, commit)
    assert (await world.context.heads.heads(SHOP))[MAIN] == newer
