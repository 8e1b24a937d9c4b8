"""Merge requests and notes as GitLab tells of them.

https://docs.gitlab.com/user/project/integrations/webhook_events/#merge-request-events, #comment-on-a-merge-request there
"""

from pydantic import Field

from receiver.providers.event import Comment, Event, Ignored, PullRequest
from receiver.providers.payload import LONGEST_NAME, Payload, command_in, is_commit, is_ref, read, scopes_of

OPENED = frozenset({"open", "reopen"})


class _Project(Payload):
    git_http_url: str
    git_ssh_url: str | None = None


class _User(Payload):
    username: str = ""


class _LastCommit(Payload):
    id: str


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
    base, head = f"refs/heads/{about.target_branch}", about.last_commit.id if about.last_commit else ""
    if not is_commit(head) or not is_ref(base):
        return Ignored("payload not understood: object_attributes.last_commit.id or target_branch is no commit and no branch")
    scopes = scopes_of(payload.project.git_http_url, payload.project.git_ssh_url)
    if not scopes:
        return Ignored("payload not understood: no address of the project is one")
    is_fork = about.source_project_id != about.target_project_id
    ref, actor = f"refs/merge-requests/{about.iid}/head", payload.user.username[:LONGEST_NAME]
    return PullRequest(scopes[0], about.iid, head, ref, base, actor, is_fork, scopes[1:])


def note_of(body: bytes) -> Event:
    """What a note event says."""
    payload = read(body, _Note)
    if isinstance(payload, Ignored):
        return payload
    note, text = payload.object_attributes, command_in(payload.object_attributes.note)
    if note.action != "create" or not text or payload.merge_request is None or note.noteable_type != "MergeRequest":
        return Ignored(
            "a note that is no command to Trueup: a new one beneath a merge request with a line that begins with /trueup"
        )
    scopes = scopes_of(payload.project.git_http_url, payload.project.git_ssh_url)
    if not scopes:
        return Ignored("payload not understood: no address of the project is one")
    return Comment(scopes[0], payload.merge_request.iid, str(note.id), text, payload.user.username[:LONGEST_NAME], scopes[1:])
