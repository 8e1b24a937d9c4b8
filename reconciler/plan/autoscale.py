"""Replicas that an autoscaler decides, known from the autoscaler's own manifest: also before it has ever scaled.

Afterwards they are known from `managedFields` as well, see `ignore`; then the autoscaler need not be in Git.
"""

from reconciler.model.objects import Manifest, ObjectKey
from reconciler.model.policy import IgnoreRule

SCALERS = {
    ("autoscaling", "HorizontalPodAutoscaler"): "",
    ("keda.sh", "ScaledObject"): "apps/v1",
}
"""Kinds that scale what `spec.scaleTargetRef` names, and the target's apiVersion where none is written."""

REPLICAS = "spec.replicas"


def target_of(scaler: Manifest) -> ObjectKey | None:
    """What an autoscaler scales; None for every other kind, and where it does not say."""
    default = SCALERS.get((scaler.key.group, scaler.key.kind))
    spec = scaler.document.get("spec") if default is not None else None
    reference = spec.get("scaleTargetRef") if isinstance(spec, dict) else None
    if not isinstance(reference, dict) or not reference.get("name"):
        return None
    group = str(reference.get("apiVersion") or default).rpartition("/")[0]
    return ObjectKey(group, str(reference.get("kind") or "Deployment"), scaler.key.namespace, str(reference["name"]))


def rule_for(target: ObjectKey) -> IgnoreRule:
    """The rule that leaves the target's replicas to its autoscaler."""
    return IgnoreRule(target.kind, target.group, target.name, target.namespace, paths=(REPLICAS,))


def notice(target: Manifest, scaler: ObjectKey) -> str:
    """What people should know of a target; empty where Git does not say how many replicas it has."""
    if "replicas" not in (target.document.get("spec") or {}):
        return ""
    return f"{target.key}: {REPLICAS} is left to {scaler}; take it out of Git"
