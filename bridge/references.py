"""Networks on the Hugging Face Hub, named as models: hf:org/name, or hf:org/name@revision. Pure."""

import re

import msgspec

_MARK = "hf:"
_ID = re.compile(r"(hf:)?[A-Za-z0-9][\w.-]*/[\w.-]+(@[\w./-]+)?|hf:[A-Za-z0-9][\w.-]*(@[\w./-]+)?")


class Network(msgspec.Struct, frozen=True):
    """What is known of one before it is loaded."""

    id: str
    kind: str  # gpt2, llama ...: the model_type of its config.json
    licence: str
    size: int  # bytes to download, or that lie here
    kept: bool  # it lies here: nothing need be downloaded
    revision: str | None = None
    commit: str = ""


def is_reference(ref: str) -> bool:
    """Does it name a network on the Hub, rightly or wrongly?"""
    return ref.startswith(_MARK)


def is_id(text: str) -> bool:
    """Can it only be the name of a network on the Hub, with or without hf: before it?"""
    return _ID.fullmatch(text) is not None and ".." not in text


def name_of(ref: str) -> str:
    """What its session is called when nobody says."""
    last = ref.removeprefix(_MARK).partition("@")[0].rpartition("/")[2]
    return re.sub(r"[^A-Za-z0-9_-]+", "-", last).strip("-_")[:64] or "network"
