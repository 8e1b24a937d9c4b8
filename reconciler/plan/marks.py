"""The labels and annotations by which Trueup knows its own: what they are called, and what they say."""

import re
from collections.abc import Mapping

from reconciler.model.declared import Instance, Name
from reconciler.model.objects import ObjectKey

INSTANCE = "trueup.dev/instance"
"""Label: the instance's id; the selector of every watch."""

APPLICATION = "trueup.dev/application"
"""Label: the application's name, for people."""

OWNER = "trueup.dev/owner"
"""Annotation: the application and this very object, so that a copy is not mistaken for the original."""

APPLIED = "trueup.dev/applied"
"""Annotation: the digest of what was applied."""

PRUNE = "trueup.dev/prune"
"""Annotation of people: what is done when the object is no longer in Git; one of `PRUNE_WORDS`."""

PRUNE_ALLOW = "allow"
"""A protected kind is deleted without an approval."""

PRUNE_NEVER = frozenset({"never", "disabled"})
"""It is left; `disabled` is the word that people know from Flux."""

PRUNE_WORDS = frozenset({PRUNE_ALLOW, *PRUNE_NEVER})
"""Every word that the annotation may have."""

WAVE = "trueup.dev/wave"
"""Annotation of people: a whole number; lower waves are applied, and healthy, before higher ones."""

HOOK = "trueup.dev/hook"
"""Annotation of people: in which phases of a sync the object takes part, instead of being kept true."""

HOOK_DELETE = "trueup.dev/hook-delete"
"""Annotation of people: when the object of a hook is deleted."""

HOOK_TIMEOUT = "trueup.dev/hook-timeout"
"""Annotation of people: how long a run of a hook may take."""

RUN = "trueup.dev/run"
"""Annotation: in which phase, and for which content, the object of a hook runs."""

FINALIZER = "trueup.dev/run"
"""Finalizer of Jobs that are gone when they are done: taken out once it is written down how they ended."""

WAVE_DIGITS = re.compile(r"-?[0-9]{1,9}")

LABEL_LENGTH = 63
"""https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set"""


def wave_of(annotations: Mapping[str, str]) -> int:
    """The wave that an object's annotations name; 0 where they name none, or no number."""
    text = annotations.get(WAVE, "")
    return int(text) if WAVE_DIGITS.fullmatch(text) else 0


def selector(instance: Instance) -> str:
    """The label selector for everything that may be ours."""
    return f"{INSTANCE}={instance.id}"


def application_label(application: Name) -> str:
    """The application's name, made a valid label value."""
    return re.sub(r"[^A-Za-z0-9_.-]", "-", application.name)[:LABEL_LENGTH].strip("-_.")


def owner_text(application: Name, key: ObjectKey) -> str:
    """`namespace/application:group/kind:namespace/name`."""
    return f"{application}:{key.identity}"


def parse_owner(text: str) -> tuple[Name, ObjectKey] | None:
    """Read what `owner_text` printed; None when it has another shape."""
    application, _, identity = text.partition(":")
    match application.split("/"):
        case [namespace, name] if namespace and name:
            try:
                return Name(namespace, name), ObjectKey.parse(identity)
            except ValueError:
                return None
        case _:
            return None
