"""`/openapi.json`, made from the table of routes and the models of its answers."""

import re
from typing import Any

from aiohttp import web
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from receiver.api.routes import ROUTES, Route
from receiver.schemas import Problem

REFERENCE = "#/components/schemas/{model}"


def document() -> dict[str, Any]:
    """The OpenAPI 3.1 document."""
    models: list[type[BaseModel]] = [Problem]
    for route in ROUTES:
        models += [model for model in (route.answer, route.body) if model is not None and model not in models]
    _, schemas = models_json_schema([(model, "serialization") for model in models], ref_template=REFERENCE)
    paths: dict[str, Any] = {}
    for route in ROUTES:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Trueup", "version": "v1"},
        "paths": paths,
        "components": {
            "schemas": schemas["$defs"],
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"token": []}],
    }


def _operation(route: Route) -> dict[str, Any]:
    names = re.findall(r"{(\w+)}", route.path)
    parameters = [{"name": n, "in": "path", "required": True, "schema": {"type": "string"}} for n in names]
    parameters += [{"name": n, "in": "query", "required": False, "schema": {"type": "string"}} for n in route.query]
    answer = {"application/json": {"schema": _ref(route.answer)}} if route.answer else {"text/event-stream": {}}
    problem = {"application/problem+json": {"schema": _ref(Problem)}}
    responses = {
        str(route.status): {"description": "done", "content": answer},
        "default": {"description": "a problem", "content": problem},
    }
    operation: dict[str, Any] = {"summary": route.summary, "parameters": parameters, "responses": responses}
    operation["description"] = f"For the role {route.role} and above."
    if route.body:
        operation["requestBody"] = {"content": {"application/json": {"schema": _ref(route.body)}}}
    return operation


def _ref(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": REFERENCE.format(model=model.__name__)}


async def get(_: web.Request) -> web.Response:
    """The document; it holds no secret, so it needs no token."""
    return web.json_response(document())
