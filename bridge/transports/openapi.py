"""OpenAPI 3.1 of this bridge as it is now: the route table, and the ports of the sessions that run. Pure."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from bridge.ports import AnyPort
from bridge.session.session import Session
from bridge.signature import Command
from bridge.transports.http_answer import STATUS
from bridge.transports.http_routes import Query, Route

_ANY_OBJECT: dict[str, Any] = {"type": "object", "additionalProperties": True}
_NUMBER = {"type": "number"}
_INTEGER = {"type": "integer"}
_STRING = {"type": "string"}
_PATH_WORDS = {
    "session": "the name of a session",
    "port": "the name of an output",
    "model": "a catalogue id",
    "file": "a file of the page",
    "input": "the name of an input",
    "peer": "what the Location of the answer ends with",
}


def document(routes: Iterable[Route], sessions: Iterable[Session], version: str) -> dict[str, Any]:
    """The whole description, as JSON."""
    routes = tuple(routes)
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    run = next((route for route in routes if route.path.endswith("/run")), None)
    if run is not None:
        for session in sessions:
            paths |= _session_paths(run, session)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Sketchbridge",
            "version": version,
            "summary": "running machine-learning models, for sketches",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "paths": paths,
        "components": {
            "schemas": _SCHEMAS,
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": "only where the bridge asks for one"}
            },
        },
        "security": [{}, {"token": []}],
    }


# --- one route -----------------------------------------------------------------------------------


def _operation(route: Route) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "summary": route.summary,
        "operationId": _operation_id(route),
        "parameters": [*_path_parameters(route.path), *(_query_parameter(query) for query in route.query)],
        "responses": {str(route.status): _answers(route), "default": _ERROR},
    }
    if route.takes:
        operation["requestBody"] = {"required": route.takes != "inputs", "content": _body(route)}
    return operation


def _operation_id(route: Route) -> str:
    words = re.findall(r"[a-z0-9]+", route.path)
    return "_".join([route.method.lower(), *words])


def _path_parameters(path: str) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "description": _PATH_WORDS.get(name, name), "schema": _STRING}
        for name in re.findall(r"{(\w+)}", path)
    ]


def _query_parameter(query: Query) -> dict[str, Any]:
    described = {"name": query.name, "in": "query", "description": query.description, "schema": query.schema()}
    return described | {"style": "form", "explode": False} if query.kind == "list" else described


def _answers(route: Route) -> dict[str, Any]:
    if not route.answers:
        return {"description": "done"}
    return {"description": route.summary, "content": {media: _content(name) for media, name in route.answers.items()}}


def _content(name: str) -> dict[str, Any]:
    if not name:
        return {}
    return {"schema": {"$ref": f"#/components/schemas/{name}"} if name in _SCHEMAS else {"type": name}}


def _body(route: Route) -> dict[str, Any]:
    if route.takes == "json":
        return {"application/json": {"schema": dict(route.body_schema) or _ANY_OBJECT}}
    if "/" in route.takes:
        return {route.takes: {"schema": _STRING}}
    return _inputs_body(_ANY_OBJECT) | {"image/*": {}, "audio/*": {}, "text/plain": {"schema": _STRING}}


def _inputs_body(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}, "multipart/form-data": {"schema": _ANY_OBJECT}}


# --- the sessions that run -----------------------------------------------------------------------


def _session_paths(run: Route, session: Session) -> dict[str, dict[str, Any]]:
    """The run of this very session, with its own inputs and outputs."""
    if session.signature is None:
        return {}
    commands = session.signature.commands
    operation: dict[str, Any] = {
        "summary": f"run {session.manifest.title}",
        "description": session.signature.default.description,
        "operationId": f"run_{re.sub('[^A-Za-z0-9]', '_', session.name)}",
        "tags": [session.name],
        "parameters": [_query_parameter(query) for query in run.query],
        "requestBody": {"content": _inputs_body(_one_or_many([_inputs(command) for command in commands.values()]))},
        "responses": {
            "200": {
                "description": "what the model gave out",
                "content": {"application/json": {"schema": _one_or_many([_result(c) for c in commands.values()])}}
                | {media: {} for media in run.answers if media != "application/json"},
            },
            "default": _ERROR,
        },
    }
    return {run.path.replace("{session}", session.name): {"post": operation}}


def _one_or_many(schemas: list[dict[str, Any]]) -> dict[str, Any]:
    return schemas[0] if len(schemas) == 1 else {"anyOf": schemas}


def _inputs(command: Command) -> dict[str, Any]:
    required = [name for name, port in command.inputs.items() if port.required]
    schema = {"title": f"{command.name}_inputs", **_ports(command.inputs), "additionalProperties": False}
    return schema | {"required": required} if required else schema


def _result(command: Command) -> dict[str, Any]:
    outputs = {"title": f"{command.name}_outputs", **_ports(command.outputs)}
    return {**_RUN_RESULT, "properties": {**_RUN_RESULT["properties"], "outputs": outputs}}


def _ports(ports: Mapping[str, AnyPort]) -> dict[str, Any]:
    return {"type": "object", "properties": {name: port.schema() for name, port in ports.items()}}


# --- what does not change ------------------------------------------------------------------------

_ERROR: dict[str, Any] = {
    "description": "what went wrong, in words",
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
}
_TIMINGS: dict[str, Any] = {"model_ms": _NUMBER, "encode_ms": _NUMBER, "age_ms": _NUMBER}
_RUN_RESULT: dict[str, Any] = {
    "type": "object",
    "required": ["run", "outputs", "model_ms", "encode_ms", "age_ms"],
    "properties": {"run": _INTEGER, "outputs": _ANY_OBJECT, **_TIMINGS},
}
_FRAME: dict[str, Any] = {
    "type": "object",
    "properties": {
        "session": _STRING,
        "port": _STRING,
        "value": {},
        "run": _INTEGER,
        "sequence": _INTEGER,
        **_TIMINGS,
    },
}
_SESSION: dict[str, Any] = {
    "type": "object",
    "required": ["name", "model", "state"],
    "properties": {
        "name": _STRING,
        "model": _STRING,
        "state": {"enum": ["starting", "ready", "restarting", "failed", "closed"]},
        "signature": {"description": "ports of options and commands; null until the model is loaded"},
        "inputs": _ANY_OBJECT,
        "stats": _ANY_OBJECT,
    },
}
_MODEL: dict[str, Any] = {"type": "object", "required": ["id"], "properties": {"id": _STRING}}


def _list_of(name: str, key: str) -> dict[str, Any]:
    items = {"type": "array", "items": {"$ref": f"#/components/schemas/{name}"}}
    return {"type": "object", "required": [key], "properties": {key: items}}


_SCHEMAS: dict[str, Any] = {
    "Error": {
        "type": "object",
        "required": ["error"],
        "properties": {
            "error": {
                "type": "object",
                "required": ["code", "message", "hint", "field"],
                "properties": {
                    "code": {"enum": sorted(STATUS)},
                    "message": _STRING,
                    "hint": _STRING,
                    "field": _STRING,
                },
            }
        },
    },
    "Session": _SESSION,
    "Sessions": _list_of("Session", "sessions"),
    "Walk": {"type": "object", "properties": {"settings": _ANY_OBJECT, "time": {"type": "number"}}},
    "Recording": {
        "type": "object",
        "properties": {"file": _STRING, "seconds": _NUMBER, "controls": _NUMBER, "error": _STRING},
    },
    "Grid": {"type": "object", "properties": {"grid": _ANY_OBJECT, "back": _NUMBER, "forward": _NUMBER}},
    "Tiles": {"type": "object", "properties": {"tiles": {"type": "array", "items": _ANY_OBJECT}}},
    "Favourite": {"type": "object", "properties": {"id": _STRING, "session": _STRING, "name": _STRING}},
    "Favourites": _list_of("Favourite", "favourites"),
    "WorkspaceGroup": {
        "type": "object",
        "properties": {"name": _STRING, "sessions": {"type": "array", "items": _STRING}},
    },
    "Workspaces": _list_of("WorkspaceGroup", "workspaces"),
    "Chain": {
        "type": "object",
        "properties": dict.fromkeys(("source", "output", "target", "input", "error"), _STRING),
    },
    "Chains": _list_of("Chain", "chains"),
    "Mapping": {"type": "object", "properties": dict.fromkeys(("id", "address", "session", "input"), _STRING)},
    "Mappings": _list_of("Mapping", "mappings"),
    "Model": _MODEL,
    "Models": _list_of("Model", "models"),
    "RunResult": _RUN_RESULT,
    "InputsResult": {"type": "object", "properties": {"inputs": _ANY_OBJECT}},
    "Frame": _FRAME,
    "Outputs": {
        "type": "object",
        "properties": {
            "session": _STRING,
            "outputs": {"type": "object", "additionalProperties": {"$ref": "#/components/schemas/Frame"}},
        },
    },
}
