"""A real server on a free port, with the test models."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import aiohttp

from bridge.config import Settings
from bridge.server import Server

MODELS = Path(__file__).parent.parent / "models"


@asynccontextmanager
async def serving(*models: str, **settings: Any) -> AsyncIterator[Server]:
    """The server, its sessions loaded; a session has the name of its model."""
    with TemporaryDirectory() as state:
        asked = tuple(f"{model}={MODELS / model}" for model in models)
        made = Settings(**{"port": 0, "demo": False, "state": Path(state), "models": asked, **settings})
        async with Server(made) as server:
            await server.opened()
            for name in models:
                await server.hub.get(name).started()
            yield server


@asynccontextmanager
async def calling(server: Server) -> AsyncIterator[aiohttp.ClientSession]:
    """A client whose addresses begin with a slash."""
    async with aiohttp.ClientSession(server.url) as client:
        yield client
