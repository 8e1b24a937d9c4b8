"""Where documents come from: each kind of source, and which Repository it needs."""

import pytest
from pydantic import ValidationError

from reconciler.declarations.check import Written, cross_check
from reconciler.declarations.schema import DOCUMENTS, ApplicationDocument
from reconciler.declarations.sources import SourceSpec
from reconciler.model.declared import GitSource, Name, RepositoryType

GIT, HELM, OCI = RepositoryType.GIT, RepositoryType.HELM, RepositoryType.OCI
X = Name("team", "x")
DIGEST = f"sha256:{'a' * 64}"


@pytest.mark.parametrize(
    ("spec", "value", "needs"),
    [
        ({"git": {"repository": "x", "path": "a"}}, GitSource(X, "main", "a"), (GIT,)),
        ({"git": {"repository": "x", "namespace": "trueup"}, "ref": "v"}, GitSource(Name("trueup", "x"), "main", "", None, "v"), (GIT,)),
        ({"chart": {"repository": "x", "name": "web"}}, GitSource(X, "refs/charts/web/*", ""), (HELM, OCI)),
        ({"chart": {"repository": "x", "name": "web", "version": ">=1 <2"}}, GitSource(X, "refs/charts/web/>=1 <2", ""), (HELM, OCI)),
        ({"oci": {"repository": "x"}}, GitSource(X, "refs/oci/tag/latest", ""), (OCI,)),
        ({"oci": {"repository": "x", "semver": "^1", "path": "a/b"}}, GitSource(X, "refs/oci/semver/^1", "a/b"), (OCI,)),
        ({"oci": {"repository": "x", "digest": DIGEST}}, GitSource(X, f"refs/oci/digest/{DIGEST}", ""), (OCI,)),
    ],
)  # fmt: skip
def test_a_source(spec, value, needs):
    found = SourceSpec.model_validate(spec).value("team")
    assert (found, found.needs) == (value, needs)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({}, "must be one of git, chart and oci"),
        ({"git": {"repository": "x"}, "oci": {"repository": "x"}}, "must be one of git, chart and oci"),
        ({"chart": {"repository": "x", "name": "web"}, "ref": "v"}, "a chart is rendered and not referred to"),
        ({"chart": {"repository": "x", "name": "web", "version": "newest"}}, "is no range; write a range of versions"),
        ({"chart": {"repository": "x", "name": "../web"}}, "should match pattern"),
        ({"oci": {"repository": "x", "tag": "a", "semver": "^1"}}, "only one can count"),
        ({"oci": {"repository": "x", "tag": "a/b"}}, "should match pattern"),
        ({"oci": {"repository": "x", "digest": "sha256:x"}}, "should match pattern"),
    ],
)
def test_a_mistake(spec, message):
    with pytest.raises(ValidationError, match=message):
        SourceSpec.model_validate(spec)


def written(kind, spec, name="x"):
    document = {"apiVersion": "trueup.dev/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec}
    return Written(DOCUMENTS[kind].model_validate(document).value(), "a.yaml", 1, b"")


CHART, ARTIFACT, TREE = {"chart": {"repository": "x", "name": "web"}}, {"oci": {"repository": "x"}}, {"git": {"repository": "x"}}
HELM_URL, OCI_URL, GIT_URL = (
    {"url": "https://c.example.com/", "type": "helm"},
    {"url": "oci://r.example.com/a"},
    {"url": "https://g/a/b"},
)


@pytest.mark.parametrize(
    ("repository", "source", "problem"),
    [
        (HELM_URL, CHART, ""), (OCI_URL, CHART, ""), (OCI_URL, ARTIFACT, ""), (GIT_URL, TREE, ""),
        (GIT_URL, CHART, "spec.sources[0].chart.repository: Repository trueup/x is of type git, not helm or oci"),
        (HELM_URL, TREE, "spec.sources[0].git.repository: Repository trueup/x is of type helm, not git"),
        (HELM_URL, ARTIFACT, "spec.sources[0].oci.repository: Repository trueup/x is of type helm, not oci"),
    ],
)  # fmt: skip
def test_a_source_fits_its_repository(repository, source, problem):
    found = [
        f"{p.field}: {p.message}"
        for p in cross_check([written("Repository", repository), written("Application", {"sources": [source]}, "a")])
    ]
    assert found == ([problem] if problem else [])


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"url": "https://g.example.com/"}, "names no host or no path"),
        ({"url": "oci://r.example.com/"}, "names no host or no path"),
        ({"url": "oci://r.example.com/a", "type": "git"}, "oci:// is the address of a registry"),
        ({"url": "https://r.example.com/a", "type": "oci"}, "oci:// is the address of a registry"),
        ({"url": "ssh://git@h/a", "type": "helm"}, "a Helm repository is reached by https://"),
        (
            {"url": "https://g.example.com/a/b", "api": "http://g.example.com/api"},
            "must be https://, since the forge's token is sent to it",
        ),
        (
            {"url": "git@g.example.com:a/b", "api": "ftp://g.example.com"},
            "must be https://, since the forge's token is sent to it",
        ),
        ({"url": "https://h/", "type": "helm", "submodules": True}, "submodules\n.*only a Git repository has them"),
        ({"url": "oci://h/x", "lfs": True}, "lfs\n.*only a Git repository has them"),
        ({"url": "https://h/", "type": "helm", "verify": {"secretRef": {"name": "k"}}}, "have no signatures that are checked"),
    ],
)
def test_an_address_that_does_not_fit_its_type(spec, message):
    with pytest.raises(ValidationError, match=message):
        written("Repository", spec)


def values(*paths, **ref):
    chart = {"git": {"repository": "x", "path": "c"}, "render": {"helm": {"valuesFiles": list(paths)}}}
    return {"sources": [chart, {"git": {"repository": "x"}, **ref}]}


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (values("$values/a.yaml", ref="values"), ""),
        (values("./$values/a.yaml"), ""),
        (values("$other/a.yaml", ref="values"), "no source has ref: other; a file whose name begins with"),
        (values("$values", ref="values"), "no source has ref"),
        ({"sources": [{"git": {"repository": "x"}, "ref": "a"}]}, "every source is only referred to; one needs a path"),
        ({"sources": [{"git": {"repository": "x", "path": p}, "ref": "a"} for p in "ab"]}, "two sources have the same ref"),
    ],
)
def test_references_to_other_sources(spec, message):
    document = {"apiVersion": "trueup.dev/v1alpha1", "kind": "Application", "metadata": {"name": "a"}, "spec": spec}
    if not message:
        assert ApplicationDocument.model_validate(document).value()
        return
    with pytest.raises(ValidationError, match=message):
        ApplicationDocument.model_validate(document)
