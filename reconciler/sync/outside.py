"""What renders need that is not in Git: ConfigMaps and Secrets that an Application names, and what its destination serves."""

import hashlib
import hmac
from collections.abc import Mapping

from reconciler.errors import Stalled
from reconciler.model.declared import Application, ConfigMapRef, Name, SecretRef, Secrets
from reconciler.model.objects import Kinds
from reconciler.model.rendering import Reference, RenderOptions
from reconciler.render.result import Data, Given


async def gather(application: Application, options: RenderOptions, secrets: Secrets | None, kinds: Kinds | None) -> Given:
    """Everything that one render of an application is given.

    Args:
        application: whose namespace the references are in, and whose destination it is.
        options: how it is rendered.
        secrets: where ConfigMaps and Secrets are read; None: nowhere.
        kinds: what the destination serves; None: unknown.

    Raises:
        Stalled: when something that may not be missing is.
        Transient: when it cannot be read now.
    """
    data = [await _read(application, reference, secrets) for reference in dict.fromkeys(options.references)]
    return Given(
        namespace=application.destination.namespace,
        kube_version=kinds.version if kinds else "",
        api_versions=kinds.api_versions if kinds else (),
        data=tuple(found for found in data if found is not None),
    )


def digest(given: Given, seal_key: bytes) -> str:
    """A name for everything that was given, which tells nothing of it; empty where nothing was that can change."""
    if not given.data:
        return ""
    return hmac.digest(seal_key or b"outside", repr(given.data).encode(), hashlib.blake2b)[:16].hex()


async def name_now(application: Application, repository: Name, secrets: Secrets | None, seal_key: bytes, more: str = "") -> str:
    """What `Inputs.outside` of an application would be if it were rendered now; empty where it needs nothing.

    Args:
        application: with its sources.
        repository: of which repository's sources.
        secrets: where ConfigMaps and Secrets are read; None: nowhere.
        seal_key: keys the digest of what is secret.
        more: names for the keys that the repository's signatures are checked with, and for what is put into its commits.

    Raises:
        Stalled: when something that may not be missing is.
        Transient: when it cannot be read now.
    """
    found = ""
    for source in application.sources:
        options = source.render or application.render
        if source.repository == repository and options.references:
            found += digest(await gather(application, options, secrets, None), seal_key)
        if source.repository == repository:
            found += more
    return found


async def _read(application: Application, reference: Reference, secrets: Secrets | None) -> Data | None:
    namespace, name = application.name.namespace, reference.name
    what = f"{application.name}: {reference.kind} {namespace}/{name}"
    if secrets is None:
        raise Stalled(f"{what} cannot be read here; set TRUEUP_SECRETS")
    ref = SecretRef(namespace, name) if reference.kind == "Secret" else ConfigMapRef(namespace, name)
    try:
        return Data(reference.kind, name, _texts(await secrets.read(ref)))
    except Stalled as error:
        if reference.optional:
            return None
        raise Stalled(f"{application.name}: {error}; spec.render names it") from error


def _texts(data: Mapping[str, bytes]) -> tuple[tuple[str, str], ...]:
    found: list[tuple[str, str]] = []
    for key, value in sorted(data.items()):
        try:
            found.append((key, value.decode()))
        except UnicodeDecodeError:
            continue
    return tuple(found)
