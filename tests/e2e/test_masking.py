"""What SOPS encrypted, and what a Secret holds, is in the cluster where Git says, and nowhere else that anybody looks.

Values with a word of their own go through every way there is: plain files, Kustomize, variables, a change, drift under both policies, a
restart, a refusal of the API server, a mistake in rendering, and the command line. Then the word is looked for: in the API, its stream of
events, the log, everything Redis ever wrote, the state directory, temporary files, the forge's statuses, and the cluster's Events.
"""

import asyncio
import base64
import contextlib
import json
import tempfile
from pathlib import Path

import pyrage
import pytest

from tests.servers.command_line import run
from tests.servers.sealing import Person, seal
from tests.servers.system import KEY, REPOSITORY, System
from tests.tools.build import find

pytestmark = [pytest.mark.tool("sops"), pytest.mark.tool("gpg"), pytest.mark.long]

CANARY = "kanarienvogel"
IDENTITY = pyrage.x25519.Identity.generate()
DECLARED = """
apiVersion: trueup.dev/v1alpha1
kind: Application
metadata: {name: kept}
spec:
  sources: [{git: {repository: shop, path: apps/kept}}]
  destination: {namespace: NAMESPACE, createNamespace: true}
  sync: {drift: POLICY}
  render:
    decrypt: {secretRef: {name: keys}}
    substitute: {from: [{kind: Secret, name: vars}]}
"""
CONFIG = "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: config}}\ndata: {{password: {0}-config, public: {1}}}\n"
LETTER = "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: letter}}\ndata: {{a: {0}-letter}}\n"
WEB = """apiVersion: apps/v1
kind: Deployment
metadata: {{name: web}}
spec:
  replicas: {1}
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec: {{containers: [{{name: web, image: "web:1", env: [{{name: A, value: "pg://u:{0}-env@db"}}, {{name: B, value: plain}}]}}]}}
"""
VARIABLES = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: variables}\ndata: {url: 'https://x/${TOKEN}?a=b'}\n"
GENERATOR = "configMapGenerator: [{name: generated, envs: [.env]}]\ngeneratorOptions: {disableNameSuffixHash: true}\n"


def encrypted(directory: Path, name: str, text: str, regex: str) -> str:
    """The text as `sops` encrypts it in a file of this name."""
    options = ("--encrypted-regex", regex) if regex else ()
    return seal(directory / name, text, "--age", str(IDENTITY.to_public()), *options)


def files(directory, word, person, replicas="1"):
    directory.mkdir(exist_ok=True)
    return {
        "apps/kept/config.yaml": encrypted(directory, "config.yaml", CONFIG.format(word, "shown"), "^password$"),
        "apps/kept/web.yaml": encrypted(directory, "web.yaml", WEB.format(word, replicas), "^(value|replicas)$"),
        "apps/kept/letter.yaml": seal(
            directory / "letter.yaml",
            LETTER.format(word),
            "--pgp",
            person.name,
            "--encrypted-regex",
            "^data$",
            environment=person.home,
        ),
        "apps/kept/variables.yaml": VARIABLES,
        "apps/kept/gen/kustomization.yaml": GENERATOR,
        "apps/kept/gen/.env": encrypted(directory, ".env", f"PASSWORD={word}-generated\n", ""),
    }


class Ears:
    """Everything that anybody can hear or read."""

    def __init__(self, system):
        self.system = system
        self.heard = b""

    async def listen(self):
        async with self.system.session.get(f"{self.system.url}/api/v1/events", timeout=None) as response:
            async for chunk in response.content.iter_any():
                self.heard += chunk

    async def page(self, path):
        async with self.system.session.get(f"{self.system.url}/{path}") as response:
            assert (response.status, response.content_type) == (200, "text/html")
            return await response.text()

    async def pages(self):
        _, jobs = await self.system.get("/api/v1/jobs?limit=100")
        told = [json.dumps(await self.system.get(f"/api/v1/jobs/{job['id']}")) for job in jobs["items"]]
        kept = "/api/v1/applications/trueup/kept"
        told += [
            json.dumps(await self.system.get(path)) for path in (kept, f"{kept}/resources", f"{kept}/drift", f"{kept}/history")
        ]
        paths = ["applications/trueup/kept", "jobs", *(f"jobs/{job['id']}" for job in jobs["items"])]
        shown = [await self.page(path) for path in paths]
        _, events = await self.system.kube("GET", f"/api/v1/namespaces/{self.system.namespace}/events")
        commits = [commit for found in self.system.forge.commits.values() for commit in found]
        statuses = [str(self.system.forge.statuses(REPOSITORY, commit)) for commit in commits]
        assert jobs["items"]
        assert events["items"]
        return {"API": "".join(told), "pages": "".join(shown), "Events": json.dumps(events), "statuses": "".join(statuses)}


def contents(*directories):
    """Every file in these, as far as it is still there."""
    for directory in directories:
        for path in Path(directory).rglob("*"):
            with contextlib.suppress(OSError):
                if path.is_file():
                    yield str(path), path.read_bytes()


def has_word(content):
    text = content if isinstance(content, bytes) else content.encode()
    codes = [base64.b64encode(b"x" * n + CANARY.encode()).decode()[4:-4].encode() for n in range(3)]
    return any(word in text for word in (CANARY.encode(), CANARY.upper().encode(), *codes))


async def live(system, kind, name):
    group = "apis/apps/v1" if kind == "deployments" else "api/v1"
    return await system.kube("GET", f"/{group}/namespaces/{system.namespace}/{kind}/{name}")


async def drifts(system, known):
    async def look():
        _, jobs = await system.get("/api/v1/jobs?application=kept")
        found = [
            job for job in jobs["items"] if job["kind"] == "drift" and job["id"] not in known and job["state"] == "succeeded"
        ]
        known.update(job["id"] for job in found)
        return found

    return await system.until(look, "drift is told")


async def meddle(system, value):
    path = f"/api/v1/namespaces/{system.namespace}/configmaps/config"
    status, _ = await system.kube("PATCH", path, {"data": {"password": value}}, "application/merge-patch+json")
    assert status == 200


async def is_put_back(system):
    return (await live(system, "configmaps", "config"))[1]["data"]["password"] == f"{CANARY}2-config"


async def is_in_force(system):
    """Whether every declaration on disk is known, and nothing is under way."""
    _, jobs = await system.get("/api/v1/jobs?application=kept")
    asks = [job for job in jobs["items"] if job["kind"] == "declared"]
    return len(asks) > 1 and all(job["state"] == "succeeded" for job in asks)


async def command(system, directory, *arguments):
    environment = {
        "TRUEUP_STATE": str(directory / "own-state"), "TRUEUP_DECLARATIONS": str(system.directory / "declarations"),
        "TRUEUP_SECRETS": str(system.directory / "secrets"), "KUBECONFIG": str(system.kubeconfig),
        "TRUEUP_GIT_PROTOCOLS": "http", "TRUEUP_INSTANCE": system.instance, "TRUEUP_WEBHOOK_KEYS": KEY, "TRUEUP_SOPS": find("sops"),
    }  # fmt: skip
    return await asyncio.to_thread(lambda: run(*arguments, environment=environment))


def declare(system, policy):
    text = DECLARED.replace("NAMESPACE", system.namespace).replace("POLICY", policy)
    (system.directory / "declarations" / "more.yaml").write_text(text)


def prepared(person):
    async def prepare(system):
        entries = (
            ("keys", "age.agekey", str(IDENTITY)),
            ("keys", "key.asc", person.secret),
            ("vars", "TOKEN", f"{CANARY}-variable"),
        )
        for name, entry, text in entries:
            (system.directory / "secrets" / name).mkdir(parents=True, exist_ok=True)
            (system.directory / "secrets" / name / entry).write_text(text)
        declare(system, "repair")

    return prepare


@pytest.fixture
def person():
    with tempfile.TemporaryDirectory(prefix="g", dir="/tmp") as home:
        found = Person(Path(home))
        yield found
        found.close()


@pytest.fixture
def scratch(monkeypatch):
    with tempfile.TemporaryDirectory(prefix="c", dir="/tmp") as directory:
        monkeypatch.setattr(tempfile, "tempdir", directory)
        monkeypatch.setenv("TMPDIR", directory)
        yield Path(directory)


async def test_the_word_is_nowhere(tmp_path, scratch, person, valkey, capfd):
    work = tmp_path / "work"
    async with System(
        tmp_path / "s", applications={}, redis_url=valkey.url, prepare=prepared(person), settings={"sops": find("sops")}
    ) as system:
        ears = Ears(system)
        listening = asyncio.create_task(ears.listen())
        first = await system.ended(await system.push(files(work, CANARY, person)))
        assert first["state"] == "succeeded", first
        for kind, name in (
            ("configmaps", "config"),
            ("configmaps", "generated"),
            ("configmaps", "variables"),
            ("deployments", "web"),
        ):
            assert has_word(json.dumps((await live(system, kind, name))[1])), name  # where Git wants it

        known = set()
        await meddle(system, f"{CANARY}-of-a-person")
        (told,) = await drifts(system, known)
        _, told = await system.get(f"/api/v1/jobs/{told['id']}")
        fields = told["syncs"][0]["steps"][0]["fields"]
        assert [(field["path"], field["desired"], field["found"]) for field in fields] == [
            ("data.password", '"*** (after)"', '"*** (before)"')
        ]

        changed = await system.ended(await system.push(files(work, f"{CANARY}2", person)))
        assert changed["state"] == "succeeded", changed

        await system.git.commit(REPOSITORY, files(work, f"{CANARY}3", person), message="later", branch="later")
        shown = await command(system, tmp_path, "diff", "kept", "--revision", "later")
        assert 'data.password: "*** (before)" → "*** (after)"' in shown.out
        assert ".env[name=A].value:" in shown.out
        rendered = await command(system, tmp_path, "render", "kept")
        assert "password: '***'" in rendered.out
        assert "public: shown" in rendered.out

        listening.cancel()
        await system.stop()
        await system.start()
        listening = asyncio.create_task(ears.listen())
        await meddle(system, f"{CANARY}-after-a-restart")
        await system.until(lambda: is_put_back(system), "it is put back")

        declare(system, "report")
        await system.until(lambda: is_in_force(system), "the policy is in force")
        await meddle(system, f"{CANARY}-left")
        (told,) = await drifts(system, known)
        assert told["message"].startswith("left as it is")
        _, asked = await system.post("/api/v1/applications/trueup/kept/diff")
        assert (await system.ended(asked["id"]))["state"] == "succeeded"

        refused = await system.ended(await system.push(files(work, CANARY, person, replicas=f"{CANARY}-number")))
        assert refused["state"] == "failed", refused
        broken = await system.ended(
            await system.push({"apps/kept/b.yaml": "kind: A\nx: ${TOKEN}-${TOKEN:?}-${NONE:?no ${TOKEN}}\n"})
        )
        assert broken["state"] == "failed", broken
        assert "no ***" in json.dumps(broken)

        pages = {**await ears.pages(), "stream": ears.heard, "diff": shown.out + shown.err, "render": rendered.out + rendered.err}
        listening.cancel()
    out, err = capfd.readouterr()
    found = [name for name, page in {**pages, "log": out + err}.items() if has_word(page)]
    state, redis = system.directory / "state", valkey.url.removeprefix("unix://").removesuffix("/socket")
    found += [name for name, content in contents(state, redis, scratch, tmp_path / "own-state") if has_word(content)]
    assert found == []
