"""Signatures on the whole way: what is not signed by a declared key never reaches the cluster, and what is there stays. On the sandbox."""

import shutil

import pytest

from tests.servers.declarations import Kubectl, application, condition, repository
from tests.servers.git_http import Remote
from tests.servers.signing import OpenPgp, Ssh, commit
from tests.servers.system import REPOSITORY, System, config_map

pytestmark = [pytest.mark.long, pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="ssh-keygen is not installed")]

WANTED = "poll: 500ms, verify: {secretRef: {name: signers}}"


class Signed:
    """A system whose repository wants signatures, and two people who sign; Ada's count."""

    def __init__(self, system, home):
        self.system = system
        self.ada, self.eve = Ssh.make(home, "ada"), Ssh.make(home, "eve")
        self.trust(ada=self.ada)

    def trust(self, **people):
        place = self.system.directory / "secrets/signers"
        place.mkdir(exist_ok=True)
        (place / "allowed_signers").write_text("".join(f"{name}@example.com {key.public}\n" for name, key in people.items()))

    async def push(self, sign, value):
        """The job of a push of one ConfigMap, and its commit."""
        files = {"apps/web/a.yaml": config_map("web", value)}
        made = await commit(Remote(self.system.git, REPOSITORY), sign, files=files)
        return await self.system.ended(await self.system.redeliver(made)), made

    async def value(self):
        path = f"/api/v1/namespaces/{self.system.namespace}/configmaps/web"
        _, found = await self.system.kube("GET", path)
        return found.get("data", {}).get("value")

    async def told(self, commit):
        """What the commit is told in the end, a moment after its job has ended."""

        async def look():
            return [status for status in self.system.forge.statuses("acme/shop", commit) if status.state != "pending"]

        return (await self.system.until(look, "the commit is told"))[-1]

    async def becomes(self, value):
        async def look():
            return await self.value() == value

        await self.system.until(look, f"the value is {value}")


@pytest.fixture
async def signed(tmp_path, valkey):
    people = []

    async def prepare(system):
        file = system.directory / "declarations/all.yaml"
        file.write_text(file.read_text().replace("poll: 100000h", WANTED))
        people.append(Signed(system, tmp_path))

    async with System(tmp_path, applications={"web": "apps/web"}, redis_url=valkey.url, prepare=prepare):
        yield people[0]


async def test_what_is_not_signed_changes_nothing_and_the_commit_says_why(signed):
    done, _ = await signed.push(signed.ada.sign, "1")
    assert done["state"] == "succeeded", done["message"]
    for sign, why in ((None, "is not signed"), (signed.eve.sign, "is signed by the SSH key SHA256:")):
        failed, made = await signed.push(sign, "2")
        assert failed["state"] == "failed"
        assert f"trueup/shop: commit {made[:12]} {why}" in failed["message"]
        assert "spec.verify wants a signature by: ada@example.com" in failed["message"]
        assert await signed.value() == "1"
        status = await signed.told(made)
        assert (status.state, why in status.description) == ("failure", True)
    done, _ = await signed.push(signed.ada.sign, "3")
    assert (done["state"], await signed.value()) == ("succeeded", "3")


async def test_what_was_live_is_kept_as_it_was_also_after_a_restart(signed):
    await signed.push(signed.ada.sign, "1")
    assert (await signed.push(None, "2"))[0]["state"] == "failed"
    for _ in range(2):
        path = f"/api/v1/namespaces/{signed.system.namespace}/configmaps/web"
        await signed.system.kube("PATCH", path, {"data": {"value": "9"}}, "application/merge-patch+json")
        await signed.becomes("1")
        await signed.system.stop()
        await signed.system.start()


async def test_keys_that_are_added_and_taken_away_count_at_once(signed):
    await signed.push(signed.ada.sign, "1")
    assert (await signed.push(signed.eve.sign, "2"))[0]["state"] == "failed"

    async def is_known():
        known = await signed.system.get("/api/v1/jobs?application=trueup/web")
        return len(known[1]["items"]) >= 2

    await signed.system.until(is_known, "the jobs are there")
    signed.trust(ada=signed.ada, eve=signed.eve)
    await signed.becomes("2")
    signed.trust(eve=signed.eve)
    failed, _ = await signed.push(signed.ada.sign, "3")
    assert (failed["state"], await signed.value()) == ("failed", "2")


async def test_a_sync_by_hand_and_a_rollback_pass_no_other_way(signed):
    await signed.push(signed.ada.sign, "1")
    _, unsigned = await signed.push(None, "2")
    _, accepted = await signed.system.post("/api/v1/applications/trueup/web/sync")
    assert "is not signed" in (await signed.system.ended(accepted["id"]))["message"]
    _, accepted = await signed.system.post("/api/v1/applications/trueup/web/diff")
    assert "is not signed" in (await signed.system.ended(accepted["id"]))["message"]
    status, answer = await signed.system.post("/api/v1/applications/trueup/web/rollback", {"to": unsigned})
    if status == 202:
        assert (await signed.system.ended(answer["id"]))["state"] == "failed"
    assert await signed.value() == "1"


async def test_a_rollback_to_what_was_live_needs_a_signature_that_counts_now(signed):
    signed.trust(ada=signed.ada, eve=signed.eve)
    _, first = await signed.push(signed.ada.sign, "1")
    assert (await signed.push(signed.eve.sign, "2"))[0]["state"] == "succeeded"
    signed.trust(eve=signed.eve)
    status, answer = await signed.system.post("/api/v1/applications/trueup/web/rollback", {"to": first})
    assert status == 202, answer
    done = await signed.system.ended(answer["id"])
    assert (done["state"], "which is not among them" in done["message"]) == ("failed", True)
    assert await signed.value() == "2"


async def test_a_commit_that_changes_no_application_is_told_all_the_same(signed):
    await signed.push(signed.ada.sign, "1")
    remote = Remote(signed.system.git, REPOSITORY)
    for sign, state in ((None, "failure"), (signed.ada.sign, "success")):
        made = await commit(remote, sign, files={"apps/web/a.yaml": config_map("web", "1"), "README": state})
        await signed.system.ended(await signed.system.redeliver(made))
        status = await signed.told(made)
        assert (status.state, "is not signed" in status.description) == (state, sign is None)
    assert await signed.value() == "1"


@pytest.mark.skipif(shutil.which("gpg") is None, reason="gpg is not installed")
async def test_people_with_keys_of_openpgp(signed, tmp_path):
    grace = OpenPgp.make(tmp_path / "grace", "grace")
    failed, _ = await signed.push(grace.sign, "1")
    assert "is signed by the OpenPGP key" in failed["message"]
    (signed.system.directory / "secrets/signers/grace.asc").write_bytes(grace.public)
    await signed.becomes("1")


async def test_an_application_in_the_cluster_says_it_in_its_conditions(tmp_path, valkey):
    async def installed(system):
        system.kubectl = Kubectl(system.kubeconfig, system.directory, "trueup")
        await system.kubectl.install()

    key = f"ada@example.com {Ssh.make(tmp_path, 'ada').public}"
    async with System(
        tmp_path, applications={}, redis_url=valkey.url, settings={"declarations": None}, prepare=installed
    ) as system:
        made = await commit(Remote(system.git, REPOSITORY), None, files={"apps/web/a.yaml": config_map("web", "1")})
        url, forge = system.git.url(REPOSITORY), {"forge": "github", "api": system.forge.url}
        destination = {"namespace": system.namespace, "createNamespace": True}
        await system.kubectl.apply(
            repository("shop", url, "trueup", **forge, verify={"keys": [key]}),
            application("web", "trueup", destination=destination),
        )

        async def is_told():
            return condition(await system.kubectl.get("tapp", "web"), "Ready")[0] == "False"

        await system.until(is_told, "it is told")
        found = await system.kubectl.get("tapp", "web")
        for kind, state in (("Ready", "False"), ("Synced", "False"), ("Stalled", "True")):
            said = condition(found, kind)
            assert (said[0], f"commit {made[:12]} is not signed" in said[2]) == (state, True)
