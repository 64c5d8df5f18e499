"""Asks a short-lived child about a network on the Hub: the library it takes is large, and what hangs can be ended."""

import msgspec

from bridge import limits, spawn
from bridge.errors import ErrorInfo, ModelBroken, from_info
from bridge.references import Network


class _Answer(msgspec.Struct):
    network: Network | None = None
    error: ErrorInfo | None = None


async def look_up(ref: str) -> Network:
    """What hf:org/name is; ModelBroken, in words, for whatever is in the way."""
    try:
        said = await spawn.output_of(["-m", "bridge.kit.fetch", ref], limits.LOOK_UP_SECONDS, limits.DESCRIPTION_BYTES)
        answer = msgspec.json.decode(said, type=_Answer)
    except TimeoutError:
        raise ModelBroken(
            f"the Hub told nothing of {ref} within {limits.LOOK_UP_SECONDS:.0f} s",
            hint="try again; what lies here already is found without it",
            field="model",
        ) from None
    except (RuntimeError, msgspec.MsgspecError) as error:
        raise ModelBroken(f"{ref} can't be looked up: {error}", field="model") from None
    if answer.error is not None:
        raise from_info(answer.error)
    assert answer.network is not None
    return answer.network
