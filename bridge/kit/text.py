"""A model that writes: what all of them take and give, over one engine. An author only brings network and tokenizer.

class Mine(TextModel):
    def setup(self, network: str) -> None:
        self.write_with(my_network(network), my_tokens(network))
"""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, TypedDict
from typing import Any as Anything

import msgspec

from bridge import limits
from bridge.errors import InputError, ModelFailed, TooLarge
from bridge.model import Model, command
from bridge.ports import Any, Array, Boolean, Number, Text, Vector
from bridge.ports.words import came

if TYPE_CHECKING:
    from bridge.kit.decoding import Engine, Network, Tokens
    from bridge.kit.sampling import Bias

LANES = limits.TEXTS_AT_ONCE  # texts that are written side by side
SLOTS = LANES + 8  # places of the cache, at most; those that nobody uses stay warm
FEWEST_SLOTS = 8
ALTERNATIVES = 8
LIKELIEST = 20
MOST_BIAS = 100  # as much as OpenAI's API takes: enough to rule a token out, or to have nothing else

_TASTE = (
    *("temperature", "top_k", "top_p", "min_p"),
    *("repetition_penalty", "presence_penalty", "frequency_penalty"),
)

Prompt = Annotated[str, Text(description="the text to go on with; of a very long one only the end counts")]
PromptTokens = Annotated[
    list[int] | None,
    Array(
        Number(0, 2**31 - 1, step=1),
        max_length=200_000,
        goes_with=("prompt",),
        description='in place of prompt, which is "" then: the numbers of its tokens',
    ),
]
MaxCharacters = Annotated[int, Number(0, 100_000, step=1, description="characters to write at most; 0: no limit")]
MaxTokens = Annotated[
    int, Number(1, 16_384, step=1, description="tokens to write at most; one is about three characters")
]
Temperature = Annotated[float, Number(0, 5, step=0.05, description="0 always takes the likeliest, above 1 gets wild")]
TopK = Annotated[int, Number(0, 1000, step=1, description="choose among so many of the likeliest; 0: among all")]
TopP = Annotated[float, Number(0, 1, step=0.01, description="choose among the likeliest that together reach this")]
MinP = Annotated[
    float, Number(0, 1, step=0.01, description="leave out what is this much less likely than the likeliest")
]
Penalty = Annotated[float, Number(0.1, 10, step=0.05, description="above 1: shun what stands there already")]
Presence = Annotated[
    float, Number(-2, 2, step=0.05, description="above 0: shun what was written already, however often")
]
Frequency = Annotated[
    float, Number(-2, 2, step=0.05, description="above 0: shun what was written already, the more the oftener")
]
LogitBias = Annotated[
    dict[str, float] | None,
    Any(
        description="favour or shun single tokens: their numbers, and what is added to the logit of each, "
        f'-{MOST_BIAS} to {MOST_BIAS}: {{"262": -{MOST_BIAS}}}'
    ),
]
Seed = Annotated[
    int,
    Number(
        -1,
        2**53 - 1,
        step=1,
        description="the same seed, the same text, but for ties in the last digit; -1: another each time",
    ),
]
Stop = Annotated[list[str], Array(Text(), max_length=16, description="end where one of these would begin")]
Alternatives = Annotated[int, Number(1, ALTERNATIVES, step=1, description="texts to write side by side")]
Likeliest = Annotated[int, Number(0, LIKELIEST, step=1, description="tell, at each place, of so many likely tokens")]
Vectors = Annotated[bool, Boolean(description="give the vectors probabilities and embedding with every token")]
_VERSION = Number(0, 2**53 - 1, step=1, description="told with all that comes of this prompt")
Version = Annotated[int | None, _VERSION]
LiveVersion = Annotated[int | None, msgspec.structs.replace(_VERSION, goes_with=("prompt", "prompt_tokens"))]


class Written(TypedDict, total=False):
    """What comes of a prompt, step by step."""

    generated_text: Annotated[str, Text(pieces=True, description="what comes after the prompt")]
    encountered_end: Annotated[bool, Boolean(description="it came to an end by itself, not by a limit")]
    finish_reason: Annotated[str, Text(description="end, stop, tokens or characters")]
    version: Annotated[int, Number(step=1, description="of the prompt that this belongs to")]
    alternatives: Annotated[
        list[str],
        Array(Text(), description="all texts so far, if several were asked for; long ones not with each token"),
    ]
    tokens: Annotated[Anything, Any(description="the next token told, its probability, and others that were likely")]
    probabilities: Annotated[Anything, Vector(description="of the 16 likeliest tokens, falling")]
    embedding: Annotated[Anything, Vector(description="the network's state after the text so far; mean 0, spread 1")]
    usage: Annotated[dict[str, Anything], Any(description="tokens of the prompt, written, cut off, known before")]


class TextModel(Model):
    """Goes on with a text. Live: a new prompt abandons the old, and what both begin with is not computed again."""

    concurrency = LANES

    engine: "Engine"

    def write_with(self, network: "Network", tokens: "Tokens") -> None:
        """For setup: this network and these tokens do the writing."""
        from bridge.kit.decoding import Engine

        self.engine = Engine(network, tokens)

    def warm(self) -> None:
        """One typical bit of work."""
        self.engine.rehearse()

    def run(
        self,
        prompt: Prompt,
        max_characters: MaxCharacters = 0,
        max_tokens: MaxTokens = 100,
        temperature: Temperature = 0.7,
        top_k: TopK = 0,
        top_p: TopP = 0.95,
        min_p: MinP = 0.0,
        repetition_penalty: Penalty = 1.0,
        presence_penalty: Presence = 0.0,
        frequency_penalty: Frequency = 0.0,
        logit_bias: LogitBias = None,
        seed: Seed = -1,
        stop: Stop = [],  # noqa: B006 - nobody changes it
        alternatives: Alternatives = 1,
        likeliest: Likeliest = 0,
        vectors: Vectors = False,
        version: LiveVersion = None,
        prompt_tokens: PromptTokens = None,
    ) -> Iterator[Written]:
        return self._written(prompt if prompt_tokens is None else self._known(prompt_tokens), dict(locals()))

    @command
    def chat(
        self,
        messages: Annotated[
            list[Anything], Array(Any(), description='the talk so far: {"role": "user", "content": "hello"}')
        ],
        max_characters: MaxCharacters = 0,
        max_tokens: MaxTokens = 100,
        temperature: Temperature = 0.7,
        top_k: TopK = 0,
        top_p: TopP = 0.95,
        min_p: MinP = 0.0,
        repetition_penalty: Penalty = 1.0,
        presence_penalty: Presence = 0.0,
        frequency_penalty: Frequency = 0.0,
        logit_bias: LogitBias = None,
        seed: Seed = -1,
        stop: Stop = [],  # noqa: B006 - nobody changes it
        alternatives: Alternatives = 1,
        likeliest: Likeliest = 0,
        vectors: Vectors = False,
        version: Version = None,
    ) -> Iterator[Written]:
        """Answers, if the network was trained for it; others go on with what was said, each message a line."""
        return self._written(self.talk(_checked(messages)), dict(locals()))

    def talk(self, messages: list[dict[str, str]]) -> str:
        """The prompt for a talk. A network with a template of its own has its way; else what was said, line by line."""
        return "\n".join(message["content"] for message in messages)

    def _known(self, tokens: list[int]) -> list[int]:
        words = self.engine.tokens.words
        strange = next((token for token in tokens if token >= words), None)
        if strange is not None:
            raise InputError(
                f"there is no token {strange}", hint=f"they have numbers from 0 to {words - 1}", field="prompt_tokens"
            )
        return tokens

    def _written(self, prompt: str | list[int], given: Mapping[str, Anything]) -> Iterator[Written]:
        from bridge.kit.decoding import Wishes
        from bridge.kit.sampling import Taste

        taste = {name: given[name] for name in _TASTE}
        bias = _bias(given["logit_bias"], self.engine.tokens.words)
        names = ("max_tokens", "max_characters", "seed", "alternatives", "likeliest", "vectors", "version")
        wishes = Wishes(Taste(**taste, bias=bias), stop=tuple(given["stop"]), **{name: given[name] for name in names})
        return self.engine.write(prompt, wishes)  # type: ignore[return-value]  # a dict, and None, for a Written


def _checked(messages: list[Anything]) -> list[dict[str, str]]:
    if not messages:
        raise InputError(
            "messages is empty", hint='send at least one: {"role": "user", "content": "hello"}', field="messages"
        )
    for number, message in enumerate(messages):
        wrong = _not_said(message)
        if wrong:
            raise InputError(
                f"message {number + 1} is not a role with a content: {wrong} came",
                hint='a message looks like {"role": "user", "content": "hello"}',
                field="messages",
            )
    said = sum(len(message["content"]) for message in messages)
    if said > limits.TEXT_CHARS:  # as much as a prompt may have
        raise TooLarge(
            f"messages take up to {limits.TEXT_CHARS} characters together; {said} came",
            hint="leave out the oldest",
            field="messages",
        )
    return messages


def _not_said(message: Anything) -> str:
    """What is wrong with it; nothing for a role and a content."""
    if not isinstance(message, dict):
        return came(message)
    strange = (key for key in ("role", "content") if not isinstance(message.get(key), str))
    return next((f"{came(message.get(key))} as {key}" for key in strange), "")


def _bias(wanted: Anything, words: int) -> "Bias | None":
    """What shall be added to which logits; None where nothing is wanted."""
    from bridge.kit.sampling import Bias

    if wanted is None or wanted == {}:
        return None
    if not isinstance(wanted, dict):
        raise _not_biased("logit_bias takes the numbers of tokens, each with what is added to its logit")
    if len(wanted) > limits.LOGIT_BIASES:
        raise _not_biased(f"logit_bias takes {limits.LOGIT_BIASES} tokens at most; {len(wanted)} came")
    return Bias.of({_token(name, words): _amount(name, amount) for name, amount in wanted.items()})


def _token(name: str, words: int) -> int:
    if not (name.isascii() and name.isdigit() and len(name) <= len(str(words)) and int(name) < words):
        raise _not_biased(f"logit_bias names the token {name[:40]!r}; they have numbers from 0 to {words - 1}")
    return int(name)


def _amount(name: str, amount: Anything) -> float:
    if isinstance(amount, bool) or not isinstance(amount, int | float) or not -MOST_BIAS <= amount <= MOST_BIAS:
        came = repr(amount)[:40]
        raise _not_biased(f"logit_bias takes a number from -{MOST_BIAS} to {MOST_BIAS} for token {name}; {came} came")
    return float(amount)


def _not_biased(message: str) -> InputError:
    return InputError(message, hint=f'such as {{"262": -{MOST_BIAS}}} for never the token 262', field="logit_bias")


def slots_for(one: int) -> int:
    """How many places of the cache there can be, if each takes so many bytes. Texts that find none wait for one."""
    return max(FEWEST_SLOTS, min(SLOTS, limits.TEXT_CACHE_BYTES // one))


def choose_device(wanted: str) -> str:
    """The device that torch shall use: the one named, or the best there is; ModelFailed when there is none such."""
    import torch

    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if wanted == "auto":
        return "cuda" if there["cuda"] else "cpu"
    if not there[wanted]:
        raise ModelFailed(f"this machine has no {wanted} device", hint="choose another device, or auto", field="device")
    return wanted
