"""Whether an application may touch an object: what its declaring namespace is allowed, as globs."""

from collections.abc import Iterable
from fnmatch import fnmatchcase

from reconciler.model.declared import Allowance
from reconciler.model.objects import ObjectKey


def refusal(allowance: Allowance, key: ObjectKey) -> str:
    """Why an object may not be touched, naming it; empty when it may."""
    if not key.namespace:
        if not allowance.has_cluster_objects:
            return f"{key}: the application may not touch objects that are in no namespace"
    elif allowance.namespaces is not None and not is_among(key.namespace, allowance.namespaces):
        return f"{key}: the application may not touch namespace {key.namespace}"
    if allowance.kinds is not None and not is_among(kind_name(key), allowance.kinds):
        return f"{key}: the application may not touch objects of kind {kind_name(key)}"
    return ""


def kind_name(key: ObjectKey) -> str:
    """`Deployment.apps`, `ConfigMap`: as allowances name kinds."""
    return f"{key.kind}.{key.group}" if key.group else key.kind


def is_among(text: str, globs: Iterable[str]) -> bool:
    """Whether a text matches one of some globs."""
    return any(fnmatchcase(text, glob) for glob in globs)
