"""The API's own description, OpenAPI 3.1."""

from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

import msgspec

from ganzoo.serving.answers import JSON, NPY, PNG, PROBLEM
from ganzoo.serving.asking import NOT_TOGETHER, LatentsWanted, SamplesWanted
from ganzoo.serving.counters import PROMETHEUS
from ganzoo.serving.facts import Drawn, Health, ModelFacts, Models, Problem, Samples

KINDS = (LatentsWanted, SamplesWanted, Drawn, Health, ModelFacts, Models, Problem, Samples)
EXAMPLES: dict[Any, Any] = {
    SamplesWanted: {"count": 16, "seed": 0, "format": "png"},
    LatentsWanted: {"seeds": [0, 1, -1], "format": "json"},
}
PROBLEMS = {
    400: "The body is no JSON.",
    401: "The server asks for a token.",
    404: "There is no such model.",
    408: "The body did not arrive in time.",
    413: "More than one request may ask for: see `most_samples` of the model.",
    415: "The body is not declared as JSON.",
    422: "Values that the model does not take.",
    429: "More waits to be drawn than is allowed; `Retry-After` says when to come again.",
}
OF_BODIES = (400, 401, 404, 408, 413, 415, 422, 429)


def openapi(names: Sequence[str], guarded: bool) -> dict[str, Any]:
    """The document of a server that has models of these names, and asks for a token where it is `guarded`."""
    _, schemas = msgspec.json.schema_components(KINDS, ref_template="#/components/schemas/{name}")
    for wanted in ("SamplesWanted", "LatentsWanted"):
        pairs = [{"required": list(pair)} for pair in NOT_TOGETHER if set(pair) <= schemas[wanted]["properties"].keys()]
        schemas[wanted]["not"] = {"anyOf": pairs}
    one = "/v1/models/{name}"
    name = {"name": "name", "in": "path", "required": True, "schema": {"type": "string", "enum": list(names)}}
    named = {"parameters": [name]}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "ganzoo",
            "version": version("ganzoo"),
            "description": "Samples from exported generative adversarial networks. A seed gives the same sample "
            "everywhere, whatever else is drawn with it.",
        },
        "paths": {
            "/v1/models": {"get": told("All models", {JSON: Models}, (401,))},
            one: {"get": told("One model", {JSON: ModelFacts}, (401, 404)), **named},
            f"{one}/preview": {"get": told("A picture of its samples", {PNG: None}, (401, 404)), **named},
            f"{one}/samples": {
                "post": told("Draw samples", {PNG: None, NPY: None, JSON: Samples}, OF_BODIES, SamplesWanted),
                **named,
            },
            f"{one}/latents": {
                "post": told("The latents of seeds", {JSON: Drawn, NPY: None}, OF_BODIES, LatentsWanted),
                **named,
            },
            "/health": {"get": told("Whether the server answers", {JSON: Health})},
            "/metrics": {"get": told("Counts, for Prometheus", {PROMETHEUS.partition(";")[0]: str}, (401,))},
        },
        "components": {"schemas": schemas, "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
        "security": [{"token": []}] if guarded else [],
    }


def told(summary: str, content: dict[str, Any], problems: Sequence[int] = (), body: Any = None) -> dict[str, Any]:
    """An operation: what it answers, media type → kind of JSON (None = bytes), and what may be wrong."""
    answers: dict[str, Any] = {
        "200": {"description": summary, "content": {media: {"schema": schema(kind)} for media, kind in content.items()}}
    }
    wrong = {PROBLEM: {"schema": schema(Problem)}}
    answers |= {str(status): {"description": PROBLEMS[status], "content": wrong} for status in problems}
    operation: dict[str, Any] = {"summary": summary, "responses": answers}
    if body is not None:
        operation["requestBody"] = {
            "required": True,
            "content": {JSON: {"schema": schema(body), "example": EXAMPLES[body]}},
        }
    return operation


def schema(kind: Any) -> dict[str, Any]:
    """A reference to the kind's schema; of bytes, that they are."""
    if kind is None:
        return {"type": "string", "format": "binary"}
    (found,), _ = msgspec.json.schema_components((kind,), ref_template="#/components/schemas/{name}")
    return found
