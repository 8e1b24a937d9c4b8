"""What a push affects, from what the last renders depended on; at the cost of what changed, not of what there is."""

from types import SimpleNamespace

import pytest

from jobs.inputs import InputCache
from jobs.store.heads import HeadStore, InputRecord
from reconciler.model.declared import Application, Destination, GitSource, Name

SHOP, REF = "trueup/shop", "refs/heads/main"


def application(name: str, digest: str = "d1") -> Application:
    source = GitSource(Name("trueup", "shop"), "main", f"apps/{name}")
    return Application(Name("trueup", name), (source,), Destination("in-cluster", "shop"), digest=digest)


def named(*applications: Application) -> dict[str, Application]:
    return {str(one.name): one for one in applications}


class Counted(dict[str, Application]):
    """Counts how often somebody goes through all of it."""

    walks = 0

    def __iter__(self):
        self.walks += 1
        return super().__iter__()


@pytest.fixture
def context(redis, keys):
    return SimpleNamespace(heads=HeadStore(redis, keys))


async def rendered(context, *names: str, digest: str = "d1", paths: tuple[str, ...] = ()) -> None:
    records = {f"trueup/{name}": InputRecord(paths or (f"apps/{name}/",), digest) for name in names}
    await context.heads.put_inputs(SHOP, records)


@pytest.mark.parametrize(
    ("changed", "affected"),
    [
        pytest.param({"apps/web/a.yaml"}, {"trueup/web"}, id="a file of one"),
        pytest.param({"README.md"}, set(), id="a file of none"),
        pytest.param({"apps/web/a.yaml", "apps/api/b.yaml"}, {"trueup/web", "trueup/api"}, id="files of two"),
        pytest.param({"apps/gone/a.yaml"}, set(), id="a file of one that does not follow"),
    ],
)
async def test_applications_whose_inputs_changed_are_affected(context, changed, affected):
    await rendered(context, "web", "api", "gone")
    cache = InputCache()
    await cache.refresh(context.heads, SHOP)
    assert cache.affected(REF, named(application("web"), application("api")), frozenset(changed)) == affected


async def test_what_was_never_rendered_or_is_declared_anew_is_affected_until_it_was_rendered(context):
    await rendered(context, "web", "api")
    cache, applications = InputCache(), named(application("web", "d2"), application("api"), application("new"))
    await cache.refresh(context.heads, SHOP)
    assert cache.affected(REF, applications, frozenset()) == {"trueup/web", "trueup/new"}
    await rendered(context, "web", digest="d2")
    await cache.refresh(context.heads, SHOP)
    assert cache.affected(REF, applications, frozenset()) == {"trueup/new"}
    await rendered(context, "new")
    await cache.refresh(context.heads, SHOP)
    assert cache.affected(REF, applications, frozenset()) == set()
    declared_anew = {**applications, "trueup/api": application("api", "d3")}
    assert cache.affected(REF, declared_anew, frozenset()) == {"trueup/api"}


async def test_refs_are_told_apart(context):
    await rendered(context, "web")
    cache = InputCache()
    await cache.refresh(context.heads, SHOP)
    assert cache.affected(REF, named(application("web")), frozenset()) == set()
    assert cache.affected("refs/heads/next", named(application("next")), frozenset()) == {"trueup/next"}
    assert cache.affected(REF, named(application("web")), frozenset()) == set()


async def test_a_push_does_not_go_through_all_applications(context):
    await rendered(context, "web", "api")
    cache, applications = InputCache(), Counted(named(application("web"), application("api")))
    for _ in range(5):
        await cache.refresh(context.heads, SHOP)
        assert cache.affected(REF, applications, frozenset({"apps/web/a.yaml"})) == {"trueup/web"}
    assert applications.walks == 1
