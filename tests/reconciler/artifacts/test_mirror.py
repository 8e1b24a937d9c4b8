"""Charts and artifacts as commits, from a Helm repository and a registry on loopback: versions, digests, logins, and what is no archive."""

import asyncio
import tarfile
from dataclasses import replace

import pytest
from aiohttp import web

from reconciler.artifacts.mirror import Stores
from reconciler.errors import SourceRefused, SourceUnavailable
from reconciler.model.declared import Forge, Name, Repository, RepositoryType, SecretRef
from reconciler.settings import ReconcilerSettings
from tests.servers.git_http import GivenSecrets
from tests.servers.registry import CHART_LAYER, PLAIN_LAYER, Registry, archive, chart, digest_of

TEMPLATE = "kind: ConfigMap\n"
APP = {"a.yaml": "a: 1\n", "sub/b.yaml": "b: 1\n"}


@pytest.fixture
async def registry():
    async with Registry() as registry:
        yield registry


@pytest.fixture
def stores(tmp_path):
    settings = ReconcilerSettings(state=tmp_path / "state", git_protocols=("http",))
    secrets = GivenSecrets(login={"username": b"ada", "password": b"p4ss"}, wrong={"username": b"ada", "password": b"no"})
    return Stores(settings, secrets)


@pytest.fixture
def at(stores):
    """The mirror of a repository: `helm` or `oci`."""

    def make(registry, kind, path="", **more):
        url = f"{registry.url}/charts" if kind == "helm" else f"oci://{registry.host}/{path}"
        wanted = {"credentials": None, "verify": None} | more
        repository = Repository(Name("trueup", "x"), url, "x", Forge.GENERIC, "", type=RepositoryType(kind), **wanted)
        return stores.of(repository)

    return make


async def files(mirror, commit):
    listed = (await mirror.read_git("ls-tree", "-r", "--name-only", commit)).decode().split()
    return set(listed)


async def test_the_highest_version_of_a_chart_is_taken_in_once(registry, at):
    for version in ("1.0.0", "1.2.0", "v1.3.0", "2.0.0", "1.4.0-rc.1"):
        registry.add_chart("web", version, chart("web", version, TEMPLATE))
    mirror = at(registry, "helm")
    heads = await mirror.heads(["refs/charts/web/^1", "refs/charts/web/*", "refs/charts/web/1.0.0", "refs/charts/web/^9"])
    assert set(heads) == {"refs/charts/web/^1", "refs/charts/web/*", "refs/charts/web/1.0.0"}
    assert len(set(heads.values())) == 3
    commit = heads["refs/charts/web/^1"]
    assert await files(mirror, commit) == {"Chart.yaml", "values.yaml", "templates/a.yaml"}
    assert b"version: v1.3.0" in await mirror.read_git("show", f"{commit}:Chart.yaml")
    before = registry.counts()
    assert await mirror.heads(["refs/charts/web/^1"]) == {"refs/charts/web/^1": commit}
    assert registry.counts() - before == {"/charts/index.yaml": 1}


async def test_the_same_archive_is_the_same_commit_everywhere(registry, at, tmp_path):
    registry.add_chart("web", "1.0.0", chart("web", "1.0.0", TEMPLATE))
    heads = await at(registry, "helm").heads(["refs/charts/web/*"])
    other = Stores(ReconcilerSettings(state=tmp_path / "other", git_protocols=("http",)), GivenSecrets())
    mirror = other.of(at(registry, "helm").repository)
    await mirror.ensure(heads["refs/charts/web/*"], ["refs/charts/web/*"])
    assert await mirror.has(heads["refs/charts/web/*"])
    with pytest.raises(SourceRefused, match=r"is not here any more, and refs/charts/web/\* leads elsewhere"):
        await mirror.ensure("1" * 40, ["refs/charts/web/*"])


async def test_a_chart_without_a_digest_in_the_index_is_known_by_its_own(registry, at):
    registry.add_chart("web", "1.0.0", chart("web", "1.0.0", TEMPLATE), digest=None)
    mirror = at(registry, "helm")
    first = await mirror.fetch("refs/charts/web/1.0.0")
    registry.files["charts/web-1.0.0.tgz"] = chart("web", "1.0.0", "kind: Secret\n")
    assert await mirror.fetch("refs/charts/web/1.0.0") != first


async def test_a_chart_of_a_registry(registry, at):
    for version in ("1.0.0", "1.1.0+build"):
        tag = version.replace("+", "_")
        registry.push("acme/charts/web", tag, chart("web", version, TEMPLATE), CHART_LAYER)
    mirror = at(registry, "oci", "acme/charts")
    commit = await mirror.fetch("refs/charts/web/^1")
    assert b"version: 1.1.0+build" in await mirror.read_git("show", f"{commit}:Chart.yaml")
    assert await mirror.fetch("refs/charts/web/1.0.0") != commit


@pytest.mark.parametrize("media_type", ["application/vnd.cncf.flux.content.v1.tar+gzip", PLAIN_LAYER])
async def test_an_artifact_by_tag_range_and_digest(registry, at, media_type):
    compress = media_type != PLAIN_LAYER
    old = registry.push("acme/app", "1.0.0", archive(APP, compress=compress), media_type)
    registry.push("acme/app", "latest", archive(APP | {"c.yaml": "c: 1\n"}, compress=compress), media_type)
    mirror = at(registry, "oci", "acme/app")
    asked = [f"refs/oci/digest/{old}", "refs/oci/semver/>=1", "refs/oci/tag/1.0.0", "refs/oci/tag/latest", "refs/oci/tag/none"]
    heads = await mirror.heads(asked)
    assert set(heads) == set(asked[:4])
    assert len({heads[ref] for ref in asked[:3]}) == 1
    assert await files(mirror, heads["refs/oci/tag/latest"]) == {"a.yaml", "sub/b.yaml", "c.yaml"}
    moved = registry.push("acme/app", "latest", archive(APP, compress=compress) + b"\0" * (0 if compress else 512), media_type)
    assert moved
    assert (await mirror.heads(["refs/oci/tag/latest"]))["refs/oci/tag/latest"] != heads["refs/oci/tag/latest"]


async def test_many_tags_are_read_page_by_page(registry, at):
    content = archive(APP)
    for number in range(2500):
        registry.push("acme/app", f"1.0.{number}", content)
    mirror = at(registry, "oci", "acme/app")
    await mirror.fetch("refs/oci/semver/*")
    assert registry.counts()["/v2/acme/app/tags/list"] == 3
    assert "/v2/acme/app/manifests/1.0.2499" in registry.counts()


async def test_a_registry_that_asks_for_a_token_gets_the_login(at):
    async with Registry("ada:p4ss") as registry:
        registry.push("acme/app", "latest", archive(APP))
        mirror = at(registry, "oci", "acme/app", credentials=SecretRef("trueup", "login"))
        assert await mirror.fetch("refs/oci/tag/latest")
        sent = {path.split("?")[0]: header for path, header in registry.requests}
        assert sent["/token"].startswith("Basic ")
        assert sent["/v2/acme/app/manifests/latest"] == "Bearer token-for-repository:acme/app:pull"
        for wrong in (None, SecretRef("trueup", "wrong")):
            with pytest.raises(SourceRefused, match="asks for a login, or refuses the one"):
                await at(registry, "oci", "acme/app", credentials=wrong).fetch("refs/oci/tag/latest")


async def test_a_helm_repository_that_asks_for_a_login_gets_it_and_no_other_host_does(at):
    async with Registry("ada:p4ss") as registry, Registry() as elsewhere:
        content = chart("web", "1.0.0", TEMPLATE)
        elsewhere.files["web.tgz"] = content
        registry.add_chart("web", "1.0.0", content, urls=[f"{elsewhere.url}/web.tgz"])
        mirror = at(registry, "helm", credentials=SecretRef("trueup", "login"))
        assert await mirror.fetch("refs/charts/web/*")
        assert registry.requests[0][1].startswith("Basic ")
        assert elsewhere.requests == [("/web.tgz", "")]


async def test_no_login_goes_where_a_server_sends_us_on(at):
    async with Registry("ada:p4ss") as registry, Registry("eve:x") as elsewhere:
        content = archive(APP)
        registry.push("acme/app", "latest", content)

        async def elsewhere_for_blobs(request):
            if "/blobs/" in request.path and request.headers.get("Authorization", "").startswith("Bearer"):
                return web.Response(status=307, headers={"Location": f"{elsewhere.url}{request.path}"})
            return None

        registry.instead = elsewhere_for_blobs
        mirror = at(registry, "oci", "acme/app", credentials=SecretRef("trueup", "login"))
        with pytest.raises(SourceRefused, match="asks for a login"):
            await mirror.fetch("refs/oci/tag/latest")
        assert {header for _, header in elsewhere.requests} == {""}
        assert all(not path.startswith("/token") for path, _ in elsewhere.requests)


async def test_docker_configuration_opens_its_host(at, stores):
    async with Registry("ada:p4ss") as registry:
        registry.push("acme/app", "latest", archive(APP))
        text = b'{"auths": {"https://%s/v2/": {"auth": "YWRhOnA0c3M="}}}' % registry.host.encode()
        stores._secrets.secrets["docker"] = {".dockerconfigjson": text}
        assert await at(registry, "oci", "acme/app", credentials=SecretRef("trueup", "docker")).fetch("refs/oci/tag/latest")


def link(name, target, kind=tarfile.SYMTYPE):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def special(name, kind):
    info = tarfile.TarInfo(name)
    info.type = kind
    return info


def sized(name, size):
    info = tarfile.TarInfo(name)
    info.size = size
    return info


HOSTILE = {
    "up": (archive({"../x": "a"}), "has a path that is refused: '../x'"),
    "down and up": (archive({"a/../../x": "a"}), "has a path that is refused"),
    "absolute": (archive({"/etc/x": "a"}), "has a path that is refused"),
    "git directory": (archive({".git/hooks/post-checkout": "a"}), "has a path that is refused"),
    "git in capitals": (archive({"a/.GIT/config": "a"}), "has a path that is refused"),
    "git with a dot": (archive({".git./config": "a"}), "has a path that is refused"),
    "backslash": (archive({"a\\b": "a"}), "has a path that is refused"),
    "line break": (archive({"a\nM 100644 inline x": "a"}), "has a path that is refused"),
    "quote that ends a name": (archive({'a" x': "a"}), ""),
    "long path": (archive({"a/" * 600 + "b": "a"}), "has a path that is refused"),
    "link out": (archive({}, more=(link("a", "/etc/passwd"),)), "is no regular file"),
    "link in": (archive({"b": "x"}, more=(link("a", "b"),)), "is no regular file"),
    "hard link": (archive({"b": "x"}, more=(link("a", "b", tarfile.LNKTYPE),)), "is no regular file"),
    "device": (archive({}, more=(special("a", tarfile.CHRTYPE),)), "is no regular file"),
    "pipe": (archive({}, more=(special("a", tarfile.FIFOTYPE),)), "is no regular file"),
    "twice": (archive({"a": "1"}, more=(sized("a", 1),)), "'a' is in it twice"),
    "bomb": (archive({}, more=(sized("a", 300 * 1024 * 1024),)), "unpacks to more than"),
    "many files": (archive({f"f{n}": "" for n in range(20_001)}), "more than 20000 files"),
    "empty": (archive({}), "the archive is empty"),
    "no archive": (b"<html>", "the archive is"),
    "half": (archive({"a": "x" * 5000})[:60], "the archive is"),
    "half a tar": (archive({"a": "x" * 5000}, compress=False)[:900], "the archive is damaged"),
    "nothing": (b"", "the archive is"),
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_hostile_archive_is_refused_with_words(registry, at, name):
    content, message = HOSTILE[name]
    registry.push("acme/app", "latest", content)
    mirror = at(registry, "oci", "acme/app")
    if not message:
        assert await files(mirror, await mirror.fetch("refs/oci/tag/latest"))
        return
    with pytest.raises(SourceRefused) as raised:
        await mirror.fetch("refs/oci/tag/latest")
    assert message in str(raised.value)
    assert str(raised.value).startswith("trueup/x: latest: ")


async def answers(body=b"", status=200, **headers):
    return web.Response(body=body, status=status, headers=headers)


HOSTILE_SERVERS = {
    "not found": (lambda _: answers(status=404), SourceRefused, "the server has no such thing"),
    "forbidden": (lambda _: answers(status=403), SourceRefused, "the server refuses access"),
    "patience": (lambda _: answers(status=429, **{"Retry-After": "7"}), SourceUnavailable, "answers 429"),
    "broken": (lambda _: answers(status=500), SourceUnavailable, "answers 500"),
    "no json": (lambda _: answers(b"<html>"), SourceRefused, "does not answer with JSON"),
    "a list": (lambda _: answers(b"[]"), SourceRefused, "does not answer with JSON"),
    "no layers": (lambda _: answers(b"{}"), SourceRefused, "no artifact with layers"),
    "an index": (
        lambda _: answers(b'{"mediaType": "application/vnd.oci.image.index.v1+json", "manifests": []}'), SourceRefused, "is application/vnd.oci",
    ),
    "layers of nothing": (lambda _: answers(b'{"layers": [1]}'), SourceRefused, "no artifact with layers"),
    "no archive": (lambda _: answers(b'{"layers": [{"mediaType": "text/plain"}]}'), SourceRefused, "no layer of it is an archive"),
    "no digest": (
        lambda _: answers(b'{"layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": "../../x"}]}'),
        SourceRefused, "a layer has no digest",
    ),
    "too long": (lambda _: answers(b" " * (5 * 1024 * 1024)), SourceRefused, "is longer than 4 MiB"),
    "circle": (lambda r: answers(status=302, Location=r.path), SourceRefused, "more than 5 redirects"),
    "file": (lambda _: answers(status=302, Location="file:///etc/passwd"), SourceRefused, "protocol that TRUEUP_GIT_PROTOCOLS"),
    "another protocol": (lambda _: answers(status=302, Location="https://127.0.0.1:1/"), SourceRefused, "protocol that TRUEUP_GIT"),
    "token of a file": (
        lambda _: answers(status=401, **{"WWW-Authenticate": 'Bearer realm="file:///etc/passwd"'}), SourceRefused, "TRUEUP_GIT_PROTOCOLS",
    ),
    "no realm": (lambda _: answers(status=401, **{"WWW-Authenticate": "Bearer"}), SourceRefused, "TRUEUP_GIT_PROTOCOLS"),
    "unknown challenge": (lambda _: answers(status=401, **{"WWW-Authenticate": "Negotiate"}), SourceRefused, "asks for a login"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE_SERVERS)
async def test_a_hostile_registry_is_refused_with_words(registry, at, name):
    answer, kind, message = HOSTILE_SERVERS[name]
    registry.instead = answer
    with pytest.raises(kind) as raised:
        await at(registry, "oci", "acme/app").fetch("refs/oci/tag/latest")
    assert message in str(raised.value)


async def test_a_server_that_does_not_end_meets_the_deadline(registry, at):
    async def endless(request):
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(1000):
            await response.write(b" ")
            await asyncio.sleep(0.05)
        return response

    registry.instead = endless
    mirror = at(registry, "oci", "acme/app")
    mirror.timeout_seconds = 0.5
    with pytest.raises(SourceUnavailable, match="did not answer within"):
        await mirror.fetch("refs/oci/tag/latest")


async def test_what_is_not_what_its_digest_says_is_refused(registry, at):
    digest = registry.push("acme/app", "latest", archive(APP))
    (blob,) = registry.blobs
    registry.blobs[blob] = archive({"x": "y"})
    with pytest.raises(SourceRefused, match="the registry gives something else for sha256:"):
        await at(registry, "oci", "acme/app").fetch("refs/oci/tag/latest")
    registry.manifests["acme/app", digest] = b'{"layers": []}'
    with pytest.raises(SourceRefused, match=r"the registry gives sha256:.* for sha256:"):
        await at(registry, "oci", "acme/app").fetch(f"refs/oci/digest/{digest}")
    content = chart("web", "1.0.0", TEMPLATE)
    registry.add_chart("web", "1.0.0", content, digest=digest_of(b"other"))
    with pytest.raises(SourceRefused, match="is not what the index says"):
        await at(registry, "helm").fetch("refs/charts/web/*")


@pytest.mark.parametrize(
    ("index", "message"),
    [
        (b"entries: [", "index.yaml, line 2"),
        (b"a: 1", "has no entries; is this the address of a Helm repository?"),
        (b"- a", "has no entries"),
        (b"", "has no entries"),
        (b"entries: {web: 1}", "there is no chart 'web'"),
        (b"entries: {web: [1, {version: 2}, {version: x}]}", "has no version '*'"),
        (b"entries: {web: [{version: 1.0.0}]}", "says no address of chart web 1.0.0"),
        (b"entries: {web: [{version: 1.0.0, urls: ['file:///etc/passwd']}]}", "TRUEUP_GIT_PROTOCOLS"),
        (b"a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nentries: {web: [*b,*b,*b,*b]}", "there is no chart"),
    ],
)
async def test_an_index_that_cannot_be_understood_is_refused(registry, at, index, message):
    registry.files["charts/index.yaml"] = index

    async def instead(request):
        return web.Response(body=index) if request.path.endswith("index.yaml") else None

    registry.instead = instead
    with pytest.raises(SourceRefused) as raised:
        await at(registry, "helm").fetch("refs/charts/web/*")
    assert message in str(raised.value)


async def test_another_secret_or_address_is_another_mirror(registry, at, stores):
    one = at(registry, "oci", "acme/app")
    assert stores.of(one.repository) is one
    assert stores.of(replace(one.repository, url=f"oci://{registry.host}/acme/other")).directory.path != one.directory.path
