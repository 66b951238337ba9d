"""Whether a new OpenAPI document still serves callers that were written for an old one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Document = Mapping[str, Any]
METHODS = ("get", "post", "put", "patch", "delete")
PREFIX = "#/components/schemas/"
SHAPE = ("type", "format", "$ref", "const")


def breaking_changes(before: Document, after: Document) -> list[str]:
    """Return what would break a caller, a sentence each; nothing where none would.

    A route, answer, parameter or field that is gone; a parameter or a field of a request that is
    now required; a field of an answer that may now be missing; another type; a value of an
    enumeration that a request may no longer have. What is only added breaks nobody.
    """
    found = []
    for route, old in _operations(before):
        new = dict(_operations(after)).get(route)
        if new is None:
            found.append(f"{route} is gone")
            continue
        found += [f"{route}: {what}" for what in _operation(old, new)]
    asked, told = _used(before, "requestBody"), _used(before, "responses")
    schemas = after["components"]["schemas"]
    for name, old in before["components"]["schemas"].items():
        if name in asked | told and name not in schemas:
            found.append(f"schema {name} is gone")
        elif name in asked | told:
            changes = _schema(old, schemas[name], asked=name in asked, told=name in told)
            found += [f"{name}{what}" for what in changes]
    return found


def _operations(document: Document) -> Iterator[tuple[str, Document]]:
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                yield f"{method.upper()} {path}", item[method]


def _operation(old: Document, new: Document) -> Iterator[str]:
    """Tell what breaks in the parameters, the body and the answers of a route."""
    before = {(each["in"], each["name"]): each for each in old.get("parameters", [])}
    after = {(each["in"], each["name"]): each for each in new.get("parameters", [])}
    for key in before.keys() - after.keys():
        yield f"parameter {key[1]} is gone"
    for key, each in after.items():
        if each.get("required") and not before.get(key, {}).get("required"):
            yield f"parameter {key[1]} is now required"
    for key in before.keys() & after.keys():
        changes = _schema(
            before[key].get("schema", {}), after[key].get("schema", {}), asked=True, told=False
        )
        yield from (f"parameter {key[1]}{what}" for what in changes)
    if new.get("requestBody", {}).get("required") and not old.get("requestBody", {}).get(
        "required"
    ):
        yield "a body is now required"
    yield from _media(old.get("requestBody", {}), new.get("requestBody", {}), "request", asked=True)
    for status, answer in old.get("responses", {}).items():
        if status not in new.get("responses", {}):
            yield f"answer {status} is gone"
        else:
            yield from _media(answer, new["responses"][status], f"answer {status}", asked=False)


def _media(old: Document, new: Document, where: str, *, asked: bool) -> Iterator[str]:
    for kind, part in old.get("content", {}).items():
        if kind not in new.get("content", {}):
            yield f"{where}: {kind} is gone"
            continue
        other = new["content"][kind].get("schema", {})
        changes = _schema(part.get("schema", {}), other, asked=asked, told=not asked)
        yield from (f"{where}{what}" for what in changes)


def _schema(old: Document, new: Document, *, asked: bool, told: bool) -> Iterator[str]:
    """Tell what breaks in a schema that requests have (`asked`) or answers have (`told`)."""
    for word in SHAPE:
        if old.get(word) != new.get(word):
            yield f": {word} was {old.get(word)}, is {new.get(word)}"
    gone = [value for value in old.get("enum", []) if value not in new.get("enum", [])]
    if asked and gone and "enum" in new:
        yield f": no longer takes {', '.join(map(str, gone))}"
    before, after = set(old.get("required", [])), set(new.get("required", []))
    fields: Document = new.get("properties", {})
    for name, part in old.get("properties", {}).items():
        if name not in fields:
            yield f".{name} is gone"
            continue
        for what in _schema(part, fields[name], asked=asked, told=told):
            yield f".{name}{what}"
    if asked:
        yield from (f".{name} is now required" for name in sorted(after - before))
    if told:
        missing = sorted(name for name in before - after if name in fields)
        yield from (f".{name} may now be missing" for name in missing)
    if "items" in old and "items" in new:
        for what in _schema(old["items"], new["items"], asked=asked, told=told):
            yield f"[]{what}"
    yield from _choices(old, new, asked=asked, told=told)


def _choices(old: Document, new: Document, *, asked: bool, told: bool) -> Iterator[str]:
    """Tell which choice a request may no longer have, or an answer may newly have."""
    for word in ("anyOf", "oneOf"):
        before, after = old.get(word, []), new.get(word, [])
        if asked and not all(_still_taken(each, after) for each in before):
            yield f": {word} no longer takes all that it took"
        if told and any(each not in before for each in after):
            yield f": {word} may now be what it was not"


def _still_taken(choice: Document, after: list[Document]) -> bool:
    """Say whether a choice is there still, or as a list of words that has grown."""
    words = choice.get("enum")
    rest = {name: part for name, part in choice.items() if name != "enum"}
    return choice in after or any(
        words is not None
        and set(words) <= set(other.get("enum", ()))
        and rest == {name: part for name, part in other.items() if name != "enum"}
        for other in after
    )


def _used(document: Document, part: str) -> set[str]:
    """Return the names of the schemas that requests, or answers, reach."""
    schemas = document["components"]["schemas"]
    waiting = [operation.get(part, {}) for _, operation in _operations(document)]
    reached: set[str] = set()
    while waiting:
        node = waiting.pop()
        if isinstance(node, Mapping):
            name = str(node.get("$ref", "")).removeprefix(PREFIX)
            if name in schemas and name not in reached:
                reached.add(name)
                waiting.append(schemas[name])
            waiting += list(node.values())
        elif isinstance(node, list):
            waiting += node
    return reached
