"""Whether objects may be applied, by the policies that people declare: every rule is asked about every object that it means. Pure.

A rule is true when the object may be. What cannot be asked (a field that is not there, types that do not fit, a rule that is no rule,
work that would take too long) is not true: a mistake never passes. Rules see the object as it would be sent, with what is in Secrets;
so of what holds secrets only that a rule does not fit is told, and not how.
"""

from collections.abc import Iterable, Mapping, Sequence

import orjson

from reconciler.expressions import CANDIDATE, STEPS, Absent, Candidate, Unevaluable, parse
from reconciler.model.declared import Application
from reconciler.model.gates import Finding, PolicyAction, PolicyRule
from reconciler.model.objects import Document, Manifest
from reconciler.plan.masked import is_masked
from reconciler.plan.normalise import is_secret

MOST_STEPS = 50_000_000
"""What all evaluations of one application may come to, at 0.16 us a step: 8 s, and as a rule some milliseconds."""

STEPS_OF_EACH = 150
"""What the smallest evaluation comes to: 24 us."""

STEPS_OF_ENTRY = 4
"""What every entry of a list or mapping comes to whenever a rule names it: it is copied. Measured, 0.5 us."""

UNTOLD = "does not fit the object; how is not told of what holds secrets"


def judge(rules: Sequence[PolicyRule], application: Application, manifests: Iterable[Manifest]) -> list[Finding]:
    """What is denied and warned of, in the order of the objects and then of the rules; nothing where all is well.

    Args:
        rules: all that count; `application.policies` has them.
        application: whose objects they are.
        manifests: everything that would be applied, hooks too.
    """
    about, spent = _told(application), 0
    found: list[Finding] = []
    for manifest in manifests:
        meant = [rule for rule in rules if rule.covers(manifest.key)]
        candidate = Candidate(orjson.loads(manifest.body) if meant else {}, about)  # not kept: what is desired stays small
        spent += len(manifest.body) if meant else 0
        for rule in meant:
            spent += _cost(rule, candidate)
            if spent > MOST_STEPS:
                return [*found, _over(rules, manifest)]
            if (why := _why_not(rule, candidate)) is not None:
                found.append(Finding(rule.action, manifest.key, rule.name, why, manifest.source))
    return found


def is_denied(findings: Iterable[Finding]) -> bool:
    """Whether anything was found that must not be applied."""
    return any(finding.action is PolicyAction.DENY for finding in findings)


def describe(findings: Iterable[Finding]) -> str:
    """Denials as one line for people: the first, and how many there are."""
    denials = [finding for finding in findings if finding.action is PolicyAction.DENY]
    more = f" (and {len(denials) - 1} more)" if len(denials) > 1 else ""
    return f"{denials[0]}{more}" if denials else ""


def _cost(rule: PolicyRule, candidate: Candidate) -> int:
    """What asking a rule about an object may come to, in steps; what is refused on its own costs nothing."""
    try:
        steps = parse(rule.rule, CANDIDATE).steps(candidate)
    except ValueError:
        return STEPS_OF_EACH
    longest, _ = candidate.extent
    return STEPS_OF_EACH + (steps if steps <= STEPS else 0) + rule.rule.count(".") * longest * STEPS_OF_ENTRY


def _why_not(rule: PolicyRule, candidate: Candidate) -> str | None:
    """What is told of an object for which a rule is not true; None: it is."""
    said = rule.message or f"`{rule.rule}` is not true"
    try:
        found = parse(rule.rule, CANDIDATE).evaluate(candidate)
    except Absent as error:
        why = f"it asks for {error}, which is not there; has() asks whether it is"
    except (Unevaluable, ValueError) as error:
        why = f"it {error}"
    else:
        if isinstance(found, bool):
            return None if found else said
        why = f"it is {type(found).__name__}, and must be true or false"
    return f"{said} ({_words(why, candidate.document)})"


def _words(text: str, document: Mapping[str, object]) -> str:
    """Why a rule does not fit an object: the words of an evaluation may quote values."""
    return f"the rule {UNTOLD}" if is_secret(dict(document)) or is_masked(document) else text


def _over(rules: Sequence[PolicyRule], manifest: Manifest) -> Finding:
    """That the rest is not judged."""
    is_denial = any(rule.action is PolicyAction.DENY for rule in rules)
    why = f"the {len(rules)} policies take too long on all objects of the application; name the kinds that each means in match.kinds"
    action = PolicyAction.DENY if is_denial else PolicyAction.WARN
    return Finding(action, manifest.key, "all", why, manifest.source)


def _told(application: Application) -> Document:
    """What rules see of an application."""
    destination = {"cluster": application.destination.cluster, "namespace": application.destination.namespace}
    return {"namespace": application.name.namespace, "name": application.name.name, "destination": destination}
