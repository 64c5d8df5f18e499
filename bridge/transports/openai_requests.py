"""What a request in the words of OpenAI's API asks of a text model. Pure: a body and a signature in, inputs out."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from bridge import limits
from bridge.errors import InputError, MissingInput, TooLarge, UnknownInput
from bridge.ports import Number, Text
from bridge.ports.words import came
from bridge.signature import Command, Signature

# Say nothing about the text: taken and left alone.
_HARMLESS = frozenset(
    (
        *("model", "user", "metadata", "store", "service_tier", "safety_identifier"),
        *("prompt_cache_key", "prompt_cache_retention", "prompt_cache_options", "parallel_tool_calls"),
        "prediction",  # of what the answer will be: it would only come quicker
    )
)
_SAME = ("temperature", "top_p")  # the same word on both sides
_LENGTHS = ("max_tokens", "max_completion_tokens")  # two words for one thing
_READ = ("n", "stop", "seed", "logprobs", "stream", "stream_options", *_LENGTHS, *_SAME)
_OF_COMPLETIONS = frozenset((*_READ, "prompt", "echo", "best_of"))
_OF_CHATS = frozenset((*_READ, "messages", "top_logprobs"))
_OF_EMBEDDINGS = frozenset(("input", "encoding_format", "dimensions"))
_OURS = frozenset(("prompt", "messages", "prompt_tokens", "alternatives", "likeliest", "vectors", "version"))
_SEEDS = 2**53  # one more than the highest that our models take
_STRIDE = 0x9E3779B97F4A7  # between the seeds of two choices

# What can't be done, the values that ask for nothing, and what there is instead.
_NOT_HERE: Mapping[str, tuple[tuple[Any, ...], str]] = {
    "presence_penalty": ((0,), "this model has no input of that name"),
    "frequency_penalty": ((0,), "this model has no input of that name"),
    "logit_bias": (({},), "this model has no input of that name"),
    "suffix": (("",), "only what comes after the prompt is written"),
    "tools": (([],), "models here call no tools"),
    "tool_choice": (("none", "auto"), "models here call no tools"),
    "functions": (([],), "models here call no functions"),
    "function_call": (("none", "auto"), "models here call no functions"),
    "response_format": (({"type": "text"},), "the answer is plain text"),
    "modalities": ((["text"],), "the answer is plain text"),
    "audio": ((), "the answer is plain text"),
    "reasoning_effort": (("none",), "models here do not reason apart from what they write"),
    "verbosity": (("medium",), "say in words how long the answer shall be, or give max_tokens"),
    "web_search_options": ((), "models here search nowhere"),
    "moderation": ((), "nothing is moderated here"),
}


class Asked(msgspec.Struct, frozen=True):
    """One request: the runs it takes, and how their outputs are told."""

    command: str
    prompts: tuple[dict[str, Any], ...]  # the inputs that differ
    inputs: dict[str, Any]  # and those that all runs share
    n: int = 1  # texts for each prompt
    echo: tuple[str, ...] = ()  # what is told before each prompt's texts
    logprobs: int = -1  # likely tokens to tell at each place, beside the one chosen; -1: nothing of the kind
    stream: bool = False
    usage: bool = False  # tell it at the end of a stream

    def runs(self) -> list[dict[str, Any]]:
        """The inputs of each run, in the order of the choices."""
        return [{**self.inputs, **prompt, **self._seed(number)} for prompt in self.prompts for number in range(self.n)]

    def _seed(self, number: int) -> dict[str, int]:
        seed = self.inputs.get("seed")
        return {} if seed is None else {"seed": (seed + number * _STRIDE) % _SEEDS}


def text_command(signature: Signature | None) -> Command | None:
    """What makes it a text model: its default command takes a prompt and gives generated_text."""
    if signature is None:
        return None
    command = signature.default
    prompt, text = command.inputs.get("prompt"), command.outputs.get("generated_text")
    fits = isinstance(prompt, Text) and isinstance(text, Text) and (text.pieces or not command.streams)
    return command if fits else None


def model_name(body: Mapping[str, Any]) -> str:
    """The model it is for."""
    name, hint = body.get("model"), "name a session; GET /v1/models lists them"
    if name is None or name == "":
        raise MissingInput("model is missing", hint=hint, field="model")
    if not isinstance(name, str):
        raise InputError(f"model is a name; {came(name)} came", hint=hint, field="model")
    return name


def completion(body: Mapping[str, Any], signature: Signature) -> Asked:
    """The body of POST /v1/completions."""
    command = signature.default
    _refuse(body, command, _OF_COMPLETIONS)
    prompts = _prompts(body.get("prompt"), command)
    asked = _asked(body, command, prompts, _count(body, "logprobs", 0, 20))
    if _count(body, "best_of", 1, limits.OPENAI_TEXTS) not in (-1, asked.n):
        raise _refused("best_of", "ask for n and choose yourself")
    return msgspec.structs.replace(asked, echo=_echo(asked)) if _flag(body, "echo") else asked


def chat(body: Mapping[str, Any], signature: Signature) -> Asked:
    """The body of POST /v1/chat/completions. A model without a chat of its own goes on with what was said."""
    command = signature.commands.get("chat")
    own = command is not None and "messages" in command.inputs and "generated_text" in command.outputs
    if command is None or not own:
        command = signature.default
    _refuse(body, command, _OF_CHATS)
    messages = _messages(body.get("messages"))
    prompt = {"messages": messages} if own else {"prompt": "\n".join(message["content"] for message in messages)}
    return _asked(body, command, (prompt,), _chat_logprobs(body))


def embeddings(body: Mapping[str, Any], signature: Signature) -> Asked:
    """The body of POST /v1/embeddings: a run of one token for each input, for the state before it."""
    command = signature.default
    if "vectors" not in command.inputs or "embedding" not in command.outputs:
        raise InputError("this model gives no embeddings", hint="a model with the output embedding does", field="model")
    _refuse(body, command, _OF_EMBEDDINGS, more=False)
    if body.get("encoding_format") not in (None, "float", "base64"):
        raise InputError("encoding_format is float or base64", field="encoding_format")
    if body.get("dimensions") is not None:
        raise InputError("dimensions can't be chosen", hint="leave it out: the model's own come", field="dimensions")
    prompts = _prompts(body.get("input"), command, "input")
    if any(not any(prompt.values()) for prompt in prompts):
        raise InputError("input has an empty text", hint="there is no embedding of nothing", field="input")
    single = {"max_tokens": 1, "temperature": 0}
    inputs = {"vectors": True, **{name: single[name] for name in single if name in command.inputs}}
    return Asked(command.name, prompts, inputs)


# --- what they share -----------------------------------------------------------------------------


def _asked(body: Mapping[str, Any], command: Command, prompts: tuple[dict[str, Any], ...], logprobs: int) -> Asked:
    n = max(_count(body, "n", 1, limits.OPENAI_TEXTS), 1)
    if len(prompts) * n > limits.OPENAI_TEXTS:
        raise TooLarge(
            f"{len(prompts)} prompts with n = {n} are {len(prompts) * n} texts; {limits.OPENAI_TEXTS} are made at most",
            hint="ask for less at once",
            field="n",
        )
    stream = _flag(body, "stream")
    return Asked(
        command.name, prompts, _inputs(body, command, logprobs), n, (), logprobs, stream, _usage_wanted(body, stream)
    )


def _refuse(body: Mapping[str, Any], command: Command, known: frozenset[str], *, more: bool = True) -> None:
    """What can't be done is never passed over in silence, unless it asks for nothing."""
    for name, value in body.items():
        if value is None or name in known or name in _HARMLESS or (more and name in _more(command)):
            continue  # null is left out, whatever its name
        if name not in _NOT_HERE:
            raise _unknown(name, command if more else None)
        nothing, instead = _NOT_HERE[name]
        if value not in nothing:
            raise _refused(name, instead)


def _refused(name: str, instead: str) -> InputError:
    return InputError(f"{name} is not possible here", hint=instead, field=name)


def _unknown(name: str, command: Command | None) -> UnknownInput:
    more = ", ".join(_more(command)) if command is not None else ""
    hint = f"beside OpenAI's own words it takes {more}" if more else "it takes OpenAI's own words"
    return UnknownInput(f"there is no parameter {name[:80]!r} here", hint=hint, field=name[:80])


def _more(command: Command) -> list[str]:
    """Inputs of the model that OpenAI has no word for; they may be said all the same."""
    return [name for name in command.inputs if name not in _OURS and name not in _READ]


def _inputs(body: Mapping[str, Any], command: Command, logprobs: int) -> dict[str, Any]:
    """What all runs are told. The session checks the values, as it does everybody's."""
    told = {name: body[name] for name in (*_SAME, *_more(command)) if body.get(name) is not None}
    length = _length(body)
    if length is not None:
        told["max_tokens"] = length
    if body.get("seed") not in (None, -1):  # -1 is another one each time, as our models have it, too
        told["seed"] = _seed(body["seed"])
    if stop := _stop(body.get("stop")):
        told["stop"] = stop
    if logprobs >= 0:
        told["likeliest"] = max(logprobs, 1)
    for name in told:
        if name not in command.inputs:
            field = "logprobs" if name == "likeliest" else name
            raise InputError(f"this model takes no {field}", hint=_takes(command), field=field)
    return told


def _takes(command: Command) -> str:
    return f"its inputs are {', '.join(command.inputs)}"


def _length(body: Mapping[str, Any]) -> Any:
    one, other = body.get("max_tokens"), body.get("max_completion_tokens")
    if one is not None and other is not None and one != other:
        raise InputError(
            "max_tokens and max_completion_tokens say two things", hint="give one of them", field="max_tokens"
        )
    return other if one is None else one


def _stop(value: Any) -> list[str]:
    stops = [value] if isinstance(value, str) else [] if value is None else value
    if not isinstance(stops, list) or not all(isinstance(stop, str) for stop in stops):
        raise InputError(f"stop is a text, or a list of texts; {_strange(stops, str)} came", field="stop")
    return [stop for stop in stops if stop]


def _usage_wanted(body: Mapping[str, Any], stream: bool) -> bool:
    options = body.get("stream_options")
    if options is None:
        return False
    if not stream:
        raise InputError("stream_options go with stream = true", field="stream_options")
    known = ("include_usage", "include_obfuscation")  # the second only pads
    if not isinstance(options, dict) or options.keys() - set(known):
        said = f'stream_options is {{"include_usage": true}}; {came(options)} came'
        raise InputError(said, field="stream_options")
    return _flag(options, "include_usage")


def _flag(body: Mapping[str, Any], name: str) -> bool:
    value = body.get(name)
    if value is not None and not isinstance(value, bool):
        raise InputError(f"{name} is true or false; {came(value)} came", field=name)
    return bool(value)


def _count(body: Mapping[str, Any], name: str, low: int, high: int) -> int:
    """A whole number within bounds, also as 3.0: some hosts have no other numbers. -1 where nothing came."""
    return int(Number(low, high, step=1).parse(body[name], name)) if body.get(name) is not None else -1


def _seed(value: Any) -> int:
    """Of any size."""
    seed = int(value) if isinstance(value, float) and value.is_integer() else value
    if type(seed) is not int:
        raise InputError(f"seed is a whole number; {came(value)} came", field="seed")
    return seed % _SEEDS


def _strange(values: Any, kind: type) -> str:
    """What is wrong with a list: itself, or the first in it that is of another kind."""
    inside = values if isinstance(values, list) else []
    found = next((place for place, value in enumerate(inside) if not isinstance(value, kind)), None)
    return came(values) if found is None else f"a list with {came(inside[found])}"


# --- prompts -------------------------------------------------------------------------------------


def _prompts(value: Any, command: Command, field: str = "prompt") -> tuple[dict[str, Any], ...]:
    """One text, several, one row of token numbers, or several."""
    if value is None:
        raise MissingInput(f"{field} is missing", hint="it is a text, or a list of texts", field=field)
    rows: Sequence[Any] = [value] if isinstance(value, str) or _is_tokens(value) else value
    if not isinstance(rows, list) or not rows or not all(isinstance(row, str) or _is_tokens(row) for row in rows):
        hint = "it is a text, a list of texts, a list of token numbers, or a list of such lists"
        raise InputError(f"{field} can't be read: {came(value)} came", hint=hint, field=field)
    if len(rows) > limits.OPENAI_TEXTS:
        raise TooLarge(f"{len(rows)} texts came; {limits.OPENAI_TEXTS} are taken at once", field=field)
    if "prompt_tokens" not in command.inputs and not all(isinstance(row, str) for row in rows):
        raise InputError("this model takes no token numbers", hint="send the text itself", field=field)
    text = command.inputs["prompt"]  # asked here, since it is called input, too
    return tuple(
        {"prompt": text.parse(row, field)} if isinstance(row, str) else {"prompt": "", "prompt_tokens": row}
        for row in rows
    )


def _is_tokens(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(type(token) is int and token >= 0 for token in value)


def _echo(asked: Asked) -> tuple[str, ...]:
    if asked.logprobs >= 0:
        raise InputError(
            "echo does not go with logprobs", hint="there are none of the prompt's own tokens", field="echo"
        )
    if any("prompt_tokens" in prompt for prompt in asked.prompts):
        raise InputError("echo needs the prompt as a text", hint="token numbers came", field="echo")
    return tuple(prompt["prompt"] for prompt in asked.prompts)


def _chat_logprobs(body: Mapping[str, Any]) -> int:
    wanted, top = _flag(body, "logprobs"), _count(body, "top_logprobs", 0, 20)
    if top > 0 and not wanted:
        raise InputError("top_logprobs goes with logprobs = true", field="top_logprobs")
    return max(top, 0) if wanted else -1


# --- messages ------------------------------------------------------------------------------------

_ROLES = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant"}


def _messages(value: Any) -> list[dict[str, str]]:
    """A talk as our models take it: who spoke, and what was said as one text."""
    hint = 'it is a list: [{"role": "user", "content": "hello"}]'
    if value is None:
        raise MissingInput("messages is missing", hint=hint, field="messages")
    if not isinstance(value, list) or not value:
        raise InputError(f"messages is a list of messages; {came(value)} came", hint=hint, field="messages")
    return [_message(message, f"messages[{number}]") for number, message in enumerate(value)]


def _message(message: Any, field: str) -> dict[str, str]:
    if not isinstance(message, dict):
        hint = '{"role": "user", "content": "hello"}'
        raise InputError(f"{field} is a message; {came(message)} came", hint=hint, field=field)
    role = message.get("role")
    if not isinstance(role, str) or role not in _ROLES:
        known = ", ".join(_ROLES)
        raise InputError(f"{field}.role takes {known}; {came(role)} came", field=f"{field}.role")
    if message.get("tool_calls") or message.get("function_call"):
        raise InputError(f"{field} calls a tool", hint="models here call no tools", field=field)
    return {"role": _ROLES[role], "content": _content(message.get("content"), f"{field}.content")}


def _content(value: Any, field: str) -> str:
    if isinstance(value, str):
        return value
    if not isinstance(value, list):
        raise InputError(f"{field} is a text, or a list of parts; {came(value)} came", field=field)
    return "".join(map(_part(field), value))


def _part(field: str) -> Callable[[Any], str]:
    def text(part: Any) -> str:
        if not isinstance(part, dict):
            raise _no_text(f"{field} has a part that is {came(part)}", field)
        if part.get("type") != "text":
            raise _no_text(f"{field} has a part whose type is {came(part.get('type'))}", field)
        if not isinstance(part.get("text"), str):
            raise _no_text(f"{field} has a text part whose text is {came(part.get('text'))}", field)
        return str(part["text"])

    return text


def _no_text(said: str, field: str) -> InputError:
    return InputError(said, hint='text models take {"type": "text", "text": "hello"}', field=field)
