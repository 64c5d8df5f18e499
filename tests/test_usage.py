"""What was used is counted once, and is there after a restart."""

from pathlib import Path

import aiohttp

from tests.transports.serving import calling, serving


async def used(http: aiohttp.ClientSession, model: str) -> dict[str, float]:
    async with http.get(f"/api/models/{model}") as answer:
        found: dict[str, float] = (await answer.json())["used"]
        return found


async def test_opens_and_runs_are_counted_and_kept(tmp_path: Path):
    async with serving("echo", state=tmp_path) as server, calling(server) as http:
        first = await used(http, "echo")
        assert (first["opened"], first["runs"]) == (1, 0)
        for _ in range(3):
            await server.hub.get("echo").run({"value": 1}).result()
        again = await used(http, "echo")
        assert (again["opened"], again["runs"]) == (1, 3) and again["model_ms"] > 0
    async with serving("echo", "painter", state=tmp_path) as server, calling(server) as http:
        assert (await used(http, "echo"))["opened"] == 2
        async with http.get("/api/models?sort=used") as answer:
            names = [model["id"] for model in (await answer.json())["models"]]
        assert names[0] == "echo" and names.index("painter") < names.index("dream")
        async with http.get("/api/sessions/echo") as answer:
            assert (await answer.json())["stats"]["memory"] > 1_000_000
