"""The description of the server API says what the routes do: the same routes, and answers that fit it."""

import json
import re
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from jsonschema_rs import Draft202012Validator, meta

from tracker.api.routes import OPERATIONS, routes
from tracker.programs.defaults import default_settings
from tracker.programs.store import publish_version


@pytest.fixture(scope="module")
def document(shared_world) -> dict[str, Any]:
    return shared_world.request("GET", "/v1/openapi.json").json()


def parts(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from parts(inner)


def closed(document: dict[str, Any]) -> dict[str, Any]:
    """The document with every object closed: an answer with a field nobody described fails."""
    copy: dict[str, Any] = json.loads(json.dumps(document))
    for part in parts(copy["components"]["schemas"]):
        if part.get("type") == "object" and "properties" in part:
            part["additionalProperties"] = False
    return copy


def check(document: dict[str, Any], method: str, path: str, answer: Any) -> None:
    """Hold an answer against what the document says of it."""
    told = document["paths"][path][method.lower()]["responses"]
    assert str(answer.status_code) in told, (method, path, answer.status_code, answer.text)
    response = told[str(answer.status_code)]
    if "$ref" in response:
        response = document["components"]["responses"][response["$ref"].rsplit("/", 1)[1]]
    media_type = answer.headers["content-type"].split(";")[0]
    assert media_type in response["content"], (method, path, media_type)
    if media_type != "text/html":
        schema = {**response["content"][media_type]["schema"], "components": closed(document)["components"]}
        Draft202012Validator(schema).validate(answer.json())


def test_it_describes_every_route_and_no_other(document) -> None:
    known = {
        (method, route.path)
        for route in routes()
        if not route.path.endswith("{rest:path}")
        for method in route.methods - {"HEAD"}
    }
    told = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}

    assert told == known
    assert document["openapi"].startswith("3.1")


def test_each_reference_leads_somewhere_and_each_schema_is_one(document) -> None:
    for part in parts(document):
        if "$ref" in part:
            place: Any = document
            for step in part["$ref"].removeprefix("#/").split("/"):
                place = place[step]
    for schema in document["components"]["schemas"].values():
        meta.validate(schema)
    for part in parts(document["components"]["schemas"]):
        assert r"\Z" not in part.get("pattern", ""), part


def test_each_operation_says_who_may_and_what_it_answers(document) -> None:
    for operation in OPERATIONS:
        told = document["paths"][operation.path][operation.method.lower()]
        assert told["summary"].endswith("."), operation.path
        assert told.get("x-scope") == operation.scope
        assert (told.get("security") == []) is (operation.scope is None)
        assert {str(status) for status in operation.answers} <= set(told["responses"])
        assert {one["name"] for one in told["parameters"] if one["in"] == "query"} == set(operation.query)
        assert ("Idempotency-Key" in {one["name"] for one in told["parameters"]}) is (operation.body is not None)


@pytest.mark.parametrize("operation", [each for each in OPERATIONS if each.body], ids=lambda operation: operation.name)
def test_each_example_is_a_body_the_operation_takes(operation) -> None:
    assert operation.example
    msgspec.convert(operation.example, operation.body)


def story(world: Any) -> list[tuple[str, str, Any]]:
    """Answers of every operation, good and bad: (method, described path, answer)."""
    told: list[tuple[str, str, Any]] = []

    def ask(method: str, path: str, *, at: str | None = None, **options: Any) -> Any:
        answer = world.api(method, at or path, **options)
        told.append((method, path, answer))
        return answer

    click_id = world.click()
    sale = world.sale(click_id=click_id, customer={"external_id": "c-1", "email": "anna@partners.example"})
    lead = {"external_id": world.number("lead"), "click_id": click_id}
    refund = {"external_id": world.number("refund"), "refund_of": sale["external_id"], "amount": 1, "currency": "EUR"}
    for kind, body in (("lead", lead), ("sale", sale), ("refund", refund)):
        path = f"/v1/track/{kind}"
        ask("POST", path, json=body)
        ask("POST", path, at=f"{path}?wait=true", json=body, headers={"Idempotency-Key": f"k-{kind}"})
        ask("POST", path, json={**body, "metadata": {"other": 1}})
        ask("POST", path, json={"external_id": ""})
        ask("POST", path, content=b"{", headers={"Content-Type": "application/json"})
        ask("POST", path, content=b"{}", headers={"Content-Type": "text/plain"})
    click = {"partner_code": "ANNA", "click_id": world.number("click")}
    ask("POST", "/v1/track/click", json=click)
    ask("POST", "/v1/track/click", at="/v1/track/click?wait=true", json={"partner_code": "ANNA"})
    ask("POST", "/v1/track/click", json={"partner_code": "NOBODY"})
    ask("POST", "/v1/test/clock", test=True, json={"advance_seconds": 60})
    ask("POST", "/v1/test/clock", json={"advance_seconds": 60})
    for name in ("conversions", "commissions", "clicks", "events", "cases"):
        page = ask("GET", f"/v1/{name}").json()
        assert page["data"], name
        for item in page["data"]:
            ask("GET", f"/v1/{name}/{{id}}", at=f"/v1/{name}/{item['id']}")
        ask("GET", f"/v1/{name}", at=f"/v1/{name}?limit=0")
        ask("GET", f"/v1/{name}", at=f"/v1/{name}?nonsense=1")
        ask("GET", f"/v1/{name}/{{id}}", at=f"/v1/{name}/nothing")
        ask("GET", f"/v1/{name}", key="sk_live_wrong")
    ask("GET", "/v1/reports/models")
    ask("GET", "/v1/reports/models", at="/v1/reports/models?occurred_at[gte]=never")
    case = world.api("GET", "/v1/cases").json()["data"][0]["id"]
    path = "/v1/cases/{id}/verdict"
    verdict = {"verdict": "legitimate", "action": "clear", "reason_code": "explained", "public_text": "Thanks."}
    ask("POST", path, at=f"/v1/cases/{case}/verdict", json=verdict)
    ask("POST", path, at=f"/v1/cases/{case}/verdict", json=verdict)
    ask("POST", path, at=f"/v1/cases/{case}/verdict", json={**verdict, "action": "explode"})
    ask("GET", "/v1/cases/{id}", at=f"/v1/cases/{case}")
    # From now on every verdict that moves money waits for a second person.
    terms = msgspec.structs.replace(default_settings(), four_eyes_minor=0)
    now_ms = world.services.now_ms()
    published = {"program_id": world.program_id, "settings": terms, "note": "", "actor": "test", "now_ms": now_ms}
    world.write(lambda conn: publish_version(conn, **published))
    again = world.sale(partner_code="ANNA", customer={"external_id": "c-2", "email": "anna@partners.example"})
    case = world.track("sale", again).json()["case_id"]
    ask("POST", path, at=f"/v1/cases/{case}/verdict", json=verdict)
    ask("GET", "/v1/cases/{id}", at=f"/v1/cases/{case}")
    ask("GET", "/v1/openapi.json")
    ask("GET", "/v1/docs")
    return told


def test_every_answer_fits_the_description(world) -> None:
    document = world.request("GET", "/v1/openapi.json").json()

    told = story(world)

    for method, path, answer in told:
        check(document, method, path, answer)
    described = {(operation.method, operation.path, status) for operation in OPERATIONS for status in operation.answers}
    answered = {(method, path, answer.status_code) for method, path, answer in told}
    assert described <= answered, "Each good answer that is described was seen."


@pytest.mark.parametrize(("language", "words"), [("en", "When it is refused"), ("ru", "Когда в этом отказано")])
def test_the_page_shows_all_of_it_without_script_and_in_the_readers_language(shared_world, language, words) -> None:
    page = shared_world.request("GET", "/v1/docs", headers={"Accept-Language": language})

    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    assert "<script" not in page.text
    assert not re.search(r"<style|\sstyle=|\son\w+=", page.text)
    assert words in page.text
    assert f'<html lang="{language}">' in page.text
    for operation in OPERATIONS:
        assert f"<code>{operation.path}</code>" in page.text
    ids = re.findall(r'\sid="([^"]+)"', page.text)
    assert len(ids) == len(set(ids))
    for target in re.findall(r'href="#([^"]+)"', page.text):
        assert target in ids
