"""Reads what people say of one object: our annotations, and those of Argo CD, Flux and Helm in our words.

Trees that were written for another tool run unchanged; what each annotation becomes, and what has no counterpart, stands in
docs/migration.md. An annotation of ours wins over any of theirs. Where theirs contradict each other, the one that changes and
deletes least wins. Theirs are read leniently, as their own tools read them; a mistake in ours is named.

Where theirs are defined: https://github.com/argoproj/gitops-engine `pkg/sync/common/types.go`, `pkg/sync/hook/`;
https://github.com/fluxcd/kustomize-controller `docs/spec/v1/kustomizations.md`; https://helm.sh/docs/topics/charts_hooks/.
"""

import difflib
import re
from collections.abc import Iterator, Mapping
from typing import Any

from reconciler.model.options import PLAIN, ApplyMode, ObjectOptions, PruneRule
from reconciler.model.outcome import HEALTH, HealthMark
from reconciler.model.policy import ForeignPolicy
from reconciler.plan.hookmarks import hook_of
from reconciler.plan.marks import (
    APPLICATION,
    APPLIED,
    APPLY,
    DELETE,
    FORCE,
    FOREIGN,
    HOOK,
    HOOK_DELETE,
    INSTANCE,
    MARKS,
    OWNER,
    PREFIX,
    PRUNE,
    PRUNE_DISABLED,
    RUN,
    WAVE,
)

ARGO, FLUX, HELM = "argocd.argoproj.io/", "kustomize.toolkit.fluxcd.io/", "helm.sh/"

PREFIXES = (PREFIX, ARGO, FLUX, HELM)
"""What may begin a mark that is read here."""

BOOKS = frozenset({INSTANCE, APPLICATION, OWNER, APPLIED, RUN})
"""Marks that every object of ours carries, and that ask for nothing."""

NEVER, RECREATE = "never", "recreate"

WORDS: Mapping[str, tuple[str, ...]] = {
    APPLY: tuple(ApplyMode),
    PRUNE: (*(rule for rule in PruneRule if rule), PRUNE_DISABLED),
    DELETE: (NEVER,),
    FORCE: (RECREATE,),
    FOREIGN: tuple(ForeignPolicy),
    HEALTH: tuple(HealthMark),
}
"""Every word that a mark of ours may have."""

CAREFUL: Mapping[str, tuple[str, ...]] = {
    APPLY: (ApplyMode.IGNORE, ApplyMode.IF_ABSENT, ApplyMode.REPLACE, ApplyMode.MERGE),
    PRUNE: (PruneRule.NEVER, PruneRule.CONFIRM, PruneRule.ALLOW),
}
"""Of contradicting marks of other tools the first of these wins."""

ARGO_OPTIONS: Mapping[str, tuple[str, str]] = {
    "prune=false": (PRUNE, PruneRule.NEVER),
    "prune=confirm": (PRUNE, PruneRule.CONFIRM),
    "delete=false": (DELETE, NEVER),
    "delete=confirm": (DELETE, NEVER),
    "replace=true": (APPLY, ApplyMode.REPLACE),
    "force=true": (FORCE, RECREATE),
}
"""Argo CD's sync options that are more than what Trueup does anyway."""

ARGO_HOOKS = {"PreSync": "pre-sync", "PostSync": "post-sync", "SyncFail": "sync-failed", "PreDelete": "pre-delete"}
HELM_HOOKS = {
    "crd-install": "",
    "pre-install": "pre-sync",
    "pre-upgrade": "pre-sync",
    "post-install": "post-sync",
    "post-upgrade": "post-sync",
    "pre-delete": "pre-delete",
}
"""Hooks that take part; `crd-install` was Helm 2's word for a definition, which is an ordinary object."""

HOOK_ENDS = {
    "beforehookcreation": "before-creation",
    "before-hook-creation": "before-creation",
    "hooksucceeded": "succeeded",
    "hook-succeeded": "succeeded",
    "hookfailed": "failed",
    "hook-failed": "failed",
}

FLUX_MARKS: Mapping[tuple[str, str], tuple[str, str]] = {
    ("prune", "disabled"): (PRUNE, PruneRule.NEVER),
    ("ssa", "ifnotpresent"): (APPLY, ApplyMode.IF_ABSENT),
    ("ssa", "ignore"): (APPLY, ApplyMode.IGNORE),
    ("ssa", "merge"): (FOREIGN, ForeignPolicy.REPORT),
    ("reconcile", "disabled"): (APPLY, ApplyMode.IGNORE),
    ("force", "enabled"): (FORCE, RECREATE),
}

_NUMBER = re.compile(r"-?\d{1,9}", re.ASCII)


def options_of(annotations: Mapping[str, str], labels: Mapping[str, str]) -> ObjectOptions:
    """What the annotations and labels of an object ask for.

    In Git a word of ours that has no meaning is refused, see `mistakes`. On a live object it counts as none, except that one for
    `trueup.dev/prune` asks for an approval: whoever wrote it did not want things to take their course.
    """
    if not any(name.startswith(PREFIXES) and name not in BOOKS for name in (*annotations, *labels)):
        return PLAIN
    written = in_our_words(annotations, labels)
    marks = {name: word for name, word in written.items() if _is_word(name, word)}
    prune = marks.get(PRUNE, PruneRule.CONFIRM if PRUNE in written else PruneRule.GUARDED)
    foreign = marks.get(FOREIGN)
    found = ObjectOptions(
        apply=ApplyMode(marks.get(APPLY, ApplyMode.MERGE)),
        prune=PruneRule.NEVER if prune == PRUNE_DISABLED else PruneRule(prune),
        outlives=marks.get(DELETE) == NEVER,
        recreate=marks.get(FORCE) == RECREATE,
        foreign=ForeignPolicy(foreign) if foreign else None,
        wave=int(marks.get(WAVE, "0")),
        is_hook=HOOK in marks,
    )
    return PLAIN if found == PLAIN else found


def in_our_words(annotations: Mapping[str, str], labels: Mapping[str, str]) -> Mapping[str, str]:
    """The marks of an object as if they were all written in ours."""
    theirs: dict[str, str] = {}
    for name, word in (*_flux(labels), *_flux(annotations), *_helm(annotations), *_argo(annotations)):
        order = CAREFUL.get(name)
        if order is None or name not in theirs or order.index(word) < order.index(theirs[name]):
            theirs[name] = word
    return theirs | {name: word for name, word in annotations.items() if name.startswith(PREFIX)}


def may_be_nameless(metadata: Mapping[str, Any]) -> bool:
    """Whether an object may have a generateName: a hook, of whatever tool, that runs anew for every content."""
    annotations = metadata.get("annotations")
    if metadata.get("name") or not isinstance(annotations, dict):
        return False
    texts = {name: word for name, word in annotations.items() if isinstance(word, str)}
    return HOOK in in_our_words(texts, {}) or f"{ARGO}hook" in texts


def mistakes(annotations: Mapping[str, str]) -> Iterator[str]:
    """What is wrong with the annotations of ours, each with what to write instead: a misspelt one must not count as none."""
    for name in sorted(name for name in annotations if name.startswith(PREFIX)):
        word = annotations[name]
        if name not in MARKS:
            close = difflib.get_close_matches(name.removeprefix(PREFIX), [mark.removeprefix(PREFIX) for mark in MARKS], 1)
            mend = f"is it {PREFIX}{close[0]}?" if close else "take it out"
            yield f"annotation {name} is none that Trueup knows; {mend}"
        elif name in WORDS and not _is_word(name, word):
            yield f"annotation {name} is {word!r}; write {', '.join(sorted(WORDS[name]))}"
        elif name == WAVE and not _is_word(name, word):
            yield f"annotation {name} is {word!r} and must be a whole number; write e.g. '1'"
    try:
        hook_of(annotations)
    except ValueError as error:
        yield str(error)


def _is_word(name: str, word: str) -> bool:
    return word in WORDS[name] if name in WORDS else name != WAVE or bool(_NUMBER.fullmatch(word))


def _argo(annotations: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for option in _listed(annotations, f"{ARGO}sync-options"):
        if found := ARGO_OPTIONS.get(option.lower()):
            yield found
    wave = annotations.get(f"{ARGO}sync-wave", "").strip()
    if _NUMBER.fullmatch(wave):
        yield WAVE, wave
    hooks = _listed(annotations, f"{ARGO}hook")
    if hooks == ["Sync"]:  # goes with the rest, in its wave; a Job that changes is made anew
        yield FORCE, RECREATE
    elif hooks:
        yield from _hooks([ARGO_HOOKS[hook] for hook in hooks if hook in ARGO_HOOKS])
    ends = _ends(annotations, f"{ARGO}hook-delete-policy")
    if ends:
        yield HOOK_DELETE, ends


def _helm(annotations: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    if annotations.get(f"{HELM}resource-policy", "").strip() == "keep":
        yield PRUNE, PruneRule.NEVER
        yield DELETE, NEVER
    hooks = _listed(annotations, f"{HELM}hook")
    if not hooks or f"{ARGO}hook" in annotations or hooks == ["crd-install"]:
        return
    yield from _hooks([HELM_HOOKS[hook] for hook in hooks if HELM_HOOKS.get(hook)])
    weight = annotations.get(f"{HELM}hook-weight", "").strip()
    if _NUMBER.fullmatch(weight):
        yield WAVE, weight
    if ends := _ends(annotations, f"{HELM}hook-delete-policy"):
        yield HOOK_DELETE, ends


def _hooks(points: list[str]) -> Iterator[tuple[str, str]]:
    """When a hook of another tool takes part; one that never does, such as a test of a chart, is not applied."""
    yield (HOOK, ",".join(dict.fromkeys(points))) if points else (APPLY, ApplyMode.IGNORE)


def _flux(marks: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for (name, word), ours in FLUX_MARKS.items():
        if marks.get(FLUX + name, "").strip().lower() == word:
            yield ours


def _ends(annotations: Mapping[str, str], name: str) -> str:
    found = [HOOK_ENDS[word.lower()] for word in _listed(annotations, name) if word.lower() in HOOK_ENDS]
    return ",".join(dict.fromkeys(found))


def _listed(annotations: Mapping[str, str], name: str) -> list[str]:
    return [part for text in annotations.get(name, "").split(",") if (part := text.strip())]
