"""What validates in a file validates in the cluster, and vice versa; both name the field. On the real control plane."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from reconciler.declarations.definitions import definitions
from tests.reconciler.declarations.validations import BAD, GOOD

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(180)]

KUBECTL = Path(sys.executable).with_name("kubectl")


@pytest.fixture(scope="module")
def kubectl(control_plane, tmp_path_factory):
    """Runs kubectl with our definitions installed; answers the exit code and what it said."""
    home = tmp_path_factory.mktemp("home")

    def run(*arguments, text=""):
        done = subprocess.run(
            [KUBECTL, "--kubeconfig", control_plane.kubeconfig, *arguments], input=text, capture_output=True, text=True,
            check=False, timeout=60, env={"HOME": str(home)},
        )  # fmt: skip
        return done.returncode, done.stdout + done.stderr

    code, said = run("apply", "--server-side", "--force-conflicts", "-f", "-", text=yaml.safe_dump_all(definitions()))
    assert code == 0, said
    names = [f"crd/{definition['metadata']['name']}" for definition in definitions()]
    code, said = run("wait", "--for=condition=Established", *names, "--timeout=30s")
    assert code == 0, said
    return run


@pytest.mark.parametrize("name", GOOD)
def test_what_is_good_in_a_file_is_good_in_the_cluster(kubectl, name):
    code, said = kubectl("apply", "--dry-run=server", "-f", "-", text=json.dumps(GOOD[name]))
    assert code == 0, said


@pytest.mark.parametrize("name", BAD)
def test_what_is_bad_in_a_file_is_bad_in_the_cluster_and_names_the_field(kubectl, name):
    field, document = BAD[name]
    code, said = kubectl("apply", "--dry-run=server", "-f", "-", text=json.dumps(document))
    assert code != 0, said
    assert field.rpartition(".")[2] in said if "unknown field" in said else field in said, said


def test_a_good_one_is_printed_with_its_columns(kubectl):
    document = json.dumps(GOOD["everything of an application"])
    assert kubectl("apply", "-f", "-", text=document)[0] == 0
    assert re.split(r"\s+", kubectl("get", "tapp")[1].splitlines()[0].strip()) == ["NAME", "SYNC", "HEALTH", "REVISION", "AGE"]
    assert kubectl("apply", "-f", "-", text=json.dumps(GOOD["a repository with an address"]))[0] == 0
    assert re.split(r"\s+", kubectl("get", "trepo")[1].splitlines()[0].strip()) == ["NAME", "URL", "READY", "AGE"]
    assert kubectl("delete", "tapp,trepo", "--all")[0] == 0
