"""What text models give out, in the words of OpenAI's API. Pure."""

import codecs
import math
import re
import struct
from base64 import b64encode
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import msgspec

from bridge.errors import ErrorInfo, ModelFailed

_LEAST = -9999.0  # a logarithm that stands for impossible: JSON has no infinity
_HALF = re.compile(r"bytes:((?:\\x[0-9a-f]{2})+)")  # a token that is no whole character
_REASONS = {"end": "stop", "stop": "stop", "tokens": "length", "characters": "length"}

Kind = Literal["completion", "chat"]


# --- one text ------------------------------------------------------------------------------------


class Token(msgspec.Struct, frozen=True):
    """A token that was told, and where in the text it begins."""

    text: str
    logprob: float
    likeliest: tuple[tuple[str, float], ...]
    offset: int


class Piece(msgspec.Struct, frozen=True):
    """What one step brought to a text."""

    text: str = ""
    tokens: tuple[Token, ...] = ()
    reason: str | None = None  # set: nothing follows


class Choice:
    """One text as it comes. Tokens are told when all their text is, and those of a stop string never."""

    def __init__(self, index: int, echo: str = "") -> None:
        self.index = index
        self.text = echo
        self.tokens: list[Token] = []
        self.reason: str | None = None
        self.usage: Mapping[str, Any] = {}
        self._echo = echo
        self._waiting: deque[Mapping[str, Any]] = deque()
        self._came = 0  # bytes of text
        self._told = 0  # bytes that the told tokens stand for
        self._offset = len(echo)
        self._letters = codecs.getincrementaldecoder("utf-8")("replace")
        self._begun = False

    def take(self, outputs: Mapping[str, Any]) -> Piece:
        """A step's outputs."""
        text = outputs.get("generated_text") or ""
        self._came += len(text.encode())
        if outputs.get("tokens"):
            self._waiting.append(outputs["tokens"])
        self.usage = outputs.get("usage") or self.usage
        if "finish_reason" in outputs:
            self.reason = _REASONS.get(outputs["finish_reason"], "stop")
        return self._piece(text, self._settled())

    def end(self) -> Piece:
        """The last of it; `reason` of the piece is set."""
        self.reason = self.reason or "stop"
        rest = self._waiting if self.reason == "length" else self._begun_ones()
        tokens = tuple(self._tell(token) for token in rest)
        return msgspec.structs.replace(self._piece("", tokens), reason=self.reason)

    def _piece(self, text: str, tokens: tuple[Token, ...]) -> Piece:
        told = text if self._begun else self._echo + text
        if told:
            self._begun = True
        self.text += text
        self.tokens += tokens
        return Piece(told, tokens)

    def _settled(self) -> tuple[Token, ...]:
        settled = []
        while self._waiting and self._told + len(spelt(self._waiting[0]["text"])) <= self._came:
            settled.append(self._tell(self._waiting.popleft()))
        return tuple(settled)

    def _begun_ones(self) -> Iterable[Mapping[str, Any]]:
        """Those of the waiting of which a part was told."""
        while self._waiting and self._told < self._came:
            yield self._waiting.popleft()

    def _tell(self, token: Mapping[str, Any]) -> Token:
        data = spelt(token["text"])
        offset, self._told = self._offset, self._told + len(data)
        self._offset += len(self._letters.decode(data))
        likely = tuple((each["text"], _log(each["logprob"])) for each in token["likeliest"])
        return Token(token["text"], _log(token["logprob"]), likely, offset)


def spelt(token: str) -> bytes:
    r"""The bytes of a token; those that are no whole character are written as bytes:\xf0\x9f."""
    half = _HALF.fullmatch(token)
    return bytes.fromhex(half[1].replace("\\x", "")) if half else token.encode()


def _log(value: Any) -> float:
    return max(float(value), _LEAST) if value is not None and not math.isnan(value) else _LEAST


# --- answers -------------------------------------------------------------------------------------


class Form(msgspec.Struct, frozen=True):
    """The frame around all that is told of one request."""

    kind: Kind
    id: str
    created: int
    model: str
    logprobs: int = -1
    usage: bool = False  # comes at the end of a stream

    def whole(self, choices: Sequence[Choice], usage: Mapping[str, Any] | None) -> dict[str, Any]:
        """The answer in one piece."""
        name = "chat.completion" if self.kind == "chat" else "text_completion"
        told = [self._choice(choice) for choice in choices]
        return {**self._head(name), "choices": told, **({"usage": usage} if usage else {})}

    def opening(self, index: int) -> dict[str, Any] | None:
        """What a chat's choice begins with in a stream."""
        if self.kind == "completion":
            return None
        return self._chunk([self._delta(index, {"role": "assistant", "content": "", "refusal": None}, None, None)])

    def chunk(self, index: int, piece: Piece) -> dict[str, Any]:
        """One step of a choice, in a stream."""
        logprobs = self._logprobs(piece.tokens) if piece.tokens else None
        if self.kind == "chat":
            delta = {"content": piece.text} if piece.text or piece.reason is None else {}
            return self._chunk([self._delta(index, delta, logprobs, piece.reason)])
        return self._chunk([{"index": index, "text": piece.text, "logprobs": logprobs, "finish_reason": piece.reason}])

    def closing(self, usage: Mapping[str, Any] | None) -> dict[str, Any]:
        """The chunk that tells the usage of a stream."""
        return {**self._chunk([]), "usage": usage}

    def _head(self, name: str) -> dict[str, Any]:
        return {"id": self.id, "object": name, "created": self.created, "model": self.model}

    def _chunk(self, choices: list[dict[str, Any]]) -> dict[str, Any]:
        return {
            **self._head("chat.completion.chunk" if self.kind == "chat" else "text_completion"),
            "choices": choices,
            **({"usage": None} if self.usage else {}),
        }

    @staticmethod
    def _delta(index: int, delta: dict[str, Any], logprobs: Any, reason: str | None) -> dict[str, Any]:
        return {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": reason}

    def _choice(self, choice: Choice) -> dict[str, Any]:
        told: dict[str, Any] = {"index": choice.index}
        if self.kind == "chat":
            told["message"] = {"role": "assistant", "content": choice.text, "refusal": None}
        else:
            told["text"] = choice.text
        logprobs = self._logprobs(choice.tokens) if self.logprobs >= 0 else None
        return {**told, "logprobs": logprobs, "finish_reason": choice.reason}

    def _logprobs(self, tokens: Sequence[Token]) -> dict[str, Any]:
        if self.kind == "chat":
            return {"content": [self._content(token) for token in tokens], "refusal": None}
        return {
            "tokens": [token.text for token in tokens],
            "token_logprobs": [token.logprob for token in tokens],
            "top_logprobs": [{token.text: token.logprob, **self._likely(token)} for token in tokens],
            "text_offset": [token.offset for token in tokens],
        }

    def _likely(self, token: Token) -> dict[str, float]:
        return dict(token.likeliest[: self.logprobs])

    def _content(self, token: Token) -> dict[str, Any]:
        likely = [_one(text, logprob) for text, logprob in token.likeliest[: self.logprobs]]
        return {**_one(token.text, token.logprob), "top_logprobs": likely}


def _one(text: str, logprob: float) -> dict[str, Any]:
    return {"token": text, "logprob": logprob, "bytes": list(spelt(text))}


def usage(choices: Sequence[Choice], n: int) -> dict[str, Any] | None:
    """Tokens of all texts together, a prompt with several texts counted once; None where the model does not count."""
    if not all(choice.usage for choice in choices):
        return None
    prompts = [choice.usage for choice in choices[::n]]
    asked = sum(each.get("prompt_tokens", 0) for each in prompts)
    made = sum(choice.usage.get("generated_tokens", 0) for choice in choices)
    details = {
        "cached_tokens": sum(each.get("reused_tokens", 0) for each in prompts),
        "cut_tokens": sum(each.get("cut_tokens", 0) for each in prompts),
    }
    return {
        "prompt_tokens": asked,
        "completion_tokens": made,
        "total_tokens": asked + made,
        "prompt_tokens_details": details,
    }


# --- the other answers ---------------------------------------------------------------------------


def embeddings(rows: Sequence[Sequence[float]], model: str, counted: int, base64: bool) -> dict[str, Any]:
    """The answer with one vector for each input, each of length 1."""
    return {
        "object": "list",
        "model": model,
        "data": [
            {"object": "embedding", "index": index, "embedding": _packed(row) if base64 else row}
            for index, row in enumerate(map(_unit, rows))
        ],
        "usage": {"prompt_tokens": counted, "total_tokens": counted},
    }


def _unit(row: Sequence[float]) -> list[float]:
    """As OpenAI's are: so that the product of two says how alike they are."""
    length = math.sqrt(sum(value * value for value in row))
    if not length or not math.isfinite(length):
        raise ModelFailed("the model gave out an embedding without a direction", field="embedding")
    return [value / length for value in row]


def _packed(row: Sequence[float]) -> str:
    return b64encode(struct.pack(f"<{len(row)}f", *row)).decode()


def model(name: str, created: int, owner: str, root: str) -> dict[str, Any]:
    """One of GET /v1/models."""
    return {"id": name, "object": "model", "created": created, "owned_by": owner, "root": root}


# --- errors --------------------------------------------------------------------------------------

# The status where it is not the one our own API has, so that clients which look at nothing else do the right thing.
_STATUS = {
    "too_large": 400,
    "cancelled": 503,
    **dict.fromkeys(("model_failed", "model_crashed", "model_broken"), 500),
    **dict.fromkeys(("network_gated", "network_missing", "hub_unreachable", "disk_full"), 500),
}
_CODES = {
    "unknown_model": "model_not_found",
    "unknown_session": "model_not_found",
    "unauthorized": "invalid_api_key",
    "busy": "rate_limit_exceeded",
}
_FIELDS = {"prompt_tokens": "prompt", "likeliest": "logprobs"}
_TYPES = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}


def error_status(info: ErrorInfo, status: int) -> int:
    """The status of an error; the second is our own API's."""
    return _STATUS.get(info.code, status)


def error(info: ErrorInfo, status: int) -> dict[str, Any]:
    """How OpenAI's clients want to be told: all of it in the message, since they show nothing else."""
    kind = _TYPES.get(status, "invalid_request_error" if status < 500 else "server_error")
    message = f"{info.message} ({info.hint})" if info.hint else info.message
    code = _CODES.get(info.code, info.code)
    unknown = info.code == "unknown_input"  # then it is the word that they said
    field = info.field if unknown else _FIELDS.get(info.field, info.field)
    return {"error": {"message": message, "type": kind, "param": field or None, "code": code}}
