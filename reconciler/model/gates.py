"""What must be true of objects before they are applied: the rules that people declare, and what they find. Only values."""

import enum
from dataclasses import dataclass
from fnmatch import fnmatchcase

from reconciler.model.objects import ObjectKey


class PolicyAction(enum.StrEnum):
    """What is done about an object for which the rule of a policy is not true."""

    DENY = "deny"
    """Nothing of the application is applied."""
    WARN = "warn"
    """It is told, and applied."""


@dataclass(frozen=True, slots=True)
class PolicyRule:
    """What must be true of objects before they are applied."""

    name: str
    rule: str
    """In CEL, of `object` and `application`; true when the object may be."""
    action: PolicyAction = PolicyAction.DENY
    message: str = ""
    """What people are told; empty: the rule itself."""
    kinds: tuple[str, ...] = ()
    """Globs of the kinds that are meant: `Deployment`, `Deployment.apps`, `*.apps`; none: all."""
    namespaces: tuple[str, ...] = ()
    """Globs of the namespaces that are meant; none: all, and objects that are in none."""

    def covers(self, key: ObjectKey) -> bool:
        """Whether an object is meant."""
        names = (key.kind, f"{key.kind}.{key.group}")
        is_kind = not self.kinds or any(fnmatchcase(name, glob) for name in names for glob in self.kinds)
        return is_kind and (not self.namespaces or any(fnmatchcase(key.namespace, glob) for glob in self.namespaces))


@dataclass(frozen=True, slots=True)
class Finding:
    """One object for which the rule of a policy is not true."""

    action: PolicyAction
    object: ObjectKey
    rule: str
    """The rule's name."""
    message: str
    source: str = ""
    """Where the object was rendered from: `apps/web/deployment.yaml, line 12`."""

    def __str__(self) -> str:
        """`shop/Deployment/web: denied by policy pin-digests: images must name a digest`."""
        done = "denied" if self.action is PolicyAction.DENY else "warned of"
        return f"{self.object}: {done} by policy {self.rule}: {self.message}"
