"""What all payloads have in common: JSON that may be anything, and models that name only what is used."""

import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Annotated, TypeAlias, TypeVar

import orjson
from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from receiver.providers.event import Event, Ignored, Push, Pushes
from reconciler.urls import parse_url

NOTHING = "0" * 40

ZEROS = frozenset({NOTHING, "0" * 64})
"""The commit of a ref that is not there."""

_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")

LONGEST_NAME = 100
"""Of an event or a person, as far as it is kept."""

LONGEST_REF = 1000
"""A ref is a file's name to git, which no file system takes longer."""

LONGEST_ADDRESS = 2048
"""Of a repository; no longer one can be declared."""

MOST_REFS = 100
"""Of one delivery, which become a job each; what more moved is found by the poll."""

MOST_READ = 2000
"""Of the refs of one delivery, so that others need not wait: 25 MiB tell of a hundred thousand."""

_COMMAND = re.compile(r"^[ \t]*(/trueup(?:[ \t][^\r\n]*)?)\r?$", re.MULTILINE)

LONGEST_COMMAND = 300

_ID = re.compile(r"[0-9a-zA-Z{}-]{1,64}")

OURS = re.compile(r"<!-- trueup|^\[trueup [^\]\n]*\]: #", re.MULTILINE)
"""What comments that we wrote have in them (jobs/planned.py): they command nothing."""

_LOGIN = re.compile(r":[^/@]*@|[^/@]@[^/]")
"""A password in an address that is none: `https:u/ada:…@h/a` is a path of the host `https`, as git reads it, and what stands behind a
slash in a token is one of `https://to/ken@h/a`."""

_ODD = re.compile(r"[\x00-\x20\x7f~^:?*\[\\\ud800-\udfff]")

T = TypeVar("T", bound="Payload")
C = TypeVar("C")


def _id_of(value: object) -> str:
    text = str(value) if isinstance(value, int | str) else ""
    return text if _ID.fullmatch(text) else ""


RepositoryId: TypeAlias = Annotated[str, BeforeValidator(_id_of)]
"""A number or a UUID that a forge knows a repository by, whatever it is called; empty for anything else."""


class Payload(BaseModel):
    """A part of a payload; fields that are not named are nobody's business."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)


def read(body: bytes, model: type[T]) -> T | Ignored:
    """The payload as its model, or why it is not understood."""
    try:
        return model.model_validate(orjson.loads(body))  # refuses NaN, and surrogates that could not be stored
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "it"
        return Ignored(f"payload not understood: {where}: {first['msg']}")
    except (ValueError, RecursionError) as error:
        return Ignored(f"payload is no JSON: {str(error)[:100]}")


def is_commit(text: str) -> bool:
    """Whether a text is a full commit hash."""
    return _COMMIT.fullmatch(text) is not None


def is_ref(text: str) -> bool:
    """Whether a text is a branch's or tag's full name that git would accept: https://git-scm.com/docs/git-check-ref-format."""
    return (
        text.startswith(("refs/heads/", "refs/tags/"))
        and len(text) < LONGEST_REF
        and not any(part in text for part in ("..", "@{"))
        and not text.endswith(".")
        and all(part and part[0] != "." and not part.endswith(".lock") for part in text.split("/"))
        and not _ODD.search(text)
    )


def command_in(text: str) -> str:
    """The first line of a comment that is a command to us (`/trueup plan`); empty where there is none."""
    found = None if OURS.search(text) else _COMMAND.search(text)
    return found[1].strip()[:LONGEST_COMMAND] if found else ""


def scopes_of(*addresses: str | None) -> tuple[str, ...]:
    """The scopes of a repository's addresses, each once; what is no address is left out."""
    found: dict[str, None] = {}
    for address in addresses:
        if not address or len(address) > LONGEST_ADDRESS:
            continue
        with suppress(ValueError):
            scope = parse_url(address).scope
            if not _LOGIN.search(scope):
                found[scope] = None
    return tuple(found)


def commit_of(ref: str, after: str, commit: str | None) -> str:
    """The commit that a ref is at: of an annotated tag *after* is the tag's own hash, and forges tell the commit beside it."""
    return commit if commit and ref.startswith("refs/tags/") and after not in ZEROS else after


def push_of(  # noqa: PLR0913 - one push
    scopes: Sequence[str], ref: str, *, before: str, after: str, actor: str, repository_id: str = ""
) -> Push | Ignored:
    """A ref of a repository moved, or why that is not understood; zeros after it: it was deleted."""
    if not scopes:
        return Ignored("payload not understood: no address of the repository is one")
    if not is_ref(ref):
        return Ignored("payload not understood: the ref is no branch and no tag")
    if after not in ZEROS and not is_commit(after):
        return Ignored("payload not understood: what the ref is at is no commit")
    commit = "" if after in ZEROS else after
    return Push(scopes[0], ref, commit, before[:64], actor[:LONGEST_NAME], tuple(scopes[1:]), repository_id)


def pushes_of(changes: Sequence[C], push: Callable[[C], Push | Ignored]) -> Event:
    """What one delivery says of several refs; a change that is not understood counts only when none is."""
    found = [push(change) for change in changes[:MOST_READ]]
    pushes = [event for event in found if isinstance(event, Push)]
    if not pushes:
        return found[0] if found else Ignored("payload not understood: no ref moved")
    if len(pushes) == 1 and len(changes) <= MOST_READ:
        return pushes[0]
    pushes.sort(key=lambda event: (not event.commit, event.ref.startswith("refs/tags/")))
    left_out = max(len(pushes) - MOST_REFS, 0) + max(len(changes) - MOST_READ, 0)
    return Pushes(tuple(pushes[:MOST_REFS]), left_out)


def not_for_us(name: str) -> Ignored:
    """An event that is authentic, and none of ours."""
    return Ignored(f"event {name or '(none)'} means nothing to Trueup")
