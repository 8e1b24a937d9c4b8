"""Merge requests and notes as GitLab tells of them.

https://docs.gitlab.com/user/project/integrations/webhook_events/#merge-request-events, #comment-on-a-merge-request there
"""

from pydantic import Field

from receiver.providers.event import Comment, Event, Ignored, PullRequest
from receiver.providers.payload import LONGEST_NAME, Payload, RepositoryId, read, scopes_of
from receiver.providers.pulls import NO_COMMAND, proposed, said

OPENED = frozenset({"open", "reopen"})

NO_NOTE = Ignored("a note that is no command to Trueup: a new one beneath a merge request with a line that begins with /trueup")


class _Project(Payload):
    id: RepositoryId = ""
    git_http_url: str
    git_ssh_url: str | None = None

    @property
    def scopes(self) -> tuple[str, ...]:
        return scopes_of(self.git_http_url, self.git_ssh_url)


class _User(Payload):
    username: str = ""


class _LastCommit(Payload):
    id: str = Field(min_length=1)


class _MergeAttributes(Payload):
    iid: int = Field(gt=0)
    action: str = ""
    oldrev: str | None = None
    """There when commits were pushed to it."""
    target_branch: str
    source_project_id: int | None = None
    target_project_id: int
    last_commit: _LastCommit | None = None


class _MergeChanges(Payload):
    target_branch: object = None
    draft: object = None


class _MergeRequest(Payload):
    object_attributes: _MergeAttributes
    project: _Project
    changes: _MergeChanges = _MergeChanges()
    user: _User = _User()


class _NoteAttributes(Payload):
    id: int
    note: str
    noteable_type: str
    action: str = "create"
    """Left out by servers older than 16.11, which tell of new notes alone."""


class _Numbered(Payload):
    iid: int = Field(gt=0)


class _Note(Payload):
    object_attributes: _NoteAttributes
    project: _Project
    merge_request: _Numbered | None = None
    user: _User = _User()


def merge_request_of(body: bytes) -> Event:
    """What a merge request event says."""
    payload = read(body, _MergeRequest)
    if isinstance(payload, Ignored):
        return payload
    about, changes = payload.object_attributes, payload.changes
    is_other = about.oldrev is not None or changes.target_branch is not None or changes.draft is not None
    if about.action not in OPENED and not (about.action == "update" and is_other):
        return Ignored(f"merge request {about.iid}: {about.action[:LONGEST_NAME] or 'nothing'} needs no plan")
    if about.last_commit is None:
        return Ignored("payload not understood: object_attributes.last_commit: there is none")
    ref, base = f"refs/merge-requests/{about.iid}/head", f"refs/heads/{about.target_branch}"
    is_fork = about.source_project_id != about.target_project_id
    found = PullRequest(
        "", about.iid, about.last_commit.id, ref, base, payload.user.username, is_fork, repository_id=payload.project.id
    )
    return proposed(payload.project.scopes, found)


def note_of(body: bytes) -> Event:
    """What a note event says."""
    payload = read(body, _Note)
    if isinstance(payload, Ignored):
        return payload
    note = payload.object_attributes
    if note.action != "create" or payload.merge_request is None or note.noteable_type != "MergeRequest":
        return NO_NOTE
    found = Comment(
        "", payload.merge_request.iid, str(note.id), note.note, payload.user.username, repository_id=payload.project.id
    )
    event = said(payload.project.scopes, found)
    return NO_NOTE if event is NO_COMMAND else event
