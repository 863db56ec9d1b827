"""What FastAPI cannot know of our routes: multipart bodies, answers by ``Accept``, problem details."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel

from delineate.server.forms import JSON, TYPE_OF
from delineate.server.problems import PROBLEM
from delineate.server.schemas import Problem

UPLOAD = (400, 401, 403, 404, 406, 408, 413, 415, 422, 429, 501, 503, 507)
#: What ``POST /v1/image`` answers: numbers as NIfTI, pictures in colour as PNG.
DISPLAYED: dict[str, Any] = {
    media: {"schema": {"type": "string", "format": "binary"}} for media in (TYPE_OF["nifti"], TYPE_OF["png"])
}
_EVERYWHERE = (403, 405, 421)
_BOOLEAN = {"type": "string", "enum": ["true", "false"], "default": "true"}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Responses of these statuses, all of them problem details."""
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        status: {"description": HTTPStatus(status).phrase, "content": {PROBLEM: {"schema": schema}}}
        for status in sorted({400, *statuses, *_EVERYWHERE})
    }


def answers(model: type[BaseModel]) -> dict[int | str, dict[str, Any]]:
    """200 in the form that ``Accept`` asks for."""
    binary = {"schema": {"type": "string", "format": "binary"}}
    content: dict[str, Any] = {TYPE_OF[JSON]: {"schema": {"$ref": f"#/components/schemas/{model.__name__}"}}}
    content.update({media: binary for form, media in TYPE_OF.items() if form != JSON})
    return {200: {"description": "The mask, by Accept", "content": content}}


def upload_body(*, labels: bool = False) -> dict[str, Any]:
    """The multipart body of segment and jobs, and of a correction."""
    properties: dict[str, Any] = {
        "file": {
            "type": "array",
            "items": {"type": "string", "format": "binary", "contentMediaType": "application/octet-stream"},
            "minItems": 1,
            "description": "One image; a zip of one image or DICOM series; or the files of a DICOM series",
        },
        "model": {"type": "string", "description": "May be left out where there is one model"},
        "clean": {**_BOOLEAN, "description": "Clean-up as chosen in training"},
        "identity": {**_BOOLEAN, "description": "DICOM SEG: copy patient and study from the source"},
        "measures": {**_BOOLEAN, "description": "Measure the mask (JSON and zip)"},
        "mask": {"type": "string", "enum": ["rle", "polygons", "none"], "default": "rle"},
    }
    required = ["file"]
    if labels:
        required.append("labels")
        properties["labels"] = {
            "type": "string",
            "format": "binary",
            "contentMediaType": "application/gzip",
            "description": "Gzip of one byte a pixel (slice, row, column): class values, or 0/1 for each class that may overlap",
        }
    schema = {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
    return {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}}}


def describe_app(app: FastAPI, extra: tuple[type[BaseModel], ...], *, closed: bool) -> dict[str, Any]:
    """The OpenAPI 3.1 document: FastAPI's, without the answers we do not give, and with the schemas that are only referred to."""
    found = get_openapi(
        title=app.title, version=app.version, description=app.description, routes=app.routes, openapi_version="3.1.0"
    )
    schemas = found.setdefault("components", {}).setdefault("schemas", {})
    shown: tuple[type[BaseModel], ...] = (Problem, *extra)
    for model in shown:
        made = model.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas.update(made.pop("$defs", {}))
        schemas[model.__name__] = made
    for path, methods in found["paths"].items():
        for operation in methods.values():
            answered = operation.get("responses", {})
            media = answered.get("422", {}).get("content", {})
            if "application/json" in media:
                media.pop("application/json")
                if not media:
                    answered.pop("422")
            if closed and path.startswith(("/v1", "/metrics")):
                operation["security"] = [{"token": []}]
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    found["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    return found
