"""People's intent about Applications that are custom resources: in `status.intent` of the Application itself.

In the status and not in an annotation: who may edit an Application may not therefore approve deletions.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from pydantic import TypeAdapter, ValidationError

from reconciler.declarations.resources import Resource
from reconciler.errors import ClusterUnavailable
from reconciler.kube.resources import Resources
from reconciler.model.declared import Name
from reconciler.model.intent import Intent

TRIES = 5
"""A resource may be edited at the same moment."""

_INTENT = TypeAdapter(Intent)


class ResourceIntents:
    """The intents that are kept in Applications."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources

    def has(self, application: Name) -> bool:
        """Whether this application's intent is kept here."""
        return self._resources.application(application) is not None

    def all(self) -> Mapping[Name, Intent]:
        """Every intent as last seen."""
        found = self._resources.known.values()
        return {
            resource.name: _read(resource) for resource in found if resource.kind == "Application" and "intent" in resource.status
        }

    def of(self, application: Name) -> Intent | None:
        """One application's intent as last seen; None where it has none here."""
        resource = self._resources.application(application)
        return _read(resource) if resource is not None and "intent" in resource.status else None

    async def change(self, application: Name, change: Callable[[Intent], Intent], known: Intent) -> Intent:
        """Change what is recorded, and leave what others decided meanwhile.

        Args:
            application: whose intent.
            change: from what is recorded to what should be.
            known: what is recorded elsewhere, and counts while the resource has no intent.

        Raises:
            ClusterUnavailable: when it cannot be written.
        """
        resource = self._resources.application(application)
        for _ in range(TRIES):
            if resource is None:
                return Intent()  # it is gone, and with it what was decided
            wanted = change(_read(resource) if "intent" in resource.status else known)
            if await self._resources.write_intent(resource, written(wanted)):
                return wanted
            resource = await self._resources.look_again(resource)
        raise ClusterUnavailable(f"Application {application} changes faster than its status can be written")


def written(intent: Intent) -> Mapping[str, Any]:
    """An intent as it stands in a status: without what was not decided."""
    return {name: value for name, value in asdict(intent).items() if value not in (None, (), "", {}, False)}


def _read(resource: Resource) -> Intent:
    """What somebody wrote by hand and cannot be understood decides nothing."""
    try:
        return _INTENT.validate_python(resource.status["intent"])
    except ValidationError:
        return Intent()
