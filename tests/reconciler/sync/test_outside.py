import pytest

from reconciler.errors import Stalled
from reconciler.model.declared import Application, ConfigMapRef, Destination, GitSource, Name, SecretRef
from reconciler.model.objects import Kind, Kinds
from reconciler.model.rendering import HelmOptions, Reference, RenderOptions, Substitution
from reconciler.render.result import Data, Given
from reconciler.sync.outside import digest, gather

APPLICATION = Application(Name("team", "web"), (GitSource(Name("team", "shop"), "main", ""),), Destination("c", "prod"))
KINDS = Kinds([Kind("apps", "v1", "Deployment", "deployments", True), Kind("", "v1", "Pod", "pods", True)], version="v1.31.4")
DATA = {ConfigMapRef("team", "a"): {"x": b"1", "b": b"\xff"}, SecretRef("team", "a"): {"y": b"2"}}


class Held:
    async def read(self, ref):
        if ref not in DATA:
            raise Stalled(f"there is no {ref.name}")
        return DATA[ref]


def options(*references: Reference) -> RenderOptions:
    return RenderOptions(substitute=Substitution(sources=references), helm=HelmOptions(values_from=references))


async def test_what_is_named_is_read_from_the_applications_namespace():
    found = await gather(APPLICATION, options(Reference("ConfigMap", "a"), Reference("Secret", "a")), Held(), KINDS)
    assert found.data == (Data("ConfigMap", "a", (("x", "1"),)), Data("Secret", "a", (("y", "2"),)))
    assert (found.namespace, found.kube_version) == ("prod", "v1.31.4")
    assert found.api_versions == ("apps/v1", "apps/v1/Deployment", "v1", "v1/Pod")
    assert found.entries(Reference("Secret", "a")) == {"y": "2"}


async def test_what_may_be_missing_may_be_missing():
    found = await gather(APPLICATION, options(Reference("Secret", "no", optional=True)), Held(), None)
    assert (found.data, found.entries(Reference("Secret", "no"))) == ((), None)


@pytest.mark.parametrize("secrets", [Held(), None])
async def test_what_may_not_is_named(secrets):
    with pytest.raises(Stalled, match=r"^team/web: (there is no no; spec\.render names it|Secret team/no cannot be read here)"):
        await gather(APPLICATION, options(Reference("Secret", "no")), secrets, None)


def test_the_name_of_what_was_given_tells_nothing_and_changes_with_it():
    one, other = (Given(data=(Data("Secret", "a", (("k", value),)),)) for value in ("1", "2"))
    assert digest(one, b"key") != digest(other, b"key")
    assert digest(one, b"key") != digest(one, b"another")
    assert (digest(one, b"key"), digest(Given(kube_version="v1"), b"key")) == (digest(one, b"key"), "")
