"""Field managers by their names: which are people's tools, which are tools that Trueup may take objects over from."""

from fnmatch import fnmatchcase

PEOPLE = ("kubectl*", "before-first-apply")
"""Tools in people's hands. What they put beside our fields is taken out unless the policy says otherwise."""

NOT_PEOPLE = ("kubectl-rollout",)
"""`kubectl rollout restart` writes a restart annotation, which is a request and no change."""

KNOWN = (*PEOPLE, "helm", "Helm", "helm-controller", "argocd-*", "kustomize", "kustomize-controller", "flux", "flux-*")
"""Tools whose objects are taken over by the policy `known`."""

SCALERS = ("kube-controller-manager", "horizontal-pod-autoscaler", "keda*", "vpa*")
"""Who scales by itself, through the subresource `scale`."""

CLUSTER = ("kube-*", "cloud-controller-manager", "kubelet", "service-controller", "ancient-changes")
"""Kubernetes itself: its fields are taken out of nothing. Entries too old to tell who made them count as its own."""

TRUEUP = ("trueup", "trueup-*")
"""Instances of Trueup, ours or another: never `known`, since each keeps its objects true."""


def is_people(manager: str) -> bool:
    """Whether a manager is a tool in people's hands."""
    return _matches(manager, PEOPLE) and not _matches(manager, NOT_PEOPLE)


def is_known(manager: str) -> bool:
    """Whether objects of this manager are taken over by the policy `known`."""
    return _matches(manager, KNOWN) and not _matches(manager, TRUEUP)


def is_cluster(manager: str) -> bool:
    """Whether a manager is part of Kubernetes itself."""
    return _matches(manager, CLUSTER)


def is_scaler(manager: str) -> bool:
    """Whether a manager scales workloads by itself."""
    return _matches(manager, SCALERS)


def _matches(manager: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(manager, pattern) for pattern in patterns)
