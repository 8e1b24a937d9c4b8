"""The labels and annotations by which Trueup knows its own: what they are called, and what they say."""

import re

from reconciler.model.declared import Instance, Name
from reconciler.model.objects import ObjectKey
from reconciler.model.outcome import HEALTH

INSTANCE = "trueup.dev/instance"
"""Label: the instance's id; the selector of every watch."""

APPLICATION = "trueup.dev/application"
"""Label: the application's name, for people."""

OWNER = "trueup.dev/owner"
"""Annotation: the application and this very object, so that a copy is not mistaken for the original."""

APPLIED = "trueup.dev/applied"
"""Annotation: the digest of what was applied."""

APPLY = "trueup.dev/apply"
"""Annotation of people: how the object is applied; the words are those of `model.options.ApplyMode`."""

PRUNE = "trueup.dev/prune"
"""Annotation of people: what is done when the object is no longer in Git; the words of `PruneRule`, and `disabled`."""

DELETION = "trueup.dev/deletion-policy"
"""Annotation: the object goes with its application, which is declared in a file and says so; a custom resource has a finalizer."""

PRUNE_ALLOW = "allow"
"""A protected kind is deleted without an approval."""

PRUNE_DISABLED = "disabled"
"""The word for `never` that people know from Flux."""

DELETE = "trueup.dev/delete"
"""Annotation of people: `never` leaves the object when its Application is removed."""

FORCE = "trueup.dev/force"
"""Annotation of people: `recreate` has it deleted and made anew where a field cannot be changed."""

FOREIGN = "trueup.dev/foreign"
"""Annotation of people: what is done about fields that others put beside ours, instead of what the application says."""

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

MASKED = "trueup.dev/masked"
"""Annotation: fields whose values are shown to nobody, one path a line; written by rendering, and by people who want more masked."""

SUBSTITUTE = "trueup.dev/substitute"
"""Annotation or label of people: `disabled` leaves an object without its variables replaced."""

PREFIX = "trueup.dev/"
MARKS = frozenset(
    {OWNER, APPLIED, RUN, APPLY, PRUNE, DELETE, FORCE, FOREIGN, HEALTH, WAVE, HOOK, HOOK_DELETE, HOOK_TIMEOUT, MASKED, SUBSTITUTE}
)
"""Every annotation of ours that an object may carry; another one is a mistake."""

LABEL_LENGTH = 63
"""https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set"""


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
