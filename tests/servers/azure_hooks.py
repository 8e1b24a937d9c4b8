"""The API of service hooks of Azure DevOps, as it is documented: a subscription for each event, whose password is masked ever after.

What is delivered is really sent, and its end is kept for whoever asks; a test is sent with no more than it was given.
"""

import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID, uuid4

import aiohttp
from aiohttp import web

from tests.servers.other_forges import azure_guarded
from trueup.sandbox.forge import ForgeServer

PROJECT, REPOSITORY = "6ce954b1-ce1f-45d1-b94d-e6bf2464ba2c", "278d5cd2-584d-4b63-824a-2ba458937249"
MASK = "********"
INPUTS = {
    "projectId",
    "repository",
    "branch",
    "pushedBy",
    "pullrequestCreatedBy",
    "pullrequestReviewersContains",
    "notificationType",
}


class AzureHooks:
    """Subscriptions of one organisation, by their ids, with what they never show."""

    def __init__(self) -> None:
        self.stored: dict[str, dict[str, Any]] = {}
        self.secrets: dict[str, str] = {}
        self.log: list[dict[str, Any]] = []
        """Oldest first."""
        self.may_write = True
        self.may_test = True
        self._numbers = count(1)
        self._minutes = count(1)

    def add_routes(self, _: ForgeServer, router: web.UrlDispatcher) -> None:
        """Answer beneath Azure DevOps' addresses."""
        base = "/{organisation}/_apis"
        one = base + "/hooks/subscriptions/{id}"
        router.add_get(base + "/projects/{project}", azure_guarded(self._project))
        router.add_get(base + "/hooks/subscriptions", azure_guarded(self._list))
        router.add_post(base + "/hooks/subscriptions", azure_guarded(self._create))
        router.add_get(one, azure_guarded(self._get))
        router.add_put(one, azure_guarded(self._replace))
        router.add_delete(one, azure_guarded(self._delete))
        router.add_get(one + "/notifications/{number}", azure_guarded(self._notification))
        router.add_post(base + "/hooks/notificationsquery", azure_guarded(self._query))
        router.add_post(base + "/hooks/testnotifications", azure_guarded(self._test))

    async def deliver(self, event: str, payload: Mapping[str, Any], *, code: int = 0) -> None:
        """Send an event by all subscriptions to it; or have it ended with some code as if it had been."""
        for hook in [hook for hook in self.stored.values() if hook["eventType"] == event and hook["status"] == "enabled"]:
            url, password = hook["consumerInputs"]["url"], self.secrets[hook["id"]]
            ended = code or await _post(url, payload, password)
            self._keep(hook["id"], ended)

    def _keep(self, subscription: str, code: int) -> dict[str, Any]:
        is_good = 200 <= code < 300
        details = {"response": f"Status Code: {code}\r\nReason Phrase: x", "errorMessage": f"x ({code})"} if code else {
            "errorMessage": "No connection could be made because the target machine actively refused it"
        }  # fmt: skip
        line = {
            "id": next(self._numbers), "subscriptionId": subscription, "eventId": str(uuid4()), "status": "completed",
            "result": "succeeded" if is_good else "failed", "createdDate": self._now(), "details": {} if is_good else details,
        }  # fmt: skip
        self.log.append(line)
        return line

    def _now(self) -> str:
        """A minute later each time, with the seven digits that Azure DevOps has."""
        return f"{datetime(2026, 11, 28, tzinfo=UTC) + timedelta(minutes=next(self._minutes)):%Y-%m-%dT%H:%M:%S}.1234567Z"

    async def _project(self, request: web.Request, _: str) -> web.Response:
        if request.match_info["project"] == "nowhere":
            return _missing()
        return web.json_response({"id": PROJECT, "name": request.match_info["project"]})

    async def _list(self, request: web.Request, _: str) -> web.Response:
        assert request.query["publisherId"] == "tfs"
        lines = list(self.stored.values())
        return web.json_response({"count": len(lines), "value": lines})

    async def _create(self, request: web.Request, _: str) -> web.Response:
        return await self._written(request, str(uuid4()))

    async def _replace(self, request: web.Request, _: str) -> web.Response:
        known = request.match_info["id"]
        return await self._written(request, known) if known in self.stored else _missing()

    async def _written(self, request: web.Request, subscription: str) -> web.Response:
        body = await request.json()
        if not self.may_write:
            return web.json_response({"message": "TF400813: the user is not authorized: EditSubscriptions"}, status=403)
        publisher, consumer = body["publisherInputs"], body["consumerInputs"]
        if not publisher.get("projectId") or publisher.keys() - INPUTS or not consumer.get("url"):
            return web.json_response({"message": "VSSH: an input is not valid"}, status=400)
        password = consumer.get("basicAuthPassword") or ""
        if password != MASK:
            self.secrets[subscription] = password
        shown = {**consumer, **({"basicAuthPassword": MASK} if self.secrets[subscription] else {})}
        self.stored[subscription] = body | {"id": subscription, "consumerInputs": shown, "modifiedDate": self._now()}
        return web.json_response(self.stored[subscription])

    async def _get(self, request: web.Request, _: str) -> web.Response:
        found = self.stored.get(request.match_info["id"])
        return web.json_response(found) if found else _missing()

    async def _delete(self, request: web.Request, _: str) -> web.Response:
        return web.Response(status=204) if self.stored.pop(request.match_info["id"], None) else _missing()

    async def _query(self, request: web.Request, _: str) -> web.Response:
        body = await request.json()
        assert (body["status"], body["includeDetails"]) == ("completed", True)
        found = [
            line
            for subscription in body["subscriptionIds"]
            for line in [one for one in self.log[::-1] if one["subscriptionId"] == subscription][
                : body["maxResultsPerSubscription"]
            ]
        ]
        return web.json_response({"results": found, "summary": []})

    async def _test(self, request: web.Request, _: str) -> web.Response:
        """Queued, and sent before it is asked about."""
        details = (await request.json())["details"]
        if not self.may_test:
            return web.json_response({"message": "not here"}, status=404)
        line = self._keep(
            str(UUID(int=0)), await _post(details["consumerInputs"]["url"], {"eventType": details["eventType"]}, "")
        )
        return web.json_response(line | {"status": "queued", "result": "pending", "details": {}})

    async def _notification(self, request: web.Request, _: str) -> web.Response:
        about = (request.match_info["id"], int(request.match_info["number"]))
        found = next((line for line in self.log if (line["subscriptionId"], line["id"]) == about), None)
        return web.json_response(found) if found else _missing()


async def _post(url: str, payload: Mapping[str, Any], password: str) -> int:
    """The status of an answer; 0 where there is none."""
    headers = {"Content-Type": "application/json"}
    if password:
        headers["Authorization"] = f"Basic {base64.b64encode(f'trueup:{password}'.encode()).decode()}"
    try:
        async with aiohttp.ClientSession() as session, session.post(url, data=json.dumps(payload), headers=headers) as response:
            return response.status
    except aiohttp.ClientError:
        return 0


def _missing() -> web.Response:
    return web.json_response({"message": "Not Found"}, status=404)
