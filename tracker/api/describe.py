"""The description of the server API as OpenAPI 3.1, made from its operations and their types; pure.

`openapi.py` answers it, the tests hold it against the routes and against what they answer.
"""

import re
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

import msgspec

from ingest.problems import MEDIA_TYPE, Problem
from tracker.api.answers import LIMIT_DEFAULT, LIMIT_MAX
from tracker.api.idempotent import KEY_MAX
from tracker.api.operation import Operation

Schema = dict[str, Any]

INTRODUCTION = (
    "Amounts are integers in minor units (cents), currencies ISO 4217, instants ISO 8601 in UTC. A key belongs to one "
    "program and one mode: it sees and makes objects of these alone. The same report again answers as the first did; "
    "every write also takes an Idempotency-Key. Lists are newest first and continue after an id."
)
# Why each kind of problem is answered.
PROBLEMS: dict[int, str] = {
    400: "The body is not JSON or not UTF-8.",
    401: "No key was sent, or an unknown or revoked one.",
    403: "The key may not do this: it is publishable, lacks the scope, or is of the wrong mode.",
    404: "There is no such object in this program and mode.",
    409: "The number or the Idempotency-Key is taken by another request, or somebody was quicker.",
    413: "The body is too large.",
    415: "The body is compressed or not declared as JSON.",
    422: "A field or parameter is wrong; `errors` names it.",
    429: "Too many requests at once; send it again after Retry-After seconds.",
    503: "The store cannot take more just now; send it again after Retry-After seconds.",
}
_RETRY = frozenset({429, 503})
_OK = {200: "Done.", 202: "Stored; it will be decided in a moment."}


def describe(operations: Sequence[Operation], *, base_url: str) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of the operations; `base_url` is the server's outside address."""
    types = _types(operations)
    schemas, components = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    by_type = dict(zip(map(_key, types), schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation, by_type)
    document: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {"title": "Molva server API", "version": version("molva"), "description": INTRODUCTION},
        "servers": [{"url": base_url}],
        "security": [{"secret_key": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "secret_key": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A secret key from the program's page: sk_live_… or sk_test_….",
                }
            },
            "responses": {f"Problem{status}": _problem(status) for status in PROBLEMS},
            "schemas": {**components, "Problem": components["Problem"]},
        },
    }
    portable: dict[str, Any] = _portable(document)
    return portable


def _types(operations: Sequence[Operation]) -> list[Any]:
    """Return every type that the document needs a schema for, each once."""
    wanted: list[Any] = [Problem]
    for operation in operations:
        wanted += [kind for kind in (operation.body, *operation.answers.values()) if kind is not None]
        wanted += operation.filters.values()
    return list({_key(kind): kind for kind in wanted}.values())


def _key(kind: Any) -> str:
    """Return what tells types apart: a generic one is equal to itself only as text."""
    return repr(kind)


def _operation(operation: Operation, by_type: dict[str, Schema]) -> dict[str, Any]:
    told: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "tags": [operation.path.split("/")[2]],
        "parameters": _parameters(operation, by_type),
        "responses": _responses(operation, by_type),
    }
    if operation.scope is None:
        told["security"] = []
    else:
        told["x-scope"] = operation.scope
    if operation.body is not None:
        content: dict[str, Any] = {"schema": by_type[_key(operation.body)]}
        if operation.example:
            content["example"] = operation.example
        told["requestBody"] = {"required": True, "content": {"application/json": content}}
    return told


def _parameters(operation: Operation, by_type: dict[str, Schema]) -> list[dict[str, Any]]:
    found = [
        _parameter("path", name, {"type": "string"}, "Its id; with or without the prefix.")
        for name in re.findall(r"\{(\w+)\}", operation.path)
    ]
    found += _list_parameters(operation, by_type)
    if operation.can_wait:
        waiting = {"type": "boolean", "default": False}
        found.append(_parameter("query", "wait", waiting, "Answer only when it is decided, after at most 5 seconds."))
    if operation.body is not None:
        key = {"type": "string", "minLength": 1, "maxLength": KEY_MAX, "pattern": "^[ -~]*$"}
        found.append(_parameter("header", "Idempotency-Key", key, "The same request again gets the stored answer."))
    return found


def _list_parameters(operation: Operation, by_type: dict[str, Schema]) -> list[dict[str, Any]]:
    found = []
    for name, kind in operation.filters.items():
        found.append(_parameter("query", f"filter[{name}]", by_type[_key(kind)], f"Only those with this {name}."))
    instant = {"type": "string", "format": "date-time"}
    if operation.has_occurred:
        found.append(_parameter("query", "occurred_at[gte]", instant, "What happened at this instant or later."))
        found.append(_parameter("query", "occurred_at[lte]", instant, "What happened at this instant or before."))
    if operation.has_created:
        found.append(_parameter("query", "created_at[gte]", instant, "Received at this instant or later."))
        found.append(_parameter("query", "created_at[lte]", instant, "Received at this instant or before."))
    if operation.is_list:
        page = {"type": "integer", "minimum": 1, "maximum": LIMIT_MAX, "default": LIMIT_DEFAULT}
        found.append(_parameter("query", "limit", page, "How many at most."))
        found.append(_parameter("query", "starting_after", {"type": "string"}, "The id of the last one seen."))
    return found


def _parameter(place: str, name: str, schema: Schema, description: str) -> dict[str, Any]:
    return {"name": name, "in": place, "required": place == "path", "schema": schema, "description": description}


def _responses(operation: Operation, by_type: dict[str, Schema]) -> dict[str, Any]:
    told: dict[str, Any] = {}
    for status, kind in operation.answers.items():
        if kind is None:
            told[str(status)] = {"description": _OK[status], "content": {"text/html": {"schema": {"type": "string"}}}}
            continue
        answer: dict[str, Any] = {
            "description": _OK[status],
            "content": {"application/json": {"schema": by_type[_key(kind)]}},
        }
        if operation.body is not None:
            text = "`true` when this is the stored answer of an earlier request."
            answer["headers"] = {"Idempotent-Replayed": {"description": text, "schema": {"const": "true"}}}
        told[str(status)] = answer
    for status in problem_statuses(operation):
        told[str(status)] = {"$ref": f"#/components/responses/Problem{status}"}
    return told


def problem_statuses(operation: Operation) -> list[int]:
    """Return which problems an operation may answer."""
    if operation.scope is None:
        return []
    statuses = {401, 403, 429, 503}
    if "{" in operation.path or operation.is_list:
        statuses.add(404)
    if operation.query:
        statuses.add(422)
    if operation.body is not None:
        statuses |= {400, 409, 413, 415, 422}
    return sorted(statuses)


def _problem(status: int) -> dict[str, Any]:
    told: dict[str, Any] = {
        "description": PROBLEMS[status],
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    if status in _RETRY:
        told["headers"] = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "string"}}}
    return told


def _portable(value: Any) -> Any:
    r"""Return the document with patterns as ECMA-262 reads them, where `$` is the end of the text and `\Z` unknown."""
    if isinstance(value, dict):
        return {
            name: item.replace(r"\Z", "$") if name == "pattern" and isinstance(item, str) else _portable(item)
            for name, item in value.items()
        }
    return [_portable(item) for item in value] if isinstance(value, list) else value
