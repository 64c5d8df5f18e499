"""The description says what the router does, and the other way round."""

import asyncio
import re

from openapi_spec_validator import validate

from bridge.transports.http_answer import STATUS
from tests.transports.serving import calling, serving


async def test_the_description_is_valid_and_names_every_route() -> None:
    async with serving("painter", "counter", "gate") as server, calling(server) as client:
        described = await (await client.get("/api/openapi.json")).json()
        await asyncio.to_thread(validate, described)  # it takes its time
        registered = {(route.path, route.method.lower()) for route in server.http.routes}
        generic = {(path, method) for path, item in described["paths"].items() for method in item}
        own = {(f"/api/sessions/{name}/run", "post") for name in ("painter", "counter", "gate")}
        assert generic == registered | own


async def test_a_session_is_described_with_its_own_ports() -> None:
    async with serving("painter", "gate") as server, calling(server) as client:
        paths = (await (await client.get("/api/openapi.json")).json())["paths"]
        body = paths["/api/sessions/painter/run"]["post"]["requestBody"]["content"]["application/json"]["schema"]
        assert body["properties"]["shade"]["maximum"] == 1 and body["additionalProperties"] is False
        several = paths["/api/sessions/gate/run"]["post"]["requestBody"]["content"]["application/json"]["schema"]
        assert [choice["title"] for choice in several["anyOf"]] == ["run_inputs", "steps_inputs"]


async def test_every_described_get_answers() -> None:
    async with serving("latent", "scribe") as server, calling(server) as client:
        await client.patch("/api/sessions/latent/inputs", json={"z": [0, 0, 0, 0]})
        await client.post("/api/sessions/latent/run")
        kept = await (await client.post("/api/favourites", json={"session": "latent"})).json()
        await client.post("/api/sessions/latent/walk/recording")
        values = {"session": "latent", "port": "image", "model": "scribe", "file": "app.js", "id": kept["id"]}
        for route in server.http.routes:
            if (
                route.method != "GET"
                or route.endless
                or route.path.endswith(("/preview", "/{folder}/{file}", "/pictures/{file}"))
            ):
                continue
            answer = await client.get(re.sub(r"{(\w+)}", lambda found: values[found[1]], route.path))
            assert answer.status == route.status, route.path


def test_every_error_of_ours_has_a_status() -> None:
    from bridge.errors import BY_CODE, BridgeError

    def codes(root: type[BridgeError]) -> set[str]:
        return {root.code}.union(*map(codes, root.__subclasses__()))

    assert codes(BridgeError) == set(STATUS) and set(BY_CODE) <= set(STATUS)
