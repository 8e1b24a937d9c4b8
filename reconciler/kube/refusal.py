"""What an API server's refusal means: in words a person can act on, and by what happens next. Values of Secrets never stand in it.

A refusal names the object, the field where the server does, the reason, and the mend. What the server says was recorded from a real
one, see tests/reconciler/kube/refusals.json.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from reconciler.errors import ApplyRefused, ClusterUnavailable, TrueupError, Waiting
from reconciler.kube.said import Answer, Attempt, Refused, listed, read

DEFAULT_RETRY_SECONDS = 1.0
"""When the server asks for patience and does not say how much."""

DELETION_SECONDS = 5.0
"""A namespace, or a kind, that is being deleted takes at least a moment."""


@dataclass(frozen=True, slots=True)
class FieldHolder:
    """Another manager that holds a field which we want to set."""

    manager: str
    field: str


WARMING = "storage is (re)initializing"
"""How the server answers lists of a kind that it has served for some milliseconds only; it is not busy, though it answers 429.
https://github.com/kubernetes/kubernetes, `staging/src/k8s.io/apiserver/pkg/storage/cacher/cacher.go`"""


class FieldConflict(ApplyRefused):
    """Other managers hold fields of the object; whether they are taken is a matter of policy."""

    def __init__(self, message: str, holders: tuple[FieldHolder, ...]) -> None:
        super().__init__(message, code=409, reason="Conflict")
        self.holders = holders


class Unchangeable(ApplyRefused):
    """The kind forbids to change a field of an object that is there."""

    def __init__(self, message: str, fields: tuple[str, ...]) -> None:
        super().__init__(message, code=422, reason="Invalid")
        self.fields = fields
        """As the server names them; some are no path of the document."""


class ObjectUnavailable(ClusterUnavailable):
    """The server failed at this one object; others may go on."""


def refusal(answer: Answer, attempt: Attempt) -> TrueupError:
    """The error that an answer other than 2xx means; its class says what happens next."""
    refused = read(answer, attempt)
    for rule in RULES:
        if (refused.sort in rule.statuses or not rule.statuses) and (match := rule.text.search(refused.message)):
            mend = rule.mend.format(**{name: value or "" for name, value in match.groupdict().items()})
            return rule.becomes(refused, mend)
    if refused.sort >= 500:
        return _object_unavailable(refused, "it is tried again")
    return _stalled(refused, "")


def _stalled(refused: Refused, mend: str) -> TrueupError:
    return ApplyRefused(refused.told(mend), code=refused.status, reason=refused.reason)


def _waiting(refused: Refused, mend: str) -> TrueupError:
    return Waiting(refused.told(mend), retry_seconds=DELETION_SECONDS)


def _object_unavailable(refused: Refused, mend: str) -> TrueupError:
    return ObjectUnavailable(f"{refused.attempt}the API server answered {refused.status}: {refused.message}; {mend}")


def _warming(refused: Refused, _: str) -> TrueupError:
    return ClusterUnavailable(f"{refused.attempt}the API server has just learned of this kind: {refused.message}")


def _patience(refused: Refused, _: str) -> TrueupError:
    if refused.status == 503 and not refused.retry_seconds:
        return _object_unavailable(refused, "it is tried again")
    seconds = refused.retry_seconds or DEFAULT_RETRY_SECONDS
    return ClusterUnavailable(f"{refused.attempt}the API server asks for patience: {refused.message}", retry_seconds=seconds)


def _unauthorized(refused: Refused, mend: str) -> TrueupError:
    return ClusterUnavailable(f"{refused.attempt}the API server does not accept Trueup's credentials; {mend}")


def _conflict(refused: Refused, mend: str) -> TrueupError:
    holders = tuple(
        FieldHolder(_manager(cause["message"]), cause["field"].removeprefix("."))
        for cause in refused.causes
        if cause["reason"] == "FieldManagerConflict"
    )
    if not holders:
        return _stalled(refused, "")
    named = ", ".join(sorted({f"{holder.field} (held by {holder.manager})" for holder in holders}))
    return FieldConflict(f"{refused.attempt}other managers hold fields: {named}; {mend}", holders)


def _unchangeable(refused: Refused, mend: str) -> TrueupError:
    """Only when nothing else is wrong with it: made anew, it would be refused as well, and be gone."""
    if not refused.causes or not all(UNCHANGEABLE.search(_QUOTE.sub("", cause["message"])) for cause in refused.causes):
        return _stalled(refused, "")
    return Unchangeable(f"{refused.attempt}{listed([f'{f}: cannot be changed' for f in refused.fields])}; {mend}", refused.fields)


def _unserved(refused: Refused, mend: str) -> TrueupError:
    return Waiting(f"{refused.attempt}{mend}") if refused.attempt.key else _stalled(refused, "")


@dataclass(frozen=True, slots=True)
class Rule:
    """One sort of refusal."""

    statuses: frozenset[int]
    """Empty: any."""
    text: re.Pattern[str]
    """Found in what the server says; its groups may stand in the mend."""
    mend: str
    becomes: Callable[[Refused, str], TrueupError] = _stalled


def _rule(statuses: Iterable[int], text: str, mend: str, becomes: Callable[[Refused, str], TrueupError] = _stalled) -> Rule:
    return Rule(frozenset(statuses), re.compile(text, re.DOTALL), mend, becomes)


UNCHANGEABLE = re.compile(
    r"immutable|may not (?:be )?change|can(?:not|'t) (?:be )?change|updates? to .*forbidden|fields other than"
)
"""How the server, and the authors of custom kinds, say that a field is fixed."""

_QUOTE = re.compile(r'"(\\.|[^"\\])*"')
"""A value may say anything."""

_ANY: tuple[int, ...] = ()
_QUOTED = r"""["'](?P<name>[^"']+)["']"""

RULES: tuple[Rule, ...] = (
    _rule(_ANY, rf"admission webhook {_QUOTED} denied the request",
          "change the object, or what webhook {name} asks for"),
    _rule(_ANY, rf"failed calling webhook {_QUOTED}",
          "webhook {name} does not answer, and nothing passes without it: see to its Service, or remove its configuration",
          _object_unavailable),
    _rule(_ANY, rf"ValidatingAdmissionPolicy {_QUOTED}.* denied request",
          "change the object, or the policy {name}"),
    _rule({429}, re.escape(WARMING), "", _warming),
    _rule({429}, "", "", _patience),
    _rule({503}, "", "", _patience),
    _rule({401}, "", "renew the token or certificate of its kubeconfig, or its service account", _unauthorized),
    _rule({409}, "", "set spec.sync.adopt: always to take them, or leave them out of Git", _conflict),
    _rule({403}, r"namespace (?P<name>\S+) because it is being terminated",
          "namespace {name} is being deleted; tried again when it is gone", _waiting),
    _rule({403}, r"definition is terminating", "its kind is being deleted; tried again when it is gone", _waiting),
    _rule({403}, r"exceeded quota: (?P<name>[^,\s]+)", "raise the quota {name}, or ask for less"),
    _rule({403}, r"status unknown for quota", "tried again when the quota is counted", _waiting),
    _rule({403}, rf"violates PodSecurity {_QUOTED}",
          "meet the standard {name}, or relax the label pod-security.kubernetes.io/enforce of the namespace"),
    _rule({403}, r"(?:maximum|minimum) .*usage per|max limit to request ratio", "ask for another amount, or change the LimitRange"),
    _rule({403}, r"error looking up service account (?P<name>\S+):", "declare the ServiceAccount {name} too"),
    _rule({403}, r"attempting to grant RBAC permissions not currently held",
          "Trueup may give only rights that it has: give its account those rights, or the verb escalate"),
    _rule({403}, r"cannot (?P<verb>\w+) resource \"(?P<resource>[^\"]+)\" in API group \"(?P<group>[^\"]*)\"(?: in the namespace "
          r"\"(?P<namespace>[^\"]+)\")?",
          "give Trueup's account this right: verb {verb}, resource {resource}, apiGroup \"{group}\""),
    _rule({404}, r"namespaces \"(?P<name>[^\"]+)\" not found",
          "create the namespace {name}, or set spec.destination.createNamespace"),
    _rule({404}, r"^404 page not found|could not find the requested resource",
          "the cluster does not serve its kind at this version; tried again when it does", _unserved),
    _rule({405, 415}, "", "objects of this kind cannot be applied; take it out of Git"),
    _rule(_ANY, r"request is too large|[Rr]equest entity too large|Too long: may not be more than (?:1048576|262144) bytes",
          "it is larger than Kubernetes keeps; divide it, or keep its content elsewhere"),
    _rule({422}, UNCHANGEABLE.pattern,
          "to have the object deleted and made anew, set the annotation trueup.dev/force: recreate; or give it another name",
          _unchangeable),
    _rule({400, 422}, r"field not declared in schema|unknown field",
          "see whether the field is misspelt, in the wrong place, or of another apiVersion"),
    _rule({400, 422}, r"duplicate entries for key", "keep one of them"),
    _rule({504}, "", "it is tried again", _object_unavailable),
)  # fmt: skip
"""The first that fits counts."""


def _manager(message: str) -> str:
    """`conflict with "kubectl" using apps/v1` names the manager in quotes."""
    match = re.search(r'conflict with "([^"]*)"', message)
    return match[1] if match else "somebody"
