"""The OpenAPI document of a model, from the signature of its live version. Pure."""

from __future__ import annotations

from typing import Any

from nbship.serving.schema import Field, Schema

_TYPES: dict[str, dict[str, Any]] = {
    "boolean": {"type": "boolean"},
    "integer": {"type": "integer", "format": "int32"},
    "long": {"type": "integer", "format": "int64"},
    "float": {"type": "number", "format": "float"},
    "double": {"type": "number", "format": "double"},
    "string": {"type": "string"},
    "datetime": {"type": "string", "format": "date-time"},
}
_ARROW = "application/vnd.apache.arrow.stream"


def document(
    model: str,
    version: int,
    schema: Schema,
    *,
    classes: tuple[str, ...],
    most_rows: int,
    keys: bool,
    strict: bool,
) -> dict[str, Any]:
    """Give the document: what `/predict` takes and gives, and the other paths."""
    described: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {"title": model, "version": str(version), "description": f"Predictions of {model!r}."},
        "paths": {
            "/predict": {"post": _predict(keys=keys)},
            "/health": {"get": _plain("The server lives")},
            "/ready": {"get": _plain("A version is live, and what holds", also="503")},
            "/metrics": {"get": _plain("Metrics for Prometheus")},
        },
        "components": {"schemas": _schemas(schema, classes, most_rows, strict=strict)},
    }
    if keys:
        described["components"]["securitySchemes"] = {
            "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
            "bearer": {"type": "http", "scheme": "bearer"},
        }
    return described


def _predict(*, keys: bool) -> dict[str, Any]:
    problems = {"$ref": "#/components/schemas/Problems"}
    told = {
        "400": "The body is not JSON, or no Arrow stream",
        "413": "Too many rows, or too many bytes",
        "422": "Rows are no input of the model: which, and why",
        "429": "Too many requests wait: come again",
        "500": "The model failed",
        "503": "No version is live",
        "504": "There was no answer in time",
        **({"401": "The key is missing or not known"} if keys else {}),
    }
    replies: dict[str, Any] = {
        "200": {
            "description": "A prediction for each row",
            "content": _json({"$ref": "#/components/schemas/Predictions"}),
        }
    }
    for code, about in sorted(told.items()):
        replies[code] = {"description": about, "content": _json(problems)}
    body = {"oneOf": [{"$ref": "#/components/schemas/Records"}, {"$ref": "#/components/schemas/Columns"}]}
    found: dict[str, Any] = {
        "operationId": "predict",
        "summary": "Give a prediction for each row",
        "parameters": [
            _header("X-Request-ID", "Names the request: its label comes back with this"),
            _header("X-Key", "Whom the request is about: who gets a canary's answers keeps getting them"),
            _header("X-Timeout-Ms", "How long an answer is of use"),
        ],
        "requestBody": {
            "required": True,
            "content": {**_json(body), _ARROW: {"schema": {"type": "string", "format": "binary"}}},
        },
        "responses": replies,
    }
    if keys:
        found["security"] = [{"key": []}, {"bearer": []}]
    return found


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


def _header(name: str, about: str) -> dict[str, Any]:
    return {
        "name": name,
        "in": "header",
        "required": False,
        "description": about,
        "schema": {"type": "string"},
    }


def _plain(about: str, also: str | None = None) -> dict[str, Any]:
    replies = {"200": {"description": about}}
    if also:
        replies[also] = {"description": "Not yet, or not any more"}
    return {"responses": replies}


def _value(field: Field) -> dict[str, Any]:
    found = dict(_TYPES[field.kind])
    if field.nullable:
        found["type"] = [found["type"], "null"]
    return found


def _schemas(schema: Schema, classes: tuple[str, ...], most_rows: int, *, strict: bool) -> dict[str, Any]:
    required = list(schema.names)
    more = {"additionalProperties": False} if strict else {}
    named = {"request": {"type": "string"}, "key": {"type": "string"}}
    rows = {"type": "array", "minItems": 1, "maxItems": most_rows}
    columns = {field.name: {**rows, "items": _value(field)} for field in schema.fields}
    shares = {label: {"type": "number", "minimum": 0, "maximum": 1} for label in classes}
    given: dict[str, Any] = {
        "request": {"type": "string"},
        "version": {"type": "integer"},
        "predictions": {"type": "array", "items": {}},
    }
    if classes:
        given["probabilities"] = {"type": "array", "items": _object(shares, list(shares))}
    problem = {"row": {"type": "integer"}, "field": {"type": "string"}, "problem": {"type": "string"}}
    return {
        "Row": {**_object({field.name: _value(field) for field in schema.fields}, required), **more},
        "Records": _object(
            {"records": {**rows, "items": {"$ref": "#/components/schemas/Row"}}, **named}, ["records"]
        ),
        "Columns": _object({"columns": {**_object(columns, required), **more}, **named}, ["columns"]),
        "Predictions": _object(given, list(given)),
        "Problems": _object(
            {
                "request": {"type": "string"},
                "problem": {"type": "string"},
                "problems": {"type": "array", "items": _object(problem, ["problem"])},
            },
            [],
        ),
    }


def _object(properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": required}
