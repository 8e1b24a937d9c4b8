"""Good and bad declarations: what a file and the API server must say of each. Each bad one names the field."""

from typing import Any

REPOSITORY = {"url": "https://github.com/acme/shop.git"}
SOURCE = {"repository": "shop"}


def repository(**spec: Any) -> dict[str, Any]:
    return _document("Repository", REPOSITORY | spec)


def application(source: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    return _document("Application", {"sources": [{"git": SOURCE | (source or {})}]} | spec)


def _document(kind: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": "trueup.dev/v1alpha1", "kind": kind, "metadata": {"name": "x", "namespace": "default"}, "spec": spec}


def without(document: dict[str, Any], field: str) -> dict[str, Any]:
    return {**document, "spec": {name: value for name, value in document["spec"].items() if name != field}}


GOOD = {
    "a repository with an address": repository(),
    "everything of a repository": repository(
        forge="gitlab", api="https://git.example/api/v4", credentials={"secretRef": {"name": "shop-git"}}, poll="1h30m",
        webhook={"register": True, "generation": 3}, commitStatus={"enabled": False, "context": "x", "secretRef": {"name": "a.b"}},
        allowedNamespaces=["team-a", "team-*"],
    ),
    "nothing where something may stand": repository(forge=None, credentials=None, poll=None, webhook=None, commitStatus={"context": None}),
    "ssh with port": repository(url="ssh://git@git.example:2222/acme/shop.git"),
    "scp": repository(url="git@github.com:acme/shop.git"),
    "http with user": repository(url="http://me@git.example:8080/a/b"),
    "a file": repository(url="file:///srv/git/shop.git"),
    "an absolute path": repository(url="/srv/git/shop.git"),
    "a name may have letters of the world and blanks in disguise": repository(url="https://x.example/a/b%C3%A4%20c"),
    "milliseconds and fractions": repository(poll="1.5s250ms"),
    "an application with a source": application(),
    "everything of an application": application(
        {"revision": "release/1.2+x", "path": "./apps//web/", "namespace": "shared"},
        render={"plain": {"include": ["*.yaml"], "exclude": ["x*"]}},
        destination={"cluster": "prod", "namespace": "web", "createNamespace": True},
        sync={"mode": "manual", "drift": "report", "prune": False, "timeout": "90s", "adopt": "never", "foreign": "ignore",
              "deletionPolicy": "prune"},
        dependsOn=[{"name": "database"}],
    ),
    "a branch in other letters": application({"revision": "größe"}),
    "empty parts": application(render={}, destination={}, sync={}, dependsOn=[]),
    "nulls are left out": application({"revision": None, "path": None}, sync={"timeout": None, "foreign": None}),
}  # fmt: skip

BAD = {
    "no spec": ("spec", {name: value for name, value in repository().items() if name != "spec"}),
    "no address": ("spec.url", without(repository(), "url")),
    "an address that is null": ("spec.url", repository(url=None)),
    "a number for an address": ("spec.url", repository(url=7)),
    "a password in the address": ("spec.url", repository(url="https://me:secret@github.com/a/b")),
    "another protocol": ("spec.url", repository(url="ftp://x/y")),
    "no path": ("spec.url", repository(url="https://github.com/")),
    "a query": ("spec.url", repository(url="https://github.com/a/b?x=y")),
    "an option": ("spec.url", repository(url="ssh://-oProxyCommand=x/y")),
    "a path that is an option": ("spec.url", repository(url="https://x/-y")),
    "dots in the path": ("spec.url", repository(url="https://x/a/../b")),
    "dots in disguise": ("spec.url", repository(url="https://x/a/%2e%2e/b")),
    "a helper of git": ("spec.url", repository(url="ext::sh")),
    "a blank": ("spec.url", repository(url="https://x/a b")),
    "a port out of range": ("spec.url", repository(url="https://x:70000/a")),
    "an unknown forge": ("spec.forge", repository(forge="svn")),
    "a number for a duration": ("spec.poll", repository(poll=60)),
    "a duration without unit": ("spec.poll", repository(poll="60")),
    "a duration of nothing": ("spec.poll", repository(poll="0s")),
    "days": ("spec.poll", repository(poll="1d")),
    "a misspelt field": ("spec.forje", repository(forje="github")),
    "a misspelt field within": ("spec.webhook.generatio", repository(webhook={"generatio": 1})),
    "a negative generation": ("spec.webhook.generation", repository(webhook={"generation": -1})),
    "half a generation": ("spec.webhook.generation", repository(webhook={"generation": 1.5})),
    "text for a generation": ("spec.webhook.generation", repository(webhook={"generation": "1"})),
    "text for yes": ("spec.webhook.register", repository(webhook={"register": "true"})),
    "a number for yes": ("spec.webhook.register", repository(webhook={"register": 1})),
    "credentials without a secret": ("spec.credentials.secretRef", repository(credentials={})),
    "a secret's name in capitals": ("spec.credentials.secretRef.name", repository(credentials={"secretRef": {"name": "Shop"}})),
    "two dots in a name": ("spec.credentials.secretRef.name", repository(credentials={"secretRef": {"name": "a..b"}})),
    "a context that is too long": ("spec.commitStatus.context", repository(commitStatus={"context": "x" * 101})),
    "a namespace in capitals": ("spec.allowedNamespaces[0]", repository(allowedNamespaces=["Team"])),
    "no sources": ("spec.sources", without(application(), "sources")),
    "empty sources": ("spec.sources", application(sources=[])),
    "a mapping for sources": ("spec.sources", application(sources={"git": SOURCE})),
    "text for git": ("spec.sources[0].git", application(sources=[{"git": "x"}])),
    "no repository": ("spec.sources[0].git.repository", application(sources=[{"git": {}}])),
    "too many sources": ("spec.sources", application(sources=[{"git": SOURCE}] * 21)),
    "an option for a revision": ("spec.sources[0].git.revision", application({"revision": "--upload-pack=x"})),
    "two dots in a revision": ("spec.sources[0].git.revision", application({"revision": "a..b"})),
    "an empty revision": ("spec.sources[0].git.revision", application({"revision": ""})),
    "a line break in a revision": ("spec.sources[0].git.revision", application({"revision": "main\n"})),
    "a path from the root": ("spec.sources[0].git.path", application({"path": "/etc"})),
    "a path that leaves": ("spec.sources[0].git.path", application({"path": "a/../../b"})),
    "a path with a line break": ("spec.sources[0].git.path", application({"path": "a\nb"})),
    "a mode that is none": ("spec.sync.mode", application(sync={"mode": "manul"})),
    "a policy that is none": ("spec.sync.deletionPolicy", application(sync={"deletionPolicy": "delete"})),
    "a timeout of text": ("spec.sync.timeout", application(sync={"timeout": "soon"})),
    "a namespace with a line": ("spec.destination.namespace", application(destination={"namespace": "a_b"})),
    "an empty cluster": ("spec.destination.cluster", application(destination={"cluster": ""})),
    "a dependency without a name": ("spec.dependsOn[0].name", application(dependsOn=[{}])),
    "numbers for globs": ("spec.render.plain.include[0]", application(render={"plain": {"include": [1]}})),
}
