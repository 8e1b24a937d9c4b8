"""What people write becomes what travels; every field says what it is for, since custom resources are generated from it."""

import pytest
from pydantic import BaseModel, ValidationError

from reconciler.declarations.fields import seconds
from reconciler.declarations.repository import RepositoryDocument
from reconciler.declarations.schema import DOCUMENTS, ApplicationDocument
from reconciler.model.declared import (
    Application,
    CommitStatusPolicy,
    Destination,
    Forge,
    GitSource,
    Name,
    PullRequestPolicy,
    RenderOptions,
    Repository,
    SecretRef,
)
from reconciler.model.policy import (
    AdoptPolicy,
    DeletionPolicy,
    DriftPolicy,
    ForeignPolicy,
    HealthRule,
    IgnoreRule,
    OnFailure,
    SyncMode,
    SyncPolicy,
    SyncWindow,
    WindowKind,
)


def repository(namespace: str = "trueup", **spec) -> Repository:
    document = {"apiVersion": "trueup.dev/v1alpha1", "kind": "Repository", "metadata": {"name": "shop", "namespace": namespace}}
    return RepositoryDocument.model_validate({**document, "spec": {"url": "https://github.com/acme/shop.git", **spec}}).value()


def application(**spec) -> Application:
    document = {"apiVersion": "trueup.dev/v1alpha1", "kind": "Application", "metadata": {"name": "web"}}
    sources = [{"git": {"repository": "shop"}}]
    return ApplicationDocument.model_validate({**document, "spec": {"sources": sources, **spec}}).value()


def test_a_repository_with_everything():
    found = repository(
        namespace="team",
        url="ssh://git@git.example:2222/acme/shop.git",
        forge="gitlab",
        api="https://git.example/api/v4/",
        credentials={"secretRef": {"name": "shop-git"}},
        poll="90s",
        webhook={"register": True, "generation": 2},
        commitStatus={"enabled": False, "context": "trueup/prod", "secretRef": {"name": "shop-forge"}, "deployments": True},
    )
    assert found == Repository(
        name=Name("team", "shop"),
        url="ssh://git@git.example:2222/acme/shop.git",
        scope="git.example:2222/acme/shop",
        forge=Forge.GITLAB,
        api="https://git.example/api/v4",
        credentials=SecretRef("team", "shop-git"),
        poll_seconds=90.0,
        webhook_generation=2,
        webhook_register=True,
        webhook_secret=SecretRef("team", "shop-forge"),
        status=CommitStatusPolicy(enabled=False, context="trueup/prod", secret=SecretRef("team", "shop-forge"), deployments=True),
        pulls=PullRequestPolicy(secret=SecretRef("team", "shop-forge")),
    )


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ({"url": "https://codeberg.org/acme/shop", "commitStatus": {"deployments": True}}, "and spec.forge is forgejo"),
        ({"forge": "azure", "commitStatus": {"deployments": True}}, "and spec.forge is azure"),
        ({"commitStatus": {"context": "deployment|x"}}, "should match pattern"),
    ],
)
def test_what_a_commit_status_cannot_be(spec, told):
    with pytest.raises(ValueError, match=told):
        repository(**spec)


def test_a_repository_with_nothing_but_an_address():
    found = repository()
    assert (found.forge, found.api, found.poll_seconds) == (Forge.GITHUB, "https://api.github.com", 60.0)
    assert (found.credentials, found.status) == (None, CommitStatusPolicy())


def test_an_application_with_everything():
    found = application(
        sources=[{"git": {"repository": "shop", "revision": "v1.2", "path": "./apps//web/"}}, {"git": {"repository": "other"}}],
        render={"plain": {"include": ["*.yaml"], "exclude": ["test-*"]}},
        destination={"cluster": "prod", "namespace": "web", "createNamespace": True},
        sync={
            "mode": "manual", "drift": "report", "prune": False, "timeout": "1h30m", "adopt": "never", "foreign": "ignore",
            "deletionPolicy": "prune", "onFailure": "rollback",
            "windows": [{"schedule": " 0 8  * * 1-5", "duration": "10h", "timeZone": "Europe/Berlin"},
                        {"schedule": "0 22 * * *", "duration": "30m", "kind": "deny", "manual": False, "repair": True}],
            "ignore": [{"group": "apps", "kind": "Deployment", "name": "web", "namespace": "shop", "paths": ["spec.replicas"]},
                       {"managers": ["linkerd-*"]}],
        },
        dependsOn=[{"name": "database"}],
        health=[{"group": "example.com", "kind": "Widget", "healthy": "status.phase == 'Running'", "message": "status.why"}],
    )  # fmt: skip
    assert found.sources == (
        GitSource(Name("trueup", "shop"), "v1.2", "apps/web"),
        GitSource(Name("trueup", "other"), "main", ""),
    )
    assert found.render == RenderOptions(("*.yaml",), ("test-*",))
    assert found.destination == Destination("prod", "web", create_namespace=True)
    assert found.sync == SyncPolicy(
        SyncMode.MANUAL,
        DriftPolicy.REPORT,
        False,
        5400.0,
        AdoptPolicy.NEVER,
        ForeignPolicy.IGNORE,
        DeletionPolicy.PRUNE,
        on_failure=OnFailure.ROLLBACK,
        windows=(
            SyncWindow("0 8 * * 1-5", 36000.0, "Europe/Berlin"),
            SyncWindow("0 22 * * *", 1800.0, "UTC", WindowKind.DENY, False, True),
        ),
        ignore=(IgnoreRule("Deployment", "apps", "web", "shop", ("spec.replicas",)), IgnoreRule(managers=("linkerd-*",))),
    )
    assert found.depends_on == (Name("trueup", "database"),)
    assert found.health == (
        HealthRule(group="example.com", kind="Widget", healthy="status.phase == 'Running'", message="status.why"),
    )


def test_an_application_with_nothing_but_a_source():
    found = application()
    assert (found.destination, found.sync, found.render) == (Destination("in-cluster", ""), SyncPolicy(), RenderOptions())


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        pytest.param({"paths": ["spec..replicas"]}, "is no path of a field", id="a path without meaning"),
        pytest.param({"kind": "Deployment"}, "an ignore rule needs paths, managers, or both", id="nothing to ignore"),
        pytest.param({"path": ["spec.replicas"]}, "Extra inputs are not permitted", id="misspelt"),
    ],
)
def test_an_ignore_rule_without_meaning_is_refused(rule, told):
    with pytest.raises(ValidationError, match=told):
        application(sync={"ignore": [rule]})


def test_a_change_of_what_is_wanted_changes_the_digest_and_a_change_of_words_for_people_does_not():
    assert application().digest == application(destination={"cluster": "in-cluster"}).digest
    assert application().digest != application(destination={"namespace": "other"}).digest


@pytest.mark.parametrize(
    ("text", "value"), [("90s", 90.0), ("5m", 300.0), ("1h30m", 5400.0), ("1.5s", 1.5), ("250ms", 0.25), (7, 7)]
)
def test_durations(text, value):
    assert seconds(text) == value


@pytest.mark.parametrize("text", ["", "5", "m", "5 m", "-5m", "5d", "5m ", "1m2"])
def test_what_is_no_duration(text):
    with pytest.raises(ValueError, match="must be a duration such as 90s"):
        seconds(text)


@pytest.mark.parametrize("path", ["/etc", "../x", "a/../../b", "a\nb", ".."])
def test_a_path_stays_in_the_repository(path):
    with pytest.raises(ValidationError, match="must be a path within the repository"):
        application(sources=[{"git": {"repository": "shop", "path": path}}])


@pytest.mark.parametrize("revision", ["-x", "--upload-pack=x", "a..b", "a b", "", "a~1", "a^", "a:b", "x.lock", "a/", "@{u}"])
def test_a_revision_is_a_name_and_no_option(revision):
    with pytest.raises(ValidationError, match="must be a branch, a tag, a full commit hash, or a range of tags"):
        application(sources=[{"git": {"repository": "shop", "revision": revision}}])


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("https://user:pass@github.com/a/b", "must not contain a password"),
        ("ftp://x/y", "ftp protocol"),
        ("https://github.com", "names no host or no path"),
        ("ext::sh -c x", "control characters"),
        ("https://github.com/a/b?token=x", "query or fragment"),
    ],
)
def test_an_address_that_cannot_be_is_refused_without_repeating_its_secrets(url, message):
    with pytest.raises(ValidationError, match=message) as caught:
        repository(url=url)
    assert all("pass@" not in detail["msg"] for detail in caught.value.errors())


@pytest.mark.parametrize(
    ("rule", "field", "message"),
    [
        ({"healthy": "status.phase ="}, "healthy", "column 14: token recognition error"),
        ({"healthy": "'Running'"}, "healthy", "is str, and must be true or false"),
        ({"healthy": "true", "degraded": "stauts.x"}, "degraded", "stauts is not known"),
        ({"healthy": "true", "message": "quote(status.x)"}, "message", "quote is no function here"),
        ({"healthy": "true", "kind": "Secret"}, "kind", "the content of Secrets is never watched"),
        ({"healthy": "true", "kind": "my kind"}, "kind", "must be a kind, such as Certificate"),
        ({"degraded": "true"}, "healthy", "Field required"),
    ],
    ids=["syntax", "no condition", "a name", "a function", "Secrets", "no kind", "nothing healthy"],
)
def test_a_health_rule_that_cannot_be_is_refused(rule, field, message):
    with pytest.raises(ValidationError, match=message) as caught:
        application(health=[{"kind": "Widget", **rule}])
    assert [detail["loc"] for detail in caught.value.errors()] == [("spec", "health", 0, field)]


def test_somebodys_own_kind_may_be_called_secret():
    assert application(health=[{"group": "example.com", "kind": "Secret", "healthy": "true"}]).health[0].group == "example.com"


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"schedule": "0 8 * *"}, "must be five fields of cron"),
        ({"schedule": "0 0 8 * * 1"}, "must be five fields of cron"),
        ({"schedule": "0 25 * * *"}, "bad hour"),
        ({"schedule": "@daily"}, "must be five fields of cron"),
        ({"schedule": "0 0 30 2 *"}, "bad day-of-month"),
        ({"timeZone": "Berlin"}, "must be a name of the IANA database"),
        ({"timeZone": "../../etc/passwd"}, "must be a name of the IANA database"),
        ({"duration": "0s"}, "longer than nothing"),
        ({"duration": "745h"}, "less than or equal to"),
        ({"duration": 3600}, "must be a duration with its unit"),
        ({"kind": "maybe"}, "'allow' or 'deny'"),
    ],
)
def test_a_window_that_cannot_be_is_refused(more, message):
    with pytest.raises(ValidationError, match=message):
        application(sync={"windows": [{"schedule": "0 8 * * *", "duration": "1h", **more}]})


def parts(model: type[BaseModel], path: str = "") -> list[tuple[str, str]]:
    found = []
    for name, field in model.model_fields.items():
        where = f"{path}.{field.alias or name}"
        found.append((where, field.description or ""))
        inner = [field.annotation, *getattr(field.annotation, "__args__", ())]
        found += [part for kind in inner if isinstance(kind, type) and issubclass(kind, BaseModel) for part in parts(kind, where)]
    return found


@pytest.mark.parametrize("kind", DOCUMENTS)
def test_every_field_says_what_it_is_for(kind):
    described = parts(DOCUMENTS[kind], kind)
    assert len(described) > 10
    assert [where for where, description in described if not description.endswith(".")] == []


@pytest.mark.parametrize(
    ("webhook", "status", "secret"),
    [({}, {}, None), ({}, {"secretRef": {"name": "b"}}, "b"), ({"secretRef": {"name": "a"}}, {"secretRef": {"name": "b"}}, "a")],
    ids=["none", "that of commit statuses", "its own"],
)
def test_whose_token_writes_webhooks(webhook, status, secret):
    found = repository(webhook=webhook, commitStatus=status).webhook_secret
    assert found == (SecretRef("trueup", secret) if secret else None)


@pytest.mark.parametrize(
    ("written", "scope"),
    [
        pytest.param("git.example/Acme", "git.example/acme", id="an organisation"),
        pytest.param("git.example/acme/", "git.example/acme", id="with a slash behind it"),
        pytest.param("", "", id="its own"),
    ],
)
def test_which_hook_is_registered(written, scope):
    found = repository(url="https://git.example/acme/shop.git", webhook={"register": True, "scope": written})
    assert (found.webhook_scope, found.scope) == (scope, "git.example/acme/shop")


@pytest.mark.parametrize(
    ("written", "register", "why"),
    [
        pytest.param("git.example/acme", False, "which register: true asks for", id="entered by hand"),
        pytest.param("git.example", True, "entered by hand: trueup webhook show --scope git.example", id="a whole host"),
        pytest.param("git.example/acme/shop", True, "lies within", id="the repository itself"),
        pytest.param("git.example/acme-evil", True, "lies within", id="a neighbour"),
        pytest.param("github.com/acme", True, "lies within", id="another host"),
        pytest.param("git.example/acme/..", True, "not a scope", id="what could mean something else"),
    ],
)
def test_a_scope_that_cannot_be(written, register, why):
    with pytest.raises(ValidationError, match=why):
        repository(url="https://git.example/acme/shop.git", webhook={"register": register, "scope": written})
