"""What each model was used for on this machine: how often, how quick it was. For people who choose one."""

import asyncio
import logging
import time
from typing import Any, Self
from weakref import WeakKeyDictionary

import msgspec

from bridge.errors import BridgeError
from bridge.hub import Hub
from bridge.session.session import Session
from bridge.workspace import Workspace, left_out

_NOTE = "usage"
_log = logging.getLogger(__name__)


class Used(msgspec.Struct, frozen=True):
    """Of one model."""

    opened: int = 0
    runs: int = 0
    model_ms: float = 0.0  # of one run, lately
    last: float = 0.0  # seconds since 1970


class Usage:
    """Of all models. Use as `async with`, inside hub and workspace file."""

    def __init__(self, hub: Hub, file: Workspace, pause: float = 30.0) -> None:
        self._hub = hub
        self._file = file
        self._pause = pause  # between two looks
        self._models: dict[str, Used] = {}
        self._kept: dict[str, Used] = {}
        self._counted: WeakKeyDictionary[Session, int] = WeakKeyDictionary()  # runs of a session, so far
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        kept = await self._file.noted(_NOTE)
        try:
            self._models = msgspec.convert(kept or {}, dict[str, Used])
        except msgspec.ValidationError as error:
            left_out(_NOTE, kept, error)
        self._kept = dict(self._models)
        self._task = asyncio.create_task(self._look_now_and_then(), name="usage")
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._keep()

    def of(self, model: str) -> dict[str, Any]:
        """As JSON, up to now."""
        self._count()
        return msgspec.structs.asdict(self._models.get(model, Used()))

    def _count(self) -> None:
        for session in self._hub.sessions.values():
            known = self._counted.get(session)
            runs = session.stats.runs - (known or 0)
            if known is not None and not runs:
                continue
            self._counted[session] = session.stats.runs
            used = self._models.get(session.model, Used())
            self._models[session.model] = Used(
                used.opened + (known is None),
                used.runs + runs,
                round(session.stats.model_ms or used.model_ms, 3),
                round(time.time(), 1),
            )

    async def _look_now_and_then(self) -> None:
        trouble = ""
        while True:
            await asyncio.sleep(self._pause)
            try:
                await self._keep()
                trouble = ""
            except BridgeError as error:
                if error.message != trouble:
                    trouble = error.message
                    _log.error("what was used was not saved: %s; %s", error.message, error.hint)

    async def _keep(self) -> None:
        self._count()
        if self._models != self._kept:
            await self._file.note(_NOTE, msgspec.to_builtins(self._models))
            self._kept = dict(self._models)
