"""What every application of one cluster desires, as it was last rendered: the memory of the cluster's holder.

An application that is not in here is Unknown: nothing of it drifts, and nothing of it is pruned. Only values and dictionaries;
what is desired is never stored anywhere but in Git.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from reconciler.errors import Stalled
from reconciler.model.declared import EVERYTHING, Application, Name
from reconciler.model.gates import Finding
from reconciler.model.hooks import Phase
from reconciler.model.objects import Manifest, ObjectKey
from reconciler.model.outcome import Owned, Revision
from reconciler.model.policy import IgnoreRule
from reconciler.plan.autoscale import notice, rule_for, target_of
from reconciler.plan.steps import conflict

CHILD = ("trueup.dev", "Application")
"""An Application that Git holds."""


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
    findings: tuple[Finding, ...] = ()
    """What policies warn of."""

    @property
    def keys(self) -> Iterator[ObjectKey]:
        """Everything that is declared."""
        yield from self.manifests
        yield from self.hooks

    def awaited(self, owned: Mapping[ObjectKey, Owned]) -> tuple[ObjectKey, ...]:
        """The objects whose health is waited for: not those that are left alone, unless we made them, and no Applications.

        An Application has a job and a verdict of its own; it may wait for the turn of the one that declares it.
        """
        return tuple(
            key
            for key, manifest in self.manifests.items()
            if (key in owned or not manifest.options.is_left_alone) and (key.group, key.kind) != CHILD
        )

    @property
    def ends_with_hooks(self) -> bool:
        """Whether something is to run before the application is deleted."""
        return any(manifest.hook is not None and Phase.PRE_DELETE in manifest.hook.phases for manifest in self.hooks.values())

    @property
    def content(self) -> str:
        """Names the content of every application, with hooks or without: two commits that render to the same have the same."""
        everything = (*self.manifests.items(), *self.hooks.items())
        lines = sorted(f"{key.identity} {manifest.digest}" for key, manifest in everything)
        return hashlib.blake2b("\n".join(lines).encode(), digest_size=12).hexdigest()


class Desired:
    """The renderings of one cluster's applications, and who declares which object."""

    def __init__(self) -> None:
        self._renderings: dict[Name, Rendering] = {}
        self._declared: dict[ObjectKey, tuple[Name, ...]] = {}
        self._scaled: dict[ObjectKey, ObjectKey] = {}
        """Autoscalers, by what they scale; the last one of several counts."""

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
        other._scaled = dict(self._scaled)
        return other

    def put(self, rendering: Rendering) -> None:
        """Replace what an application desires."""
        name = rendering.application.name
        self.forget(name)
        self._renderings[name] = rendering
        for key, manifest in (*rendering.manifests.items(), *rendering.hooks.items()):
            self._declared[key] = tuple(sorted((*self._declared.get(key, ()), name)))
            if target := target_of(manifest):
                self._scaled[target] = key

    def forget(self, application: Name) -> None:
        """The application is gone, or is Unknown again."""
        rendering = self._renderings.pop(application, None)
        for key, manifest in rendering.manifests.items() if rendering else ():
            target = target_of(manifest)
            if target is not None and self._scaled.get(target) == key:
                del self._scaled[target]
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
        names = self._claimants(key)
        found = self._renderings[names[0]] if len(names) == 1 else None
        return found if found is not None and key in found.manifests else None

    def declared_by(self, key: ObjectKey) -> tuple[Name, ...]:
        """Every application that desires an object, or has it as a hook."""
        return self._declared.get(key, ())

    def rules_about(self, key: ObjectKey) -> tuple[IgnoreRule, ...]:
        """What is left to an autoscaler that is in Git."""
        return (rule_for(key),) if key in self._scaled else ()

    def notices(self, application: Name) -> tuple[str, ...]:
        """What people should know of an application, though nothing is wrong."""
        manifests = self._renderings[application].manifests if application in self else {}
        scaled = ((manifests[target], scaler) for target, scaler in sorted(self._scaled.items()) if target in manifests)
        return tuple(text for target, scaler in scaled if (text := notice(target, scaler)))

    def findings(self, application: Name) -> tuple[Finding, ...]:
        """What policies warn of in what an application desires."""
        return self._renderings[application].findings if application in self else ()

    def refuse_conflicts(self, application: Name) -> None:
        """Two applications that declare one object would take it from each other for ever.

        Raises:
            Stalled: naming the object and every application that declares it.
        """
        rendering = self._renderings[application]
        for key in rendering.keys:
            if self._claimants(key) != (application,):
                raise Stalled(conflict(key, self._declared[key]))

    def _claimants(self, key: ObjectKey) -> tuple[Name, ...]:
        """Whose an object is, of those that desire it: who may touch anything is not held up by who may touch a namespace."""
        names = self._declared.get(key, ())
        if len(names) < 2:
            return names
        return tuple(name for name in names if self._renderings[name].application.allowance == EVERYTHING) or names
