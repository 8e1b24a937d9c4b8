"""In which order objects are applied and deleted: definitions and namespaces, classes, then waves, and kinds within a wave.

The table follows what everybody's tools do, so that existing trees behave: https://github.com/fluxcd/pkg `ssa/sort.go`,
https://github.com/helm/helm `pkg/release/util/kind_sorter.go`. Only kinds that Kubernetes defines are ranked: somebody's own
`Service` or `Job` is something else.
"""

import itertools
from collections.abc import Iterable, Sequence

from reconciler.model.objects import Manifest, ObjectKey
from reconciler.model.outcome import Owned, Step
from reconciler.plan.manifest import is_built_in

FIRST = ("Namespace", "CustomResourceDefinition")
"""Other objects cannot exist without them: applied first, and waited for."""

CLASSES = ("StorageClass", "PriorityClass", "IngressClass", "RuntimeClass", "VolumeSnapshotClass", "GatewayClass")
"""Others refer to them; applied before the waves."""

KINDS = (
    "ResourceQuota", "LimitRange", "ServiceAccount", "Secret", "ConfigMap", "PersistentVolume", "PersistentVolumeClaim",
    "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding", "NetworkPolicy", "Service", "DaemonSet", "Pod",
    "ReplicaSet", "Deployment", "StatefulSet", "Job", "CronJob", "PodDisruptionBudget", "HorizontalPodAutoscaler",
    "Ingress", "APIService",
)  # fmt: skip
"""Within a wave, in this order; unknown kinds follow them."""

LAST = (
    "MutatingWebhookConfiguration", "ValidatingWebhookConfiguration", "MutatingAdmissionPolicyBinding",
    "ValidatingAdmissionPolicyBinding",
)  # fmt: skip
"""They may refuse everything that comes after them."""

_UNKNOWN = 500
_LAST = 1000
_RANKS = {kind: rank for rank, kind in enumerate(KINDS)} | {kind: _LAST + rank for rank, kind in enumerate(LAST)}


def rank(key: ObjectKey) -> int:
    """The place of a kind within its wave."""
    return _RANKS.get(key.kind, _UNKNOWN) if is_built_in(key.group) else _UNKNOWN


def stages(manifests: Iterable[Manifest]) -> tuple[tuple[Manifest, ...], ...]:
    """Manifests that are applied together, in order; each stage is ready before the next begins.

    Definitions, namespaces and classes come first whatever wave they name: no other object of the set can do without them.
    """
    found: dict[tuple[int, int], list[Manifest]] = {}
    for manifest in manifests:
        place = _stage(manifest.key)
        found.setdefault((place, manifest.wave if place == _REST else 0), []).append(manifest)
    return tuple(tuple(sorted(found[stage], key=_place)) for stage in sorted(found))


def is_in_wave(key: ObjectKey) -> bool:
    """Whether an object goes with its wave; definitions, namespaces and classes come before all of them."""
    return _stage(key) == _REST


def deletion_order(doomed: Iterable[Owned]) -> Sequence[Owned]:
    """The reverse of applying: what depends goes before what it depends on."""
    return sorted(doomed, key=lambda owned: (deletion_place(owned.key, owned.wave), -rank(owned.key), owned.key))


def deletion_place(key: ObjectKey, wave: int) -> tuple[int, int]:
    """When an object goes: everything of a lower place is gone before; the reverse of its stage and wave."""
    stage = _stage(key)
    return -stage, -wave if stage == _REST else 0


def deletion_waves(steps: Iterable[Step]) -> tuple[tuple[Step, ...], ...]:
    """Deletions in their order, as they go together."""
    return tuple(tuple(group) for _, group in itertools.groupby(steps, key=lambda step: deletion_place(step.key, step.wave)))


_FIRST, _CLASSES, _REST = range(3)


def _stage(key: ObjectKey) -> int:
    if not is_built_in(key.group):
        return _REST
    return _FIRST if key.kind in FIRST else _CLASSES if key.kind in CLASSES else _REST


def _place(manifest: Manifest) -> tuple[int, ObjectKey]:
    return rank(manifest.key), manifest.key
