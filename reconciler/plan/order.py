"""In which order objects are applied and deleted: definitions and namespaces, classes, then waves, and kinds within a wave.

The table follows what everybody's tools do, so that existing trees behave: https://github.com/fluxcd/pkg `ssa/sort.go`,
https://github.com/helm/helm `pkg/release/util/kind_sorter.go`.
"""

from collections.abc import Iterable, Sequence

from reconciler.model.objects import Manifest, ObjectKey

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

LAST = ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration", "ValidatingAdmissionPolicyBinding")
"""They may refuse everything that comes after them."""

_RANKS = {kind: rank for rank, kind in enumerate(KINDS)} | {kind: 1000 + rank for rank, kind in enumerate(LAST)}
_UNKNOWN = 500


def rank(key: ObjectKey) -> int:
    """The place of a kind within its wave."""
    return _RANKS.get(key.kind, _UNKNOWN)


def stages(manifests: Iterable[Manifest]) -> tuple[tuple[Manifest, ...], ...]:
    """Manifests that are applied together, in order; each stage is ready before the next begins."""
    found: dict[tuple[int, int], list[Manifest]] = {}
    for manifest in manifests:
        found.setdefault(_stage(manifest), []).append(manifest)
    return tuple(tuple(sorted(found[stage], key=_place)) for stage in sorted(found))


def deletion_order(keys: Iterable[ObjectKey]) -> Sequence[ObjectKey]:
    """The reverse of applying: what depends goes before what it depends on."""
    return sorted(keys, key=lambda key: (*_deletion_stage(key), -rank(key), key))


def _stage(manifest: Manifest) -> tuple[int, int]:
    if manifest.key.kind in FIRST:
        return 0, 0
    if manifest.key.kind in CLASSES:
        return 1, 0
    return 2, manifest.wave


def _place(manifest: Manifest) -> tuple[int, ObjectKey]:
    return rank(manifest.key), manifest.key


def _deletion_stage(key: ObjectKey) -> tuple[int]:
    return (2 if key.kind in FIRST else 1 if key.kind in CLASSES else 0,)
