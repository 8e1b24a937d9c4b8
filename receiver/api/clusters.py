"""Clusters: which there are, and the strays in them. What only a cluster knows is asked of its holder."""

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from jobs.replies import StrayList
from receiver.api.answers import json
from receiver.auth import Role
from receiver.front import FRONT, Front
from receiver.problems import Refused
from reconciler.errors import Stalled

ASK_SECONDS = 5.0
"""How long a cluster's holder may take to answer; it reads its memory only."""

SEARCH_SECONDS = 60.0
"""The same, where it looks at every kind first."""


async def strays(request: web.Request) -> web.Response:
    """Objects that carry our label and are not ours; `?search=true` looks at every kind first."""
    front = request.app[FRONT]
    front.tokens.require(request, Role.VIEWER)
    is_searched = request.query.get("search", "") == "true"
    seconds = SEARCH_SECONDS if is_searched else ASK_SECONDS
    answer = await ask(front, request.match_info["cluster"], {"strays": is_searched}, timeout_seconds=seconds)
    return json(StrayList.model_validate(answer))


async def ask(
    front: Front, cluster: str, question: Mapping[str, Any], *, timeout_seconds: float = ASK_SECONDS
) -> Mapping[str, Any]:
    """The answer of a cluster's holder.

    Raises:
        Refused: when the cluster was never reached, or its holder has no answer.
        Transient: when nobody answers in time.
    """
    uid = await front.applications.cluster(cluster)
    if uid is None:
        raise Refused(503, "Service Unavailable", f"no worker has reached the cluster {cluster} yet", retry_after=5)
    try:
        return await front.questions.ask(uid, question, timeout_seconds=timeout_seconds)
    except Stalled as error:
        raise Refused(409, "Conflict", str(error)) from error
