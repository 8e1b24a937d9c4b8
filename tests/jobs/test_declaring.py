"""How a worker takes into force what files, policies and a cluster declare: at every change, and nothing before all that counts is read."""

import asyncio
import contextlib
from dataclasses import dataclass

import pytest
import structlog
import yaml

from jobs import declaring
from jobs.declaring import Declaring, follow_declarations
from jobs.records import JobKind
from reconciler.declarations.definitions import definitions
from reconciler.kube.config import IN_CLUSTER, Access
from reconciler.model.declared import HOME, Name
from tests.servers.declarations import application, repository
from tests.servers.held import MAIN, REPOSITORY, SHOP, World, held_cluster
from tests.servers.patience import until

KINDS = "/apis/trueup.dev/v1alpha1"
APPLICATIONS = f"{KINDS}/namespaces/{HOME}/applications"
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
FAITH, DOUBT = '{policies: [{name: faith, rule: "true"}]}', '{policies: [{name: doubt, rule: "true", action: warn}]}'
BROKEN = "policies: 3"


@dataclass
class Desk:
    """Where people declare, and what one worker makes of it."""

    world: World
    changed: asyncio.Event

    def write(self, *names):
        """Files that declare a repository and applications of it."""
        shop = repository("shop", self.world.git.url(REPOSITORY), HOME, forge="github", poll="100000h")
        documents = [shop, *map(web, names)]
        self.file("declarations/all.yaml", yaml.safe_dump_all(documents))

    def file(self, name, text):
        """Written aside first, so that nobody reads the half of it."""
        aside = self.world.directory / "aside"
        aside.write_text(text)
        aside.rename(self.world.directory / name)

    async def serve(self):
        """Have the cluster serve the kinds, and the namespaces of those who declare there."""
        for definition in definitions():
            await self._create(DEFINITIONS, definition)
        for name in (HOME, "team"):
            await self._create("/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})

    async def apply(self, document):
        await self._create(f"{KINDS}/namespaces/{document['metadata']['namespace']}/applications", document)

    async def _create(self, path, document):
        answer = await self.world.kube("POST", path, document, "application/json")
        assert "uid" in answer["metadata"], answer

    async def in_force(self, *names):
        """Wait until just these applications are, and are published."""
        context = self.world.context
        wanted = {f"{HOME}/{name}" for name in names}
        await until(lambda: {str(name) for name in context.declarations.applications} == wanted, seconds=20)
        await until(lambda: self.published(wanted), seconds=20)
        await until(context.declared.is_set, seconds=20)

    async def published(self, wanted):
        return {record.name for record in await self.world.context.applications.all()} == wanted

    @property
    def web(self):
        return self.world.context.declarations.applications[Name(HOME, "web")]

    @property
    def rules(self):
        return [rule.name for rule in self.web.policies]


def web(name, **more):
    return application(name, HOME, **{"path": name, "destination": {"namespace": "web"}, **more})


@contextlib.asynccontextmanager
async def desk(directory, valkey, keys, **settings):
    async with held_cluster(directory, valkey.url, keys, **settings) as world:
        context = world.context
        context.declared.clear()
        changed = asyncio.Event()
        context.changes.add(changed)
        yield Desk(world, changed)


@contextlib.asynccontextmanager
async def followed(desk, *, is_cluster_read=True):
    """While a worker follows what is declared."""
    context = desk.world.context
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(follow_declarations(context))]
        if is_cluster_read:
            tasks.append(group.create_task(read_cluster(context)))
        yield
        for task in tasks:
            task.cancel()


async def read_cluster(context):
    await context.resources.follow_forever(Access.of(context.settings, IN_CLUSTER), context.settings)


@pytest.fixture
async def files(tmp_path, valkey, keys):
    """What is declared in files."""
    async with desk(tmp_path, valkey, keys) as found:
        yield found


async def test_what_is_in_force_is_published_and_told_once(files):
    files.write("web", "api")
    context = files.world.context
    async with followed(files):
        await files.in_force("web", "api")
        (scope,) = await context.applications.scopes()
        assert scope.repository == SHOP
        assert files.changed.is_set()
        assert context.statuses_due.is_set(), "those of a worker that is gone are posted"
        files.changed.clear()
        with structlog.testing.capture_logs() as lines:
            files.file("declarations/empty.yaml", "# nobody declares here\n")
            files.write("api")
            await files.in_force("api")
        assert [line["event"] for line in lines].count("declarations.loaded") == 1


async def test_the_same_again_is_no_news(files):
    files.write("web")
    worker = Declaring(files.world.context)
    async with followed(files):
        await files.in_force("web")
    declared = files.world.context.declarations
    files.changed.clear()
    await worker._take(declared, ())
    assert not files.changed.is_set()
    assert files.world.context.declarations is declared


async def test_files_that_break_leave_those_before_in_force_and_nobody_is_gone(files):
    files.write("web")
    context = files.world.context
    async with followed(files):
        await files.in_force("web")
        assert context.declarations.is_complete
        files.file("declarations/other.yaml", "a: [")
        await until(lambda: context.problems and not context.declarations.is_complete, seconds=20)
        assert "other.yaml" in context.problems[0]
        assert {name.name for name in context.declarations.applications} == {"web"}
        files.file("declarations/other.yaml", yaml.safe_dump(web("api")))
        await files.in_force("web", "api")
        assert (context.declarations.is_complete, context.problems) == (True, ())


async def test_files_that_are_broken_from_the_start_put_nothing_in_force(files):
    files.file("declarations/all.yaml", "a: [")
    context = files.world.context
    async with followed(files):
        await until(lambda: context.problems, seconds=20)
        await context.resources.wait_read()
        assert not context.declared.is_set()
        files.write("web")
        await files.in_force("web")
        assert context.problems == ()


async def test_files_wait_for_the_cluster_but_not_for_ever(files, monkeypatch):
    files.write("web")
    context = files.world.context
    async with followed(files, is_cluster_read=False):
        await asyncio.sleep(declaring.TOGETHER_SECONDS)
        assert not context.declared.is_set(), "an Application of the cluster would be taken for gone"
    monkeypatch.setattr(declaring, "UNREAD_SECONDS", 0.01)
    async with followed(files, is_cluster_read=False):
        await files.in_force("web")
        assert not context.declarations.is_complete
        reading = asyncio.create_task(read_cluster(context))
        await until(lambda: context.declarations.is_complete, seconds=20)
        reading.cancel()


async def test_resources_stand_beside_files_and_each_by_itself(files):
    files.write("web")
    await files.serve()
    context = files.world.context
    async with followed(files):
        await files.in_force("web")
        await files.apply(web("api"))
        await files.in_force("web", "api")
        with structlog.testing.capture_logs() as lines:
            await files.apply(web("web"))
            await files.apply(web("lost", repository="nowhere"))
            await until(lambda: len(context.refused) == 2, seconds=20)
            await files.world.kube("DELETE", f"{APPLICATIONS}/api")
            await files.in_force("web")
        assert "a file declares it already" in context.refused["Application", Name(HOME, "web")][0]
        assert "nowhere" in context.refused["Application", Name(HOME, "lost")][0]
        assert context.declarations.refused == {Name(HOME, "lost")}
        told = sorted(line["name"] for line in lines if line["event"] == "declaration.refused")
        assert told == ["trueup/lost", "trueup/web"], "once each"


async def test_what_only_changes_a_status_is_no_declaration(files):
    await files.serve()
    files.write()
    await files.apply(web("api"))
    context = files.world.context
    async with followed(files):
        await files.in_force("api")
        heard = asyncio.Event()
        context.resources.listen(lambda _: heard.set())
        with structlog.testing.capture_logs() as lines:
            await files.world.kube("PATCH", f"{APPLICATIONS}/api/status", {"status": {"observedGeneration": 1}})
            await asyncio.wait_for(heard.wait(), 20)
            await files.world.kube(
                "PATCH", f"{APPLICATIONS}/api", {"spec": {"sources": web("api", path="new")["spec"]["sources"]}}
            )
            await until(lambda: context.declarations.applications[Name(HOME, "api")].sources[0].path == "new", seconds=20)
        assert [line["event"] for line in lines].count("declarations.loaded") == 1


@pytest.fixture
async def policed(tmp_path, valkey, keys):
    """Where the instance has policies."""
    async with desk(tmp_path, valkey, keys, policies=tmp_path / "policies.yaml") as found:
        found.write("web")
        yield found


@pytest.mark.parametrize(
    ("later", "expected"),
    [pytest.param(DOUBT, ["doubt"], id="others"), pytest.param("{policies: []}", [], id="none any more")],
)
async def test_policies_are_part_of_every_declaration(policed, later, expected):
    policed.file("policies.yaml", FAITH)
    async with followed(policed):
        await policed.in_force("web")
        assert policed.rules == ["faith"]
        digest = policed.web.digest
        policed.file("policies.yaml", later)
        await until(lambda: policed.rules == expected, seconds=20)
        assert policed.web.digest != digest, "it is synced again"


@pytest.mark.long
async def test_policies_that_break_leave_those_before_in_force(policed):
    policed.file("policies.yaml", FAITH)
    context = policed.world.context
    async with followed(policed):
        await policed.in_force("web")
        policed.file("policies.yaml", BROKEN)
        await until(lambda: context.problems, seconds=20)
        policed.write("web", "api")
        await policed.in_force("web", "api")
        assert policed.rules == ["faith"]


async def test_before_policies_are_read_nothing_is_in_force(policed):
    policed.file("policies.yaml", BROKEN)
    context = policed.world.context
    async with followed(policed):
        await until(lambda: context.problems, seconds=20)
        await context.resources.wait_read()
        assert not context.declared.is_set()
        policed.file("policies.yaml", FAITH)
        await policed.in_force("web")
        assert (policed.rules, context.problems) == (["faith"], ())


@pytest.fixture
async def allowing(request, tmp_path, valkey, keys):
    """Where settings say what namespaces may touch: a team declares one application in a file, and one in the cluster."""
    async with desk(tmp_path, valkey, keys, allowances=request.param) as found:
        await found.serve()
        own = application("own", "team", destination={"namespace": "team"})
        shop = repository("shop", found.world.git.url("acme/team"), "team", forge="generic")
        found.file("declarations/team.yaml", yaml.safe_dump_all([shop, own]))
        await found.apply(application("far", "team", destination={"namespace": "shared"}))
        yield found


@pytest.mark.parametrize(
    ("allowing", "in_file", "refusal"),
    [
        pytest.param({}, None, "may not deploy to namespace shared", id="nothing said: files everything, the cluster its own"),
        pytest.param({"team": {}}, ("team",), "may not deploy to namespace shared", id="its own"),
        pytest.param({"t*": {"namespaces": ["shared"]}}, ("team", "shared"), "", id="another, by glob"),
    ],
    indirect=["allowing"],
)
async def test_what_a_namespace_may_touch_is_up_to_the_settings(allowing, in_file, refusal):
    context = allowing.world.context
    async with followed(allowing):
        await until(context.declared.is_set, seconds=20)
        assert context.declarations.applications[Name("team", "own")].allowance.namespaces == in_file
        refused = context.refused.get(("Application", Name("team", "far")), ("",))
        assert refusal in refused[0]
        assert (Name("team", "far") in context.declarations.applications) == (not refusal)


async def test_a_branch_that_nobody_has_looked_for_is_looked_for_at_once_by_one_worker(files):
    world, context = files.world, files.world.context
    await world.commit({"web/c.yaml": ""})
    await world.git.commit(REPOSITORY, {"api/c.yaml": ""}, message="another", branch="next")
    files.write("web")
    async with followed(files):
        await files.in_force("web")
        await jobs_for(world, MAIN)
        sources = [{"git": {"repository": "shop", "path": "api", "revision": "next"}}]
        files.file("declarations/more.yaml", yaml.safe_dump_all([web("ui"), web("api", sources=sources)]))
        await files.in_force("web", "api", "ui")
        await jobs_for(world, MAIN, "refs/heads/next")
    key = context.keys.tick(f"new:{SHOP}:next")
    assert await context.redis.get(key) == context.worker.encode(), "main is known, and nobody else looks for the other"


async def jobs_for(world, *refs):
    async def look():
        jobs = await world.jobs()
        return sorted(job.ref for job in jobs if job.kind is JobKind.POLL) == sorted(refs)

    await until(look, seconds=20)
