"""Applications that are declared to go again: as custom resources and in files, for tests of what becomes of their objects."""

from tests.servers.declarations import Kubectl, application, condition, repository
from tests.servers.system import REPOSITORY, config_map

HOME = "trueup"
FILES = {"apps/web/a.yaml": config_map("web-a"), "apps/web/b.yaml": config_map("web-b"), "apps/api/a.yaml": config_map("api-a")}
PRUNE = {"deletionPolicy": "prune"}


async def installed(system):
    system.kubectl = Kubectl(system.kubeconfig, system.directory, HOME)
    await system.kubectl.install()


def app(system, name, *, namespace="", sync=None, **more):
    destination = {"namespace": namespace or system.namespace, "createNamespace": True}
    return application(name, HOME, sync=sync or {}, **{"destination": destination, **more})


async def declared(system, *applications, files=FILES):
    await system.commit(files)
    shop = repository("shop", system.git.url(REPOSITORY), HOME, forge="github", api=system.forge.url)
    await system.kubectl.apply(shop, *applications)
    for each in applications:
        await ready(system, each["metadata"]["name"])


async def ready(system, name, reason="Succeeded"):
    async def look():
        found = await system.kubectl.get("tapp", name)
        current = found.get("status", {}).get("observedGeneration") == found.get("metadata", {}).get("generation")
        return found if current and condition(found, "Ready")[1] == reason else None

    return await system.until(look, f"{name} is {reason}", pause=0.1)


async def kept(system, name):
    """Wait until an application has our finalizer."""

    async def look():
        return "trueup.dev/prune" in (await system.kubectl.get("tapp", name))["metadata"].get("finalizers", ())

    await system.until(look, "the finalizer is there", pause=0.1)


async def gone(system, name, *, seconds=20.0):
    async def look():
        return not await system.kubectl.get("tapp", name)

    await system.until(look, f"{name} is gone", seconds=seconds, pause=0.1)


async def values(system, namespace=""):
    _, answer = await system.kube("GET", f"/api/v1/namespaces/{namespace or system.namespace}/configmaps")
    return {item["metadata"]["name"] for item in answer["items"] if "value" in item.get("data", {})}


def files(system, *names, policy="prune", more=""):
    """Applications in the files of a system."""
    system.applications = {name: f"apps/{name}" for name in names}
    system.declare(**dict.fromkeys(names, f", deletionPolicy: {policy}{more}"))


async def left(system, *names):
    async def look():
        return await values(system) == set(names)

    await system.until(look, f"{names} are left", pause=0.1)


async def marked(system):
    """Wait until the ConfigMaps of a system say that they go with their application."""

    async def look():
        _, answer = await system.kube("GET", f"/api/v1/namespaces/{system.namespace}/configmaps")
        return all("trueup.dev/deletion-policy" in item["metadata"]["annotations"] for item in answer["items"])

    await system.until(look, "the objects say that they go along")
