"""`trueup webhook register`, `verify`, `rotate` and `remove`, against a forge that really delivers to a receiver that really verifies."""

import asyncio
import json
import threading

import pytest
from structlog.testing import capture_logs

from jobs.derive import Purpose, derive_secret, text_of
from jobs.forges import hooks
from jobs.records import ScopeRecord
from reconciler.model.declared import Forge
from tests.receiver.providers.made import azure
from tests.servers.azure_hooks import AzureHooks
from tests.servers.azure_pulls import AzurePulls
from tests.servers.command_line import run
from tests.servers.forges import APIS
from tests.servers.front_door import KEY as DOOR_KEY
from tests.servers.front_door import front_door
from tests.servers.other_hooks import add_routes
from trueup.sandbox.forge import ForgeServer

TOKEN = "f0rge-canary"
QUIET = ("gitea", "forgejo", "bitbucket", "bitbucket-dc")
"""Forges that show no log of deliveries."""


class World:
    """A forge and a receiver on a loop of their own, since commands bring one along."""

    def __init__(self, valkey, keys, monkeypatch):
        monkeypatch.setattr(hooks, "TEST_PAUSE_SECONDS", 0.02)
        self.valkey, self.keys = valkey, keys
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever)
        self.thread.start()
        self.ask(self.open())

    def ask(self, work):
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(20)

    async def open(self):
        self.azure = AzureHooks()
        self.forge = await ForgeServer(add_routes, AzurePulls().add_routes, self.azure.add_routes).__aenter__()
        self.manager = front_door(self.valkey.url, self.keys)
        self.door = await self.manager.__aenter__()
        scopes = [
            ScopeRecord(scope="127.0.0.1/acme/shop", provider=name, repository=f"trueup/{name}")
            for name in ("github", "gitlab", *QUIET)
        ] + [ScopeRecord(scope="127.0.0.1/org/acme/_git/shop", provider="azure", repository="trueup/azure")]
        await self.door.front.applications.publish_scopes(scopes)
        self.url = f"http://127.0.0.1:{self.door.port}"

    def close(self):
        self.ask(self.manager.__aexit__(None, None, None))
        self.ask(self.forge.__aexit__())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(20)
        self.loop.close()


@pytest.fixture
def world(valkey, keys, monkeypatch):
    with capture_logs():  # the receiver's would stand in what commands print
        world = World(valkey, keys, monkeypatch)
        yield world
        world.close()


@pytest.fixture
def environment(tmp_path, world):
    declared = [
        f"apiVersion: trueup.dev/v1alpha1\nkind: Repository\nmetadata: {{name: {name}}}\n"
        f"spec: {{url: 'http://127.0.0.1/acme/shop', forge: {forge}, {more}}}\n"
        for name, forge, more in [
            ("github", "github", f"api: '{world.forge.url}', webhook: {{secretRef: {{name: hooks}}}}"),
            ("gitlab", "gitlab", f"api: '{world.forge.url}', commitStatus: {{secretRef: {{name: hooks}}}}"),
            ("bare", "github", f"api: '{world.forge.url}'"),
            ("away", "github", "api: 'http://127.0.0.1:1', webhook: {secretRef: {name: hooks}}"),
            ("elsewhere", "github", "api: 'https://evil.example', webhook: {secretRef: {name: hooks}}"),
            ("other", "generic", "poll: 60s"),
            *(
                (forge, forge, f"api: '{world.forge.url}{APIS[Forge(forge)]}', webhook: {{secretRef: {{name: hooks}}}}")
                for forge in QUIET
            ),
        ]
    ] + [
        f"apiVersion: trueup.dev/v1alpha1\nkind: Repository\nmetadata: {{name: {name}}}\n"
        f"spec: {{url: 'http://localhost/{path}', forge: {forge}, api: '{api}', {more}}}\n"
        for name, forge, path, api, more in [
            ("team1", "gitlab", "team/one", world.url, "webhook: {secretRef: {name: hooks}}"),
            ("team2", "gitlab", "team/two", "http://localhost:1", "poll: 60s"),
            ("many1", "gitlab", "many/one", world.url, "webhook: {secretRef: {name: hooks}}"),
            ("many2", "gitlab", "many/two", world.url, "webhook: {secretRef: {name: others}}"),
        ]
    ]
    declared.append(
        "apiVersion: trueup.dev/v1alpha1\nkind: Repository\nmetadata: {name: azure}\nspec: {url: 'http://127.0.0.1/org/acme/_git/shop', "
        f"forge: azure, api: '{world.forge.url}', webhook: {{secretRef: {{name: hooks}}}}}}\n"
    )
    (tmp_path / "declarations").mkdir()
    (tmp_path / "declarations" / "all.yaml").write_text("---\n".join(declared))
    for name, text in zip(("github", "gitlab"), declared, strict=False):
        (tmp_path / f"only-{name}").mkdir()
        (tmp_path / f"only-{name}" / "one.yaml").write_text(text)
    (tmp_path / "secrets" / "hooks").mkdir(parents=True)
    (tmp_path / "secrets" / "hooks" / "token").write_text(TOKEN)
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    (tmp_path / "none").write_text("\n")
    return {
        "TRUEUP_DECLARATIONS": str(tmp_path / "declarations"), "TRUEUP_SECRETS": str(tmp_path / "secrets"),
        "TRUEUP_WEBHOOK_KEYS": DOOR_KEY, "TRUEUP_PUBLIC_URL": world.url, "HERE": str(tmp_path),
    }  # fmt: skip


@pytest.mark.parametrize("name", ["github", "gitlab"])
def test_the_circle_of_a_hook(world, environment, name):
    stored = world.forge.hooks.stored["acme/shop"]
    ended = run("webhook", "verify", name, environment=environment)
    assert (ended.code, ended.out) == (1, "")
    assert f"there is no hook to {world.url}/webhooks/{name}/127.0.0.1/acme/shop" in ended.err
    ended = run("webhook", "rotate", name, environment=environment)
    assert (ended.code, f"trueup webhook register trueup/{name}" in ended.err) == (1, True)
    ended = run("webhook", "register", name, environment=environment)
    assert (ended.code, ended.out, ended.err) == (0, f"hook {stored[0].id}: created\n", "")
    ended = run("webhook", "verify", name, environment=environment)
    assert (ended.code, ended.out) == (0, "the hook is as it should be, and a test delivery was taken\n")
    number, stored[0].secrets = stored[0].id, {}
    assert "a test was answered 401" in run("webhook", "verify", name, environment=environment).err
    ended = run("webhook", "rotate", name, "--json", environment=environment)
    assert (ended.code, json.loads(ended.out)["trouble"]) == (0, "")
    assert run("webhook", "verify", name, "--json", environment=environment).out == '{\n  "faults": []\n}\n'
    ended = run("webhook", "remove", name, environment=environment)
    assert (ended.code, ended.out, stored) == (0, f"removed hook {number}\n", [])
    assert run("webhook", "remove", name, environment=environment).out == "there was none\n"


@pytest.mark.parametrize("name", QUIET)
def test_the_circle_of_a_hook_of_which_the_forge_says_little(world, environment, name):
    stored = world.forge.hooks.stored["acme/shop"]
    assert f"mend it: trueup webhook register trueup/{name}" in run("webhook", "verify", name, environment=environment).err
    ended = run("webhook", "register", name, environment=environment)
    assert (ended.code, ended.err, len(stored)) == (0, "", 1)
    assert "created; whether deliveries arrive, the forge does not say" in ended.out
    ended = run("webhook", "verify", name, environment=environment)
    assert (ended.code, ended.out.partition(";")[0]) == (0, "the hook is as it should be")
    assert {line["response_status"] for line in stored[0].log} == ({202} if name in {"gitea", "forgejo"} else set())
    stored[0].secrets = {"secret": "older"}
    assert run("webhook", "rotate", name, environment=environment).code == 0
    derived = derive_secret(bytes.fromhex(DOOR_KEY), name, Purpose.HMAC, "127.0.0.1/acme/shop", 0)
    assert stored[0].secrets == {"secret": text_of(derived, Purpose.HMAC)}
    assert run("webhook", "remove", name, environment=environment).out.startswith("removed hook ")
    assert not stored


def test_the_circle_of_azures_subscriptions(world, environment):
    stored, ids = world.azure.stored, lambda: ",".join(world.azure.stored)
    assert "mend it: trueup webhook register trueup/azure" in run("webhook", "verify", "azure", environment=environment).err
    ended = run("webhook", "register", "azure", environment=environment)
    assert (ended.code, ended.err) == (0, "")
    assert f"hook {ids()}: created; whether deliveries arrive, the forge does not say" in ended.out
    pushed = azure.push(azure.update(), url="http://127.0.0.1/org/acme/_git/shop")
    world.ask(world.azure.deliver("git.push", pushed))
    assert world.azure.log[-1]["result"] == "succeeded"
    ended = run("webhook", "verify", "azure", environment=environment)
    assert (ended.code, ended.out.partition(";")[0]) == (0, "the hook is as it should be")
    next(iter(stored.values()))["status"] = "disabledBySystem"
    world.azure.secrets = dict.fromkeys(stored, "older")
    assert "was given up by Azure DevOps after failures" in run("webhook", "verify", "azure", environment=environment).err
    assert run("webhook", "rotate", "azure", environment=environment).code == 0
    assert {line["status"] for line in stored.values()} == {"enabled"}
    world.ask(world.azure.deliver("git.push", pushed | {"id": "another"}))
    assert world.azure.log[-1]["result"] == "succeeded"
    removed = ids()
    assert run("webhook", "remove", "azure", environment=environment).out == f"removed hook {removed}\n"
    assert not stored


def test_data_center_says_when_trueup_is_not_reached(environment):
    ended = run("webhook", "register", "bitbucket-dc", environment=environment | {"TRUEUP_PUBLIC_URL": "http://127.0.0.1:1"})
    assert ended.code == 1
    assert "Connection refused; the forge sends to http://127.0.0.1:1/webhooks/bitbucket-dc/" in ended.err


@pytest.mark.parametrize("name", ["github", "gitlab"])
def test_the_circle_of_one_hook_for_many_repositories(world, environment, name):
    stored, scope = world.forge.hooks.stored["acme"], ("--scope", "127.0.0.1/acme", "--forge", name)
    more = () if name == "gitlab" else ("--token-file", f"{environment['HERE']}/token")
    environment |= {"TRUEUP_DECLARATIONS": environment["TRUEUP_DECLARATIONS"].replace("declarations", f"only-{name}")}
    wanted = f"trueup webhook register --scope 127.0.0.1/acme --forge {name}"
    assert wanted in run("webhook", "verify", *scope, *more, environment=environment).err
    ended = run("webhook", "register", *scope, *more, environment=environment)
    assert (ended.code, ended.err, len(stored)) == (0, "", 1)
    assert not world.forge.hooks.stored["acme/shop"]
    ended = run("webhook", "verify", *scope, *more, environment=environment)
    assert (ended.code, ended.out) == (0, "the hook is as it should be, and a test delivery was taken\n")
    stored[0].secrets = {}
    assert run("webhook", "rotate", *scope, *more, environment=environment).code == 0
    assert run("webhook", "remove", *scope, *more, environment=environment).out.startswith("removed hook ")
    assert not stored


def test_a_hook_that_does_not_reach_us_is_made_and_told(world, environment):
    ended = run("webhook", "register", "github", environment=environment | {"TRUEUP_PUBLIC_URL": "http://127.0.0.1:1"})
    assert (ended.code, len(world.forge.hooks.stored["acme/shop"])) == (1, 1)
    assert (
        "a test delivery did not arrive: failed to connect to host; the forge sends to http://127.0.0.1:1/webhooks/" in ended.err
    )
    assert (
        "is Trueup running (trueup up)?; before another address, take this hook out: trueup webhook remove trueup/github"
        in ended.err
    )


@pytest.mark.parametrize(
    ("arguments", "change", "code", "told"),
    [
        pytest.param(["nobody"], {}, 1, "there is no Repository trueup/nobody", id="unknown"),
        pytest.param(
            ["other"],
            {},
            1,
            "trueup webhook show trueup/other; this command knows azure, bitbucket, bitbucket-dc, forgejo, gitea, github, gitlab",
            id="a forge that is not spoken to",
        ),
        pytest.param([], {}, 2, "trueup webhook register --scope github.com/acme", id="nothing named"),
        pytest.param(
            ["--scope", "github.com/acme"],
            {},
            1,
            "declared within github.com/acme; declare one; there are: 127.0.0.1/acme/shop (bitbucket), ",
            id="unknown scope",
        ),
        pytest.param(["--scope", "127.0.0.1"], {}, 2, "say which with --forge", id="a scope of several forges"),
        pytest.param(
            ["--scope", "localhost"], {}, 1, "entered by hand: trueup webhook show --scope localhost", id="a whole host"
        ),
        pytest.param(["--scope", "localhost/team/one"], {}, 2, "is the Repository trueup/team1", id="a repository as scope"),
        pytest.param(["--scope", "localhost/team"], {}, 1, "several APIs", id="a scope of several APIs"),
        pytest.param(["--scope", "localhost/many"], {}, 1, "trueup/hooks, trueup/others", id="a scope of several tokens"),
        pytest.param(["github"], {"TRUEUP_PUBLIC_URL": ""}, 2, "TRUEUP_PUBLIC_URL is not set", id="no address"),
        pytest.param(["github"], {"TRUEUP_WEBHOOK_KEYS": ""}, 2, "openssl rand -hex 32", id="no key"),
        pytest.param(["bare"], {}, 1, "spec.webhook.secretRef, or give one with --token-file", id="no token"),
        pytest.param(["bare", "--token-file", "{HERE}/none"], {}, 2, "holds no token", id="an empty file"),
        pytest.param(["bare", "--token-file", "{HERE}/nowhere"], {}, 2, "No such file", id="no file"),
        pytest.param(["elsewhere"], {}, 1, "is not given away", id="another host's API"),
        pytest.param(["away"], {}, 6, "http://127.0.0.1:1/repos/acme/shop/hooks", id="a forge that is away"),
    ],
)
def test_what_cannot_be_done_says_why(environment, arguments, change, code, told):
    arguments = [argument.replace("{HERE}", environment["HERE"]) for argument in arguments]
    ended = run("webhook", "register", *arguments, environment=environment | change)
    assert (ended.code, ended.out) == (code, "")
    assert told in ended.err
    assert TOKEN not in ended.err


def test_a_token_of_ones_own_is_read_from_a_file(environment):
    ended = run("webhook", "register", "bare", "--token-file", f"{environment['HERE']}/token", environment=environment)
    assert (ended.code, ended.err) == (0, "")


def test_a_token_that_may_not_says_what_it_needs(environment, world):
    world.forge.hooks.may_write = False
    ended = run("webhook", "register", "github", environment=environment)
    assert ended.code == 1
    assert "needs the permission to write webhooks" in ended.err
