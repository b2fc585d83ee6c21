"""The API description as a page: operations by resource, their parameters, fields and answers.

Rendered on the server from the OpenAPI document; no script. Field names and sentences of the document are English, the
page around them speaks the reader's language.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import ChoiceLoader, FileSystemLoader

from tracker.admin.render import TEMPLATE_DIR, environment

_TEMPLATES = Path(__file__).parent / "templates"
_REF = "#/components/schemas/"


class Field(NamedTuple):
    """A field of an object: its type in words, and the object it leads to."""

    name: str
    text: str
    is_required: bool
    link: str | None


class Shape(NamedTuple):
    """An object of the API."""

    name: str
    title: str
    description: str
    fields: list[Field]


class Shown(NamedTuple):
    """An operation as the page shows it."""

    method: str
    path: str
    told: dict[str, Any]
    command: str
    body: str | None
    answers: list[tuple[str, str, str | None, str]]
    problems: list[tuple[str, str]]


@cache
def _environment(language: str) -> Any:
    loader = ChoiceLoader([FileSystemLoader(_TEMPLATES), FileSystemLoader(TEMPLATE_DIR)])
    return environment(language).overlay(loader=loader)


def render_docs(document: dict[str, Any], language: str) -> str:
    """Return the page of a document."""
    groups: dict[str, list[Shown]] = {}
    for path, methods in document["paths"].items():
        for method, told in methods.items():
            groups.setdefault(told["tags"][0], []).append(_shown(document, path, method.upper(), told))
    return str(
        _environment(language)
        .get_template("docs.html")
        .render(
            visit=None,
            document=document,
            groups=groups,
            type_text=type_text,
            shapes=[_shape(document, name) for name in sorted(document["components"]["schemas"])],
        )
    )


def _shown(document: dict[str, Any], path: str, method: str, told: dict[str, Any]) -> Shown:
    responses = document["components"]["responses"]
    answers, problems = [], []
    for status, answer in told["responses"].items():
        if "$ref" in answer:
            problems.append((status, responses[answer["$ref"].rsplit("/", 1)[1]]["description"]))
            continue
        (content,) = answer["content"].values()
        text, link = type_text(document, content["schema"])
        answers.append((status, text, link, answer["description"]))
    body = None
    if "requestBody" in told:
        body = type_text(document, told["requestBody"]["content"]["application/json"]["schema"])[1]
    return Shown(method, path, told, _command(document, path, method, told), body, answers, problems)


def _command(document: dict[str, Any], path: str, method: str, told: dict[str, Any]) -> str:
    """Return the operation as a command for a terminal."""
    lines = [f"curl -s {document['servers'][0]['url']}{path}"]
    if "x-scope" in told:
        lines.append('-H "Authorization: Bearer sk_live_..."')
    if method == "POST":
        example = told["requestBody"]["content"]["application/json"].get("example", {})
        lines.append('-H "Content-Type: application/json"')
        lines.append(f"-d '{json.dumps(example, ensure_ascii=False)}'")
    return " \\\n  ".join(lines)


def _shape(document: dict[str, Any], name: str) -> Shape:
    schema = document["components"]["schemas"][name]
    required = schema.get("required", ())
    fields = [
        Field(field, *_ordered(type_text(document, told), is_required=field in required))
        for field, told in schema.get("properties", {}).items()
    ]
    return Shape(name, schema.get("title", name), schema.get("description", ""), fields)


def _ordered(text_and_link: tuple[str, str | None], *, is_required: bool) -> tuple[str, bool, str | None]:
    text, link = text_and_link
    return text, is_required, link


def type_text(document: dict[str, Any], schema: dict[str, Any]) -> tuple[str, str | None]:
    """Return a schema in words, and the name of the object it leads to."""
    if "$ref" in schema:
        name = schema["$ref"].removeprefix(_REF)
        return str(document["components"]["schemas"][name].get("title", name)), name
    if "anyOf" in schema:
        parts = [type_text(document, part) for part in schema["anyOf"]]
        return " | ".join(text for text, _link in parts), next((link for _text, link in parts if link), None)
    if "enum" in schema or "const" in schema:
        return " | ".join(json.dumps(value) for value in schema.get("enum", [schema.get("const")])), None
    if schema.get("type") == "array":
        text, link = type_text(document, schema.get("items", {}))
        return f"[{text}]", link
    limits = [
        f"{sign} {schema[name]}"
        for name, sign in (("minimum", "≥"), ("maximum", "≤"), ("maxLength", "≤"), ("pattern", "~"), ("format", "·"))
        if name in schema
    ]
    return " ".join([str(schema.get("type", "any")), *limits]), None
