"""What every application of one cluster desires, as it was last rendered: the memory of the cluster's holder.

An application that is not in here is Unknown: nothing of it drifts, and nothing of it is pruned. Only values and dictionaries;
what is desired is never stored anywhere but in Git.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from reconciler.errors import Stalled
from reconciler.model.declared import Application, Name
from reconciler.model.objects import Manifest, ObjectKey
from reconciler.model.outcome import Revision
from reconciler.plan.steps import conflict


@dataclass(frozen=True, slots=True)
class Rendering:
    """One application's manifests at one revision."""

    application: Application
    revision: Revision
    manifests: Mapping[ObjectKey, Manifest]
    """What is kept true."""
    hooks: Mapping[ObjectKey, Manifest] = field(default_factory=dict)
    """What runs."""
    digest: str = ""
    """A name for all that the application renders to, of which hooks run once for each; left out where there are none."""

    @property
    def keys(self) -> Iterator[ObjectKey]:
        """Everything that is declared."""
        yield from self.manifests
        yield from self.hooks


class Desired:
    """The renderings of one cluster's applications, and who declares which object."""

    def __init__(self) -> None:
        self._renderings: dict[Name, Rendering] = {}
        self._declared: dict[ObjectKey, tuple[Name, ...]] = {}

    def __contains__(self, application: Name) -> bool:
        """Whether the application was rendered."""
        return application in self._renderings

    def __iter__(self) -> Iterator[Name]:
        """The applications that were rendered."""
        return iter(self._renderings)

    def copy(self) -> "Desired":
        """The same renderings; what is put into the one is not in the other."""
        other = Desired()
        other._renderings, other._declared = dict(self._renderings), dict(self._declared)
        return other

    def put(self, rendering: Rendering) -> None:
        """Replace what an application desires."""
        name = rendering.application.name
        self.forget(name)
        self._renderings[name] = rendering
        for key in rendering.keys:
            self._declared[key] = tuple(sorted((*self._declared.get(key, ()), name)))

    def forget(self, application: Name) -> None:
        """The application is gone, or is Unknown again."""
        rendering = self._renderings.pop(application, None)
        for key in rendering.keys if rendering else ():
            others = tuple(name for name in self._declared[key] if name != application)
            if others:
                self._declared[key] = others
            else:
                del self._declared[key]

    def of(self, application: Name) -> Rendering | None:
        """What an application desires; None while it is Unknown."""
        return self._renderings.get(application)

    def declares(self, key: ObjectKey) -> Rendering | None:
        """The rendering that keeps an object true; None when nobody does, or more than one application does."""
        names = self._declared.get(key, ())
        found = self._renderings[names[0]] if len(names) == 1 else None
        return found if found is not None and key in found.manifests else None

    def declared_by(self, key: ObjectKey) -> tuple[Name, ...]:
        """Every application that desires an object, or has it as a hook."""
        return self._declared.get(key, ())

    def refuse_conflicts(self, application: Name) -> None:
        """Two applications that declare one object would take it from each other for ever.

        Raises:
            Stalled: naming the object and every application that declares it.
        """
        rendering = self._renderings[application]
        for key in rendering.keys:
            names = self._declared[key]
            if len(names) > 1:
                raise Stalled(conflict(key, names))
