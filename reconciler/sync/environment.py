"""What a sync needs of the world around it, built once per cluster by its holder or by a command."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from reconciler.kube.apply import Writer
from reconciler.kube.cluster import Cluster
from reconciler.model.declared import EVERYTHING, Allowance, Application, Instance, Name
from reconciler.model.objects import ObjectKey
from reconciler.model.outcome import Drift, Unrecorded
from reconciler.model.policy import IgnoreRule
from reconciler.sync.desired import Desired
from reconciler.sync.source import Workshop


@dataclass(frozen=True, slots=True)
class Proof:
    """Drift that no metadata shows, and that a dry run found; it holds as long as the object is the one that was looked at."""

    uid: str
    generation: int
    drift: Drift


@dataclass(slots=True)
class Environment:
    """One cluster, what is kept true on it, and the means to make it so."""

    instance: Instance
    cluster: Cluster
    workshop: Workshop
    seal_key: bytes
    """Keys the hashes of Secrets, so that they tell nothing."""
    desired: Desired = field(default_factory=Desired)
    unverifiable: dict[ObjectKey, frozenset[str]] = field(default_factory=dict)
    """Desired fields that the server did not keep in the answer to our own apply; no drift, ever."""
    proofs: dict[ObjectKey, Proof] = field(default_factory=dict)
    namespaces: set[str] = field(default_factory=set)
    """Namespaces that were made sure of."""
    making: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while one is made sure of: all applications of a commit may want the same one at once."""
    others: set[ObjectKey] = field(default_factory=set)
    """Objects that were met and are not ours, and that are made only where they are missing: looked at again by the sweep."""
    unrecorded: dict[ObjectKey, Unrecorded] = field(default_factory=dict)
    """Objects of APIs that keep no record of fields. They are never Owned, so never deleted; the sweep looks at their values."""
    ignore: tuple[IgnoreRule, ...] = ()
    """Fields that are left to others, whatever the application."""
    wanted: dict[Name, frozenset[ObjectKey]] = field(default_factory=dict)
    """Of applications that are not where their sources are, put off or rolled back: what they will want there. No other application
    deletes it meanwhile: an object that moves from one to another is taken over, not made anew."""
    applications: Mapping[Name, Application] = field(default_factory=dict)
    """Every application that is declared for this cluster now."""

    def writer(self, application: Application) -> Writer:
        """What writes for an application: within what its declaring namespace is allowed."""
        return self.writer_within(application.allowance)

    def writer_within(self, allowance: Allowance) -> Writer:
        """The same where no application is at hand any more. Nobody but this takes the cluster's own writer."""
        return self.cluster.writer.within(allowance)

    def writer_of(self, name: Name) -> Writer:
        """The same for whoever an object says that it belongs to. Whoever is not declared any more has no bounds: what it left is let go."""
        application = self.applications.get(name)
        return self.writer_within(EVERYTHING if application is None else application.allowance)
