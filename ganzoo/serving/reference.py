"""The API's reference for people: its OpenAPI document as a page, which needs no script and nothing from elsewhere."""

from html import escape
from typing import Any
from urllib.parse import quote

import msgspec

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} API {version}</title>
<link rel="icon" href="page/icon.svg">
<link rel="stylesheet" href="page/reference.css">
<main>
<h1>{title} API <small>{version}</small></h1>
<p>{description} The whole of it as <a href="openapi.json">OpenAPI</a>; the models are <a href="./">here</a>.</p>
{operations}
<h2>What is sent and answered</h2>
{schemas}
</main>
"""


def reference(document: dict[str, Any], place: str) -> str:
    """HTML; `place` is where the server was asked, e.g. "http://localhost:8000/"."""
    info = document["info"]
    header = " -H 'Authorization: Bearer TOKEN'" if document["security"] else ""
    operations = [
        operation(method.upper(), path, told, place.rstrip("/") + path.replace("{name}", first_model(item)) + header)
        for path, item in document["paths"].items()
        for method, told in item.items()
        if method in ("get", "post")
    ]
    return PAGE.format(
        title=escape(info["title"]),
        version=escape(info["version"]),
        description=escape(info["description"]),
        operations="\n".join(operations),
        schemas="\n".join(schema(name, each) for name, each in document["components"]["schemas"].items()),
    )


def operation(method: str, path: str, told: dict[str, Any], address: str) -> str:
    """One address, what it answers, and how to ask it from a shell."""
    rows = "".join(
        f"<tr><td>{status}<td>{escape(answer['description'])}<td>{kinds(answer)}"
        for status, answer in told["responses"].items()
    )
    return (
        f"<section><h2><code>{method} {escape(path)}</code></h2><p>{escape(told['summary'])}.</p>"
        f"<pre>{escape(command(method, address, told))}</pre><table><tbody>{rows}</table></section>"
    )


def command(method: str, address: str, told: dict[str, Any]) -> str:
    """For curl, on the server at hand."""
    if method == "GET":
        return f"curl {address}"
    ((media, body),) = told["requestBody"]["content"].items()
    example = msgspec.json.encode(body["example"]).decode()
    return f"curl {address} -H 'Content-Type: {media}' -d '{example}' -o answer"


def first_model(item: dict[str, Any]) -> str:
    """For an example; nothing where the address names none."""
    return quote(item["parameters"][0]["schema"]["enum"][0]) if "parameters" in item else ""


def kinds(answer: dict[str, Any]) -> str:
    """The media types of an answer, each with its schema where it has one."""
    return "<br>".join(
        f"<code>{escape(media)}</code> {links(content['schema'])}" for media, content in answer["content"].items()
    )


def links(found: dict[str, Any]) -> str:
    """The names of the schemas that a schema refers to, as links."""
    names = [each["$ref"].rpartition("/")[2] for each in found.get("anyOf", [found]) if "$ref" in each]
    return " or ".join(f'<a href="#{name}">{name}</a>' for name in names)


def schema(name: str, found: dict[str, Any]) -> str:
    """A table of its fields."""
    rows = "".join(
        f"<tr><td><code>{escape(field)}</code><td>{escape(words(kind))}<td>{escape(default(kind))}"
        for field, kind in found["properties"].items()
    )
    about = escape(found.get("description", ""))
    return f'<section id="{name}"><h3>{name}</h3><p>{about}</p><table>{rows}</table></section>'


def words(kind: dict[str, Any]) -> str:
    """A type in words, e.g. "list of integer, -9223372036854775808…9223372036854775807"."""
    if "anyOf" in kind:
        return " or ".join(map(words, kind["anyOf"]))
    if "enum" in kind:
        return " or ".join(f'"{value}"' for value in kind["enum"])
    if kind.get("type") == "array":
        return f"list of {words(kind.get('items', {}))}"
    if "$ref" in kind:
        return str(kind["$ref"].rpartition("/")[2])
    low, high = kind.get("minimum"), kind.get("maximum")
    limits = "" if low is high is None else f", {'' if low is None else low}…{'' if high is None else high}"
    return f"{kind.get('type', 'anything')}{limits}"


def default(kind: dict[str, Any]) -> str:
    """What it is where it is left out; nothing where that is told elsewhere."""
    return f"default {msgspec.json.encode(kind['default']).decode()}" if kind.get("default") is not None else ""
