"""Whether an application may touch an object: what its declaring namespace is allowed, as globs."""

from fnmatch import fnmatchcase

from reconciler.model.declared import Allowance
from reconciler.model.objects import ObjectKey


def refusal(allowance: Allowance, key: ObjectKey) -> str:
    """Why an object may not be touched, naming it; empty when it may."""
    if not key.namespace:
        if not allowance.has_cluster_objects:
            return f"{key}: the application may not touch objects that are in no namespace"
    elif not allowance.has_namespace(key.namespace):
        return f"{key}: the application may not touch namespace {key.namespace}"
    if allowance.kinds is not None and not any(fnmatchcase(kind_name(key), glob) for glob in allowance.kinds):
        return f"{key}: the application may not touch objects of kind {kind_name(key)}"
    return ""


def kind_name(key: ObjectKey) -> str:
    """`Deployment.apps`, `ConfigMap`: as allowances name kinds."""
    return f"{key.kind}.{key.group}" if key.group else key.kind
