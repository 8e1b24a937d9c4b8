"""Tests mirror the packages: every module that does something has its test file, or a reason why it has none."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("trueup", "receiver", "jobs", "reconciler")

_CONTRACT = "what it sends and what comes of it is settled by a real API server"
_SYNC = "a step of a sync: it is judged by what a whole sync leaves in a cluster"
_HEALTH = "every row of its table has a sample object and the verdict on it"

ELSEWHERE = {
    "reconciler/artifacts/fetch.py": ("tests/reconciler/artifacts/test_mirror.py", "hostile servers, and who gets a login"),
    "reconciler/artifacts/registry.py": ("tests/reconciler/artifacts/test_mirror.py", "a registry on loopback"),
    "reconciler/artifacts/signatures.py": ("tests/reconciler/artifacts/test_cosign.py", "what a registry has is judged there"),
    "reconciler/artifacts/unpack.py": ("tests/reconciler/artifacts/test_mirror.py", "hostile archives, taken in by git"),
    "reconciler/declarations/repository.py": (
        "tests/reconciler/declarations/test_schema.py",
        "the parts that the schema is made of",
    ),
    "reconciler/git/contents.py": ("tests/reconciler/git/test_mirror.py", "what a mirror has fetched is read"),
    "reconciler/git/remote.py": ("tests/reconciler/git/test_mirror.py", "how a mirror speaks to its remote"),
    "reconciler/git/ssh_door.py": ("tests/reconciler/git/test_ssh_pool.py", "git's way to the connections"),
    "reconciler/git/ssh_hosts.py": ("tests/reconciler/git/test_ssh_pool.py", "a real server is trusted by it, or is not"),
    "receiver/providers/azure_pulls.py": (
        "tests/receiver/providers/test_pulls.py",
        "all forges that are alike, by the same table",
    ),
    "receiver/providers/bitbucket_pulls.py": ("tests/receiver/providers/test_pulls.py", "the same table"),
    "receiver/providers/bitbucket_dc_pulls.py": ("tests/receiver/providers/test_pulls.py", "the same table"),
    "receiver/providers/gitea_pulls.py": ("tests/receiver/providers/test_pulls.py", "the same table"),
    "receiver/__main__.py": ("tests/receiver/test_app.py", "a composition root: `serve` with the settings of the environment"),
    "jobs/__main__.py": ("tests/jobs/test_worker.py", "a composition root: `serve` with the settings of the environment"),
    "trueup/up.py": ("tests/trueup/cli/test_serve.py", "two tasks, run as a process"),
    "trueup/demo/example.py": ("tests/trueup/demo/test_play.py", "the demo's files: they are good when the demo ends well"),
    "trueup/demo/screen.py": ("tests/trueup/demo/test_play.py", "what the demo prints"),
    "trueup/demo/stage.py": ("tests/trueup/demo/test_play.py", "what the demo stands on"),
    "jobs/forges/bitbucket.py": ("tests/jobs/forges/test_clients.py", "all forges, by the same table"),
    "jobs/forges/bitbucket_dc.py": ("tests/jobs/forges/test_clients.py", "all forges, by the same table"),
    "jobs/forges/gitea.py": ("tests/jobs/forges/test_clients.py", "all forges, by the same table"),
    "jobs/forges/api.py": ("tests/jobs/forges/test_clients.py", "all forges, by the same table"),
    "jobs/forges/github_checks.py": ("tests/jobs/test_checks.py", "what a whole check run comes to"),
    "jobs/forges/deployers.py": ("tests/jobs/test_deployments.py", "deployments of both forges, by the same table"),
    "jobs/forges/github_deployments.py": ("tests/jobs/test_deployments.py", "deployments of both forges, by the same table"),
    "jobs/forges/gitlab_deployments.py": ("tests/jobs/test_deployments.py", "deployments of both forges, by the same table"),
    "jobs/forges/bitbucket_dc_hooks.py": ("tests/jobs/forges/test_hooks.py", "all forges, by the same table"),
    "jobs/forges/bitbucket_hooks.py": ("tests/jobs/forges/test_hooks.py", "all forges, by the same table"),
    "jobs/forges/gitea_hooks.py": ("tests/jobs/forges/test_hooks.py", "all forges, by the same table"),
    "jobs/forges/github_hooks.py": ("tests/jobs/forges/test_hooks.py", "all forges, by the same table"),
    "jobs/forges/gitlab_hooks.py": ("tests/jobs/forges/test_hooks.py", "all forges, by the same table"),
    "receiver/providers/github_pulls.py": ("tests/receiver/providers/test_merges.py", "both forges, by the same words"),
    "receiver/providers/gitlab_pulls.py": ("tests/receiver/providers/test_merges.py", "both forges, by the same words"),
    "jobs/forges/bitbucket_dc_conversation.py": ("tests/jobs/forges/test_bitbucket_conversation.py", "with Bitbucket Cloud"),
    "jobs/forges/gitea_conversation.py": ("tests/jobs/forges/test_conversation.py", "all forges, by the same table"),
    "jobs/forges/github_conversation.py": ("tests/jobs/forges/test_conversation.py", "all forges, by the same table"),
    "jobs/forges/gitlab_conversation.py": ("tests/jobs/forges/test_conversation.py", "all forges, by the same table"),
    "jobs/commands.py": ("tests/e2e/test_commands.py", "from the comment to the job, with a forge that knows people"),
    "reconciler/sync/proposal.py": ("tests/e2e/test_plans.py", "two renders and dry runs: judged by what people are told"),
    "jobs/holder/farewells.py": ("tests/e2e/test_farewell.py", "last hooks in a living cluster"),
    "jobs/holder/removals.py": ("tests/e2e/test_removal.py", "removals of a living cluster"),
    "receiver/api/orphans.py": ("tests/e2e/test_removal.py", "what only holders know"),
    "reconciler/declarations/changes.py": ("tests/reconciler/declarations/test_files.py", "how a directory of files is followed"),
    "reconciler/declarations/part.py": ("tests/reconciler/declarations/test_schema.py", "the parts that the schema is made of"),
    "reconciler/render/sops.py": ("tests/reconciler/render/test_decrypted.py", "files that the real sops made, and broken ones"),
    "reconciler/render/result.py": ("tests/reconciler/sync/test_outside.py", "values, and how what was given is looked up"),
    "reconciler/render/program.py": ("tests/reconciler/render/test_kustomize.py", "what runs the programs: they are seen to run"),
    "reconciler/render/landlock.py": (
        "tests/reconciler/render/test_confine.py",
        "every version of it, in processes that it confines",
    ),
    "reconciler/render/mounts.py": ("tests/reconciler/render/test_confine.py", "what a process in it can still touch"),
    "reconciler/render/seccomp.py": ("tests/reconciler/render/test_confine.py", "what a process under it can still call"),
    "reconciler/yaml/write.py": ("tests/reconciler/render/test_substitute.py", "what is written there is read again"),
    "reconciler/declarations/rules.py": ("tests/e2e/test_validation.py", "the API server judges by them, as a file is judged"),
    "reconciler/declarations/status.py": ("tests/e2e/test_resources.py", "statuses of a living cluster"),
    "reconciler/declarations/fields.py": ("tests/reconciler/declarations/test_schema.py", "the parts that the schema is made of"),
    "reconciler/sync/farewell.py": ("tests/e2e/test_farewell.py", "last hooks in a living cluster"),
    "reconciler/sync/remove.py": ("tests/e2e/test_removal.py", "removals of a living cluster"),
    "trueup/cli/crds.py": ("tests/reconciler/declarations/test_definitions.py", "prints what is made there"),
    "trueup/cli/up.py": ("tests/trueup/cli/test_serve.py", "run as a process"),
    "trueup/cli/worker.py": ("tests/trueup/cli/test_serve.py", "run as a process"),
    "reconciler/kube/said.py": ("tests/reconciler/kube/test_refusal.py", "how an answer is read, for what it means"),
    "jobs/holder/alarms.py": ("tests/e2e/test_pause.py", "times that come in a held cluster, with restarts between"),
    "jobs/holder/decisions.py": ("tests/e2e/test_pause.py", "what people decide, from the request to the cluster"),
    "jobs/holder/several.py": ("tests/e2e/test_sources_told.py", "jobs of several repositories, which are all there"),
    "jobs/holder/rollbacks.py": ("tests/e2e/test_rollback.py", "a return is several syncs, and several jobs"),
    "reconciler/declarations/clock.py": (
        "tests/reconciler/declarations/test_schema.py",
        "how the schema reads schedules and zones",
    ),
    "jobs/holder/surroundings.py": ("tests/e2e/test_dependencies.py", "it asks several jobs and clusters, which are all there"),
    "reconciler/kube/apply.py": ("tests/contract/test_writer.py", _CONTRACT),
    "reconciler/kube/appearances.py": ("tests/e2e/test_kinds.py", _CONTRACT),
    "reconciler/kube/cluster.py": (
        "tests/e2e/test_faults.py",
        "it puts the parts of a cluster together, and each request fails in turn",
    ),
    "reconciler/kube/entries.py": ("tests/contract/test_writer.py", "the index's own values"),
    "reconciler/sync/apply.py": ("tests/e2e/test_faults.py", _SYNC),
    "reconciler/sync/decide.py": ("tests/e2e/test_prune_git.py", _SYNC),
    "reconciler/sync/findings.py": ("tests/e2e/test_suspicion.py", _SYNC),
    "reconciler/sync/hookrun.py": ("tests/e2e/test_hooks.py", _SYNC),
    "reconciler/sync/hooks.py": ("tests/e2e/test_hooks.py", _SYNC),
    "reconciler/sync/passage.py": ("tests/e2e/test_waves.py", _SYNC),
    "reconciler/sync/preview.py": ("tests/jobs/holder/test_looks.py", _SYNC),
    "reconciler/sync/prune.py": ("tests/e2e/test_prune_stale.py", _SYNC),
    "reconciler/sync/recreate.py": ("tests/e2e/test_recreate.py", _SYNC),
    "reconciler/sync/refresh.py": ("tests/e2e/test_partial.py", _SYNC),
    "reconciler/sync/send.py": ("tests/e2e/test_adoption.py", _SYNC),
    "reconciler/sync/run.py": ("tests/e2e/test_push.py", _SYNC),
    "reconciler/sync/runs.py": ("tests/e2e/test_hooks.py", _SYNC),
    "reconciler/sync/verified.py": ("tests/e2e/test_verify.py", _SYNC),
    "reconciler/sync/vigil.py": ("tests/e2e/test_waves.py", _SYNC),
    "reconciler/health/custom.py": ("tests/reconciler/health/test_rules.py", _HEALTH),
    "reconciler/health/extension.py": ("tests/reconciler/health/test_rules.py", _HEALTH),
    "reconciler/health/networking.py": ("tests/reconciler/health/test_rules.py", _HEALTH),
    "reconciler/health/pods.py": ("tests/reconciler/health/test_reasons.py", _HEALTH),
    "reconciler/health/storage.py": ("tests/reconciler/health/test_rules.py", _HEALTH),
}
"""Modules without a test file of their own: where they are tested, and why there."""

ROOMS = {"trueup/sandbox/": ("tests/contract", "one suite holds all of it against a real control plane")}
"""The same for a whole room; a module of it may have its test file all the same."""


def does_something(path: Path) -> bool:
    """Whether a module has a function with a body; values, protocols and tables are tested by who uses them."""
    functions = [
        node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    return any(not _is_empty(function) for function in functions)


def _is_empty(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return all(
        isinstance(node, ast.Pass) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
        for node in function.body
    )


MODULES = sorted(
    str(path.relative_to(ROOT))
    for package in PACKAGES
    for path in (ROOT / package).rglob("*.py")
    if path.name != "__init__.py" and does_something(path)
)


def mirrored(module: str) -> Path:
    path = Path(module)
    return Path("tests") / path.parent / f"test_{path.stem}.py"


@pytest.mark.parametrize("module", MODULES)
def test_every_module_has_its_test_file_or_a_reason(module):
    reason = ELSEWHERE.get(module) or next((reason for room, reason in ROOMS.items() if module.startswith(room)), None)
    if reason is not None:
        assert (ROOT / reason[0]).exists(), f"{reason[0]} is gone; where is {module} tested now?"
        return
    assert (ROOT / mirrored(module)).exists(), f"{module} has no {mirrored(module)}; write it, or say in ELSEWHERE why not"


@pytest.mark.parametrize("module", sorted(ELSEWHERE))
def test_no_reason_outlives_its_module(module):
    assert module in MODULES, f"{module} is gone or does nothing; take it out of ELSEWHERE"
    assert not (ROOT / mirrored(module)).exists(), f"{module} has its test file by now; take it out of ELSEWHERE"
