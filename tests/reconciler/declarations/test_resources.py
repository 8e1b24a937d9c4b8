"""Declarations as custom resources: each is in force or not by itself, and none beyond what its namespace is allowed."""

from dataclasses import replace

import pytest

from reconciler.declarations.resources import FINALIZER, accept, allowance_of, read, renamed_to
from reconciler.model.declared import EVERYTHING, Allowance, Application, Declarations, Name, Repository
from reconciler.settings import AllowanceSettings

SHOP = Name("team", "shop")


def resource(kind, name="web", *, namespace="team", spec=None, **metadata):
    known = {"name": name, "namespace": namespace, "uid": f"uid-{name}", "resourceVersion": "7", "generation": 2}
    document = {"apiVersion": "trueup.dev/v1alpha1", "kind": kind, "metadata": known | metadata, "spec": spec}
    return read(document, kind)


def repository(name="shop", **more):
    return resource("Repository", name, **{"spec": {"url": "https://git.example/acme/shop"}} | more)


def application(name="web", *, path="web", destination=None, depends_on=(), namespace="team", **metadata):
    spec = {"sources": [{"git": {"repository": "shop", "path": path}}]}
    if destination is not None:
        spec["destination"] = destination
    if depends_on:
        spec["dependsOn"] = [{"name": each} for each in depends_on]
    return resource("Application", name, namespace=namespace, spec=spec, **metadata)


def everything(_):
    return EVERYTHING


def only_its_own(namespace):
    return allowance_of(namespace, {}, is_resource=True)


LEAVING = {"deletionTimestamp": "2026-11-20T12:00:00Z"}


def test_what_is_read_of_an_object():
    found = application(finalizers=[FINALIZER], **LEAVING)
    assert found.key == ("Application", Name("team", "web"))
    assert (found.uid, found.version, found.generation) == ("uid-web", "7", 2)
    assert (found.finalizers, found.deleted_at, found.status) == ((FINALIZER,), "2026-11-20T12:00:00Z", {})
    assert isinstance(found.value, Application)
    assert (found.value.generation, found.value.is_resource) == (2, True)
    assert isinstance(repository().value, Repository)


@pytest.mark.parametrize(
    ("spec", "mistake"),
    [
        pytest.param({}, "spec.sources: ", id="a field is missing"),
        pytest.param(
            {"sources": [{"git": {"repository": "shop", "pth": "x"}}]}, "spec.sources[0].git.pth: ", id="one is unknown"
        ),
        pytest.param(None, "spec: ", id="no spec"),
    ],
)
def test_what_cannot_be_understood_names_its_field(spec, mistake):
    found = resource("Application", spec=spec)
    assert found.value is None
    assert any(text.startswith(mistake) for text in found.mistakes), found.mistakes


@pytest.mark.parametrize(
    ("other", "is_same"),
    [
        pytest.param(application(resourceVersion="8"), True, id="only its status was written"),
        pytest.param(application(generation=3), False, id="its spec is another one"),
        pytest.param(application(uid="uid-2"), False, id="it was made anew"),
        pytest.param(application(**LEAVING), False, id="it is being deleted"),
    ],
)
def test_what_of_an_object_is_declared(other, is_same):
    assert (application().declaration == other.declaration) is is_same


def test_everything_that_is_good_is_in_force():
    found = accept([application(), application("api"), repository()], Declarations(), everything)
    assert found.problems == {}
    assert set(found.declarations.repositories) == {SHOP}
    assert set(found.declarations.applications) == {Name("team", "web"), Name("team", "api")}
    assert found.declarations.refused == frozenset()


REFUSED = {
    "one that cannot be understood": ([resource("Application", spec={})], "spec.sources: "),
    "one whose repository is not there": ([application(namespace="other")], "spec.sources[0].git.repository: "),
    "one that waits for nobody": (
        [application(depends_on=["none"])],
        "spec.dependsOn[0].name: there is no Application team/none",
    ),
    "one beyond its namespace": (
        [application(destination={"namespace": "kube-system"})],
        "spec.destination.namespace: team may not deploy to namespace kube-system",
    ),
    "one beyond its cluster": (
        [application(destination={"cluster": "edge", "namespace": "team"})],
        "spec.destination.cluster: team may not deploy to edge",
    ),
}


@pytest.mark.parametrize(("bad", "problem"), REFUSED.values(), ids=REFUSED)
def test_one_that_is_wrong_takes_no_other_out_of_force(bad, problem):
    found = accept([*bad, application("fine"), repository()], Declarations(), only_its_own)
    assert list(found.problems) == [bad[0].key]
    assert any(text.startswith(problem) for text in found.problems[bad[0].key]), found.problems
    assert set(found.declarations.applications) == {Name("team", "fine")}
    assert found.declarations.refused == {bad[0].name}, "it is declared, and so nothing of it is gone"


def test_who_waits_for_one_that_is_refused_is_refused_too_and_so_on():
    chain = [
        application("a", depends_on=["b"]),
        application("b", depends_on=["c"]),
        application("c", destination={"cluster": "x"}),
    ]
    found = accept([*chain, application("fine"), repository()], Declarations(), only_its_own)
    assert set(found.problems) == {each.key for each in chain}
    assert set(found.declarations.applications) == {Name("team", "fine")}


def test_files_come_first():
    filed = accept([application(), repository()], Declarations(), everything).declarations
    found = accept([application(path="other"), repository()], filed, everything)
    assert set(found.problems) == {("Application", Name("team", "web")), ("Repository", SHOP)}
    assert "a file declares it already" in found.problems["Application", Name("team", "web")][0]
    assert found.declarations.applications == filed.applications
    assert found.declarations.refused == frozenset(), "the one in the file is in force"


GOING = {
    "with our finalizer": (application(finalizers=[FINALIZER], **LEAVING), True),
    "with another finalizer": (application(finalizers=["x.example/y"], **LEAVING), False),
    "that cannot be understood": (resource("Application", spec={}, finalizers=[FINALIZER], **LEAVING), False),
}


@pytest.mark.parametrize(("going", "is_leaving"), GOING.values(), ids=GOING)
def test_one_that_is_deleted_is_not_in_force_and_leaves_where_we_are_waited_for(going, is_leaving):
    found = accept([going, repository()], Declarations(), only_its_own)
    assert found.declarations.applications == {}
    assert found.problems == {}
    assert set(found.declarations.leaving) == ({going.name} if is_leaving else set())
    assert all(value.allowance == only_its_own("team") for value in found.declarations.leaving.values())


def test_one_that_a_file_declares_too_does_not_leave():
    filed = accept([application(), repository()], Declarations(), everything).declarations
    assert accept([application(finalizers=[FINALIZER], **LEAVING)], filed, everything).declarations.leaving == {}


WIDE = AllowanceSettings(namespaces=("team-*",), kinds=("*.apps",), clusters=("*",), cluster_objects=True)

ALLOWED = {
    "home, as a resource": ("trueup", {}, True, EVERYTHING),
    "a file anywhere": ("team", {}, False, EVERYTHING),
    "a resource elsewhere": ("team", {}, True, Allowance(("team",), None, ("in-cluster",), has_cluster_objects=False)),
    "as the settings say": ("team", {"team": WIDE}, True, Allowance(("team", "team-*"), ("*.apps",), ("*",), has_cluster_objects=True)),
    "by a glob": ("team", {"te*": WIDE}, True, Allowance(("team", "team-*"), ("*.apps",), ("*",), has_cluster_objects=True)),
    "its name before a glob": (
        "team", {"*": WIDE, "team": AllowanceSettings()}, True, Allowance(("team",), None, ("in-cluster",), has_cluster_objects=False),
    ),
    "a file that the settings speak of": (
        "team", {"team": AllowanceSettings()}, False, Allowance(("team",), None, ("in-cluster",), has_cluster_objects=False),
    ),
    "home that the settings speak of": (
        "trueup", {"*": AllowanceSettings()}, True, Allowance(("trueup",), None, ("in-cluster",), has_cluster_objects=False),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("namespace", "settings", "is_resource", "allowance"), ALLOWED.values(), ids=ALLOWED)
def test_what_a_namespace_is_allowed(namespace, settings, is_resource, allowance):
    assert allowance_of(namespace, settings, is_resource=is_resource) == allowance


@pytest.mark.parametrize(
    ("change", "name"),
    [
        pytest.param({}, Name("team", "new"), id="all of it is the same"),
        pytest.param({"sources": ()}, None, id="other sources"),
        pytest.param(
            {"destination": application(destination={"namespace": "x"}).value.destination}, None, id="another destination"
        ),
    ],
)
def test_an_application_under_another_name_is_the_same_one(change, name):
    gone = application().value
    assert renamed_to(gone, [replace(gone, name=Name("team", "new"), **change)]) == name
