"""What `trueup repository verify` tries: against a Git host, an LFS server and a forge, and what it says of each that is not as it must be."""

import pytest

from receiver.settings import ReceiverSettings
from reconciler.declarations.files import load
from reconciler.model.declared import Name
from tests.reconciler.git.test_whole import link, modules
from tests.servers.git_http import Remote
from tests.servers.lfs import LfsServer
from tests.servers.registry import PLAIN_LAYER, Registry, archive
from tests.servers.signing import Ssh
from tests.servers.system import config_map
from trueup.cli.checks import State, examine
from trueup.sandbox.forge import ForgeServer
from trueup.sandbox.githttp import GitServer

SHOP = Name("trueup", "shop")
REPOSITORY = """apiVersion: trueup.dev/v1alpha1
kind: Repository
metadata: {{name: shop}}
spec: {{url: '{url}', forge: github, api: '{api}', {more}}}
"""
APPLICATION = """---
apiVersion: trueup.dev/v1alpha1
kind: Application
metadata: {{name: {name}}}
spec:
  sources: [{{git: {{repository: shop, path: {path}, revision: '{revision}'}}}}]
  destination: {{namespace: web}}
"""
LOGIN = "credentials: {secretRef: {name: git}}"
FILES = {"apps/web/a.yaml": config_map("web")}


class World:
    """A Git host with a login, a forge, and the settings of whoever asks."""

    def __init__(self, directory, git, forge):
        self.directory, self.git, self.forge = directory, git, forge
        self.remote = Remote(git, "acme/shop")
        self.secret("git", username="ada", password="hunter2")

    def secret(self, name, **entries):
        (self.directory / "secrets" / name).mkdir(parents=True, exist_ok=True)
        for key, text in entries.items():
            (self.directory / "secrets" / name / key).write_text(text)

    def declare(self, more=LOGIN, *, url="", applications=(("web", "apps/web", "main"),)):
        (self.directory / "declarations").mkdir(exist_ok=True)
        text = REPOSITORY.format(url=url or self.remote.url, api=self.forge.url, more=more)
        text += "".join(APPLICATION.format(name=name, path=path, revision=of) for name, path, of in applications)
        (self.directory / "declarations" / "all.yaml").write_text(text)

    async def examine(self, **settings):
        declared = load(self.directory / "declarations").declarations
        means = {
            "state": self.directory / "state", "secrets": self.directory / "secrets", "git_protocols": ("http",),
            "webhook_keys": "ab" * 32, "public_url": "http://127.0.0.1:1",
        }  # fmt: skip
        checks = await examine(ReceiverSettings(**means | settings), declared, declared.repositories[SHOP])
        return {check.name: (check.state, check.message) for check in checks}


@pytest.fixture
async def world(tmp_path):
    async with GitServer(tmp_path / "git", login="ada:hunter2") as git, ForgeServer() as forge:
        yield World(tmp_path, git, forge)


async def test_all_is_well(world):
    commit = await world.remote.commit(FILES)
    world.declare()
    found = await world.examine()
    assert {name: state for name, (state, _) in found.items()} == {
        "credentials": State.OK, "remote": State.OK, "revision main": State.OK, "path apps/web": State.OK,
        "status": State.UNTRIED, "webhook": State.UNTRIED,
    }  # fmt: skip
    assert found["revision main"][1] == f"refs/heads/main is at {commit[:12]}, for trueup/web"
    assert "trueup webhook show trueup/shop" in found["webhook"][1]


@pytest.mark.parametrize(
    ("more", "secret", "applications", "name", "message"),
    [
        pytest.param(LOGIN, {"password": "wrong"}, None, "remote", "refuses the credentials; check the Secret", id="a wrong password"),
        pytest.param("poll: 60s", {}, None, "remote", "asks for credentials; name a Secret", id="no credentials"),
        pytest.param(
            "credentials: {secretRef: {name: absent}}", {}, None, "credentials", "absent", id="a Secret that is not there"
        ),
        pytest.param(
            LOGIN, {}, [("web", "apps/web", "next")], "revision next", "there is no branch or tag 'next'; push it", id="no branch"
        ),
        pytest.param(LOGIN, {}, [("web", "apps/web", "semver:^1")], "revision semver:^1", "no tag within", id="no tag"),
        pytest.param(
            LOGIN, {}, [("web", "apps/wbe", "main")], "path apps/wbe", "has no such directory; push it, or mend", id="no path"
        ),
        pytest.param(
            f"{LOGIN}, verify: {{secretRef: {{name: signers}}}}", {}, None, "signature of main", "is not signed", id="not signed"
        ),
        pytest.param(f"{LOGIN}, lfs: true", {}, None, "lfs", "trueup/shop: LFS: ", id="no server of LFS"),
        pytest.param(
            f"{LOGIN}, commitStatus: {{secretRef: {{name: git}}}}", {}, None, "status", "its key `token` is missing", id="no token"
        ),
        pytest.param(
            f"{LOGIN}, webhook: {{register: true, secretRef: {{name: forge}}}}",
            {}, None, "webhook", "mend it: trueup webhook register trueup/shop", id="no hook",
        ),
    ],
)  # fmt: skip
async def test_what_fails_says_how_to_mend_it(world, tmp_path, more, secret, applications, name, message):  # noqa: PLR0917 - a table
    await world.remote.commit(FILES)
    world.secret("git", **secret)
    world.secret("forge", token="t0ken")
    world.secret("signers", allowed_signers=f"ada@example.com {Ssh.make(tmp_path, 'ada').public}")
    world.declare(more, **({"applications": applications} if applications else {}))
    found = await world.examine()
    state, said = found[name]
    assert state is State.FAILED
    assert message in said
    assert "hunter2" not in str(found)


async def test_nothing_that_follows_it_is_said_and_a_submodule_that_is_refused(world):
    await link(world.remote, {"lib": "1" * 40}, FILES | {".gitmodules": modules(lib="https://elsewhere.example/lib.git")})
    world.declare(f"{LOGIN}, submodules: true")
    state, said = (await world.examine())["revision main"]
    assert (state, "'lib' at lib" in said) == (State.FAILED, True)
    world.declare(applications=())
    state, said = (await world.examine())["revisions"]
    assert (state, "no Application follows trueup/shop" in said) == (State.UNTRIED, True)


async def test_tokens_and_large_files_are_tried_without_writing_anything(world):
    await world.remote.commit(FILES)
    world.secret("forge", token="t0ken")
    world.declare(f"{LOGIN}, lfs: true, commitStatus: {{secretRef: {{name: forge}}}}")
    async with LfsServer() as lfs:
        world.git.instead = lfs.answer
        found = await world.examine()
        assert [method for method, _, _ in lfs.requests] == ["POST"]
    assert found["lfs"][0] is found["status"][0] is State.OK
    assert {request.partition(" ")[0] for request in world.forge.requests} == {"GET"}
    state, said = found["webhook"]
    assert (state, said.endswith("; mend it: trueup webhook register trueup/shop")) == (State.FAILED, True)


@pytest.mark.parametrize(("register", "state"), [("false", State.UNTRIED), ("true", State.FAILED)], ids=["by hand", "registered"])
async def test_a_token_that_may_not_see_hooks_matters_where_trueup_registers_them(world, register, state):
    world.secret("forge", token="t0ken")
    world.declare(f"{LOGIN}, webhook: {{register: {register}, secretRef: {{name: forge}}}}", applications=())
    await world.remote.commit(FILES)
    world.forge.failures = [(403, {})] * 9
    found = await world.examine()
    assert found["webhook"][0] is state
    assert "the token of spec.webhook.secretRef" in found["webhook"][1]


async def test_a_host_that_does_not_answer_stops_what_needs_it(world):
    world.declare("poll: 60s, commitStatus: {secretRef: {name: forge}}", url="http://127.0.0.1:1/acme/shop")
    world.secret("forge", token="t0ken")
    found = await world.examine()
    assert found["remote"][0] is State.FAILED
    assert found["status"] == (State.UNTRIED, "no commit is known whose status could be read")
    assert "revision main" not in found


async def test_charts_and_artifacts_are_tried_by_what_is_followed(world):
    async with Registry() as registry:
        registry.push("acme/app", "1.0.0", archive({"web/a.yaml": config_map("web")}), PLAIN_LAYER)
        text = REPOSITORY.format(url=f"oci://{registry.host}/acme/app", api="", more="").replace(
            "forge: github, api: '', ", "type: oci"
        )
        (world.directory / "declarations").mkdir()
        for wanted in ("1.0.0", "2.0.0"):
            text += (
                "---\napiVersion: trueup.dev/v1alpha1\nkind: Application\n"
                f"metadata: {{name: web-{wanted[0]}}}\nspec:\n  destination: {{namespace: web}}\n"
                f"  sources: [{{oci: {{repository: shop, tag: {wanted}, path: web}}}}]\n"
            )
        (world.directory / "declarations" / "all.yaml").write_text(text)
        found = await world.examine()
    assert {name: state for name, (state, _) in found.items()} == {
        "credentials": State.OK, "revision refs/oci/tag/1.0.0": State.OK, "path web": State.OK,
        "revision refs/oci/tag/2.0.0": State.FAILED, "status": State.UNTRIED,
    }  # fmt: skip
