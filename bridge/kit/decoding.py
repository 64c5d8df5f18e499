"""The engine behind the text models: many texts share each step of one network.

The worker steps its generators in turns, in one thread. The first that needs a token makes the engine do a round: one
pass of the network, with the last token of all texts that wait for their next, and a bit of the prompts that are still
to be read. The others then find theirs. So nobody waits for anybody else's prompt, and to leave takes no longer than a
round.
"""

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from bridge.kit.pieces import Gate, Speller
from bridge.kit.sampling import Floats, Taste, chance, choose, likeliest, log_probabilities
from bridge.kit.slots import Slots

CHUNK = 32  # tokens of prompts in a round in which others wait for their next token
CHUNK_ALONE = 128  # and in one in which nobody does; a cancel waits for no more
SHOWN_ALWAYS = 2048  # characters of alternatives that are told again with each piece


class Bit(NamedTuple):
    """Some of a text, one token or more, and where it stands."""

    slot: int
    tokens: Sequence[int]
    start: int


class Network(Protocol):
    """What computes. Places of its cache are called slots; it trusts that what is asked for fits."""

    context: int  # tokens that it can look back upon
    slots: int

    def read(self, bits: Sequence[Bit]) -> tuple[Floats, Floats]:
        """Take in these bits, each of another slot. After the last token of each: logits, a row, and a final state."""
        ...

    def copy(self, source: int, slot: int, count: int) -> None:
        """The first tokens of one slot into another."""
        ...


class Tokens(Protocol):
    """What texts are made of."""

    ends: frozenset[int]  # tokens that end a text
    begin: int  # what an empty text begins with
    words: int  # how many there are; their numbers begin with 0

    def encode(self, text: str) -> list[int]: ...

    def speller(self, before: Sequence[int]) -> Speller: ...

    def spelt(self, token: int) -> str: ...


@dataclass(frozen=True, slots=True)
class Wishes:
    """How a text shall go on."""

    taste: Taste = field(default_factory=Taste)
    max_tokens: int = 100
    max_characters: int = 0  # 0: no limit
    stop: tuple[str, ...] = ()
    seed: int = -1  # -1: another one each time
    alternatives: int = 1
    likeliest: int = 0  # how many likely tokens to tell of, at each place
    vectors: bool = False  # tell the probabilities and the final state
    version: int | None = None  # told with every step


class _Text:
    """One text under way."""

    def __init__(self, tokens: list[int], wishes: Wishes, seed: int, speller: Speller) -> None:
        self.tokens = tokens  # those of the window
        self.cached: list[int] = []  # those of them that the cache holds
        self.slot = -1
        self.model: _Text | None = None  # the text whose prompt is this one's, too
        self.logits: Floats | None = None
        self.state: Floats | None = None
        self.wishes = wishes
        self.seed = seed
        self.made = 0
        self.written: dict[int, int] | None = {} if wishes.taste.counts else None  # how often each token was
        self.reused = 0  # tokens of the prompt that the cache held already
        self.speller = speller
        self.gate = Gate(wishes.stop, wishes.max_characters)
        self.whole = ""
        self.reason = ""

    @property
    def missing(self) -> int:
        return len(self.tokens) - len(self.cached)


class _Told:
    """What there is to tell of tokens, held back as long as their text is: nothing of a stop string may be told."""

    def __init__(self, held: bool) -> None:
        self._held = held  # else all are told at once
        self._waiting: deque[tuple[dict[str, Any], int]] = deque()  # what is told, and where its text ends
        self._spelt = 0  # characters of all tokens so far
        self._halves: list[dict[str, Any]] = []  # tokens of a character that is not whole yet

    def put(self, told: dict[str, Any]) -> None:
        """The next token."""
        self._halves.append(told)

    def spell(self, characters: int) -> None:
        """So many came of the tokens put in by now."""
        self._spelt += characters
        if characters or not self._held:
            self._waiting.extend((told, self._spelt) for told in self._halves)
            self._halves.clear()

    def free(self, gate: Gate, ended: bool) -> list[dict[str, Any]]:
        """Those that may be told by now; at the end all, unless a stop string was met."""
        free = []
        every = not self._held or (ended and not gate.met_stop)
        while self._waiting and (every or self._waiting[0][1] <= gate.passed):
            free.append(self._waiting.popleft()[0])
        if every:
            free += self._halves
            self._halves.clear()
        return free


class Engine:
    """Goes on with texts: with as many at a time as the network has slots; more wait for their turn."""

    def __init__(self, network: Network, tokens: Tokens) -> None:
        self.network = network
        self.tokens = tokens
        self.rounds = 0
        self._slots = Slots(network.slots)
        self._texts: list[_Text] = []

    def write(self, prompt: str | Sequence[int], wishes: Wishes) -> "Writing":
        """Go on with this text, or these tokens. Nothing is computed before the first step; close it to leave early."""
        return Writing(self, prompt, wishes)

    @property
    def under_way(self) -> int:
        """Texts that are being written or wait for a place."""
        return len(self._texts)

    def rehearse(self) -> None:
        """One typical bit of work, for warming up and for choosing the number of threads."""
        network, begin = self.network, self.tokens.begin
        length = min(32, network.context - 2)
        network.read([Bit(0, [begin] * length, 0)])
        for count in (1, 1, 1, 1, min(8, network.slots)):
            network.read([Bit(slot, [begin], length) for slot in range(count)])
        self._slots.clear()

    # --- for Writing -----------------------------------------------------------------------------

    def window(self, tokens: list[int], room: int) -> list[int]:
        """The end of a text that the network can look back upon, with room to go on.

        It is cut by whole steps, so that a text which grows keeps its beginning, and so its place, for a while.
        """
        context = self.network.context
        most = max(context - min(room, context // 2), 1)
        if len(tokens) <= most:
            return tokens
        step = max(context // 4, 1)
        steps = -(-(len(tokens) - most) // step)
        return tokens[min(steps * step, len(tokens) - 1) :]

    def join(self, text: _Text) -> None:
        self._texts.append(text)

    def leave(self, text: _Text) -> None:
        """At once; what the cache holds of it stays for others."""
        self._texts.remove(text)
        self._give_up_slot(text)
        heirs = [other for other in self._texts if other.model is text]
        for heir in heirs:  # the first of them reads the prompt now
            heir.model = heirs[0] if heir is not heirs[0] else None

    def round(self) -> None:
        """One token for all that wait for their next, and a bit of the prompts."""
        self.rounds += 1
        for text in self._texts:
            self._seat(text)
        waiting = [text for text in self._texts if text.slot >= 0 and text.logits is None]
        if waiting:
            self._read(waiting)

    # --- the work --------------------------------------------------------------------------------

    def _seat(self, text: _Text) -> None:
        """A place in the cache, with what is known of the text already."""
        if text.slot >= 0 or self._waits_for_model(text):
            return
        seat = self._slots.take(text.tokens[:-1])
        if seat is None:
            return
        if seat.source not in (-1, seat.slot):
            self.network.copy(seat.source, seat.slot, seat.shared)
        text.slot = seat.slot
        text.cached = text.tokens[: seat.shared]
        text.reused = text.reused if text.made else seat.shared
        self._slots.holds(text.slot, text.cached)

    def _waits_for_model(self, text: _Text) -> bool:
        """Its prompt is being read already, by another."""
        if text.model is not None and len(text.model.cached) >= len(text.tokens) - 1:
            text.model = None
        return text.model is not None

    def _read(self, waiting: list[_Text]) -> None:
        texts, bits = zip(*self._bits(waiting), strict=True)
        logits, states = self.network.read(bits)
        for row, (text, bit) in enumerate(zip(texts, bits, strict=True)):
            text.cached += bit.tokens
            if not text.missing:
                text.logits, text.state = logits[row], states[row]

    def _bits(self, waiting: list[_Text]) -> Iterator[tuple[_Text, Bit]]:
        """What is read now: of prompts the short ones first, and not too much while others wait for a token."""
        alone = len(self._texts) == len(waiting) and all(text.missing > 1 for text in waiting)
        budget = CHUNK_ALONE if alone else CHUNK
        for text in sorted(waiting, key=lambda text: text.missing):
            known, missing = len(text.cached), text.missing
            if missing > 1:
                if budget <= 0:
                    return
                missing = min(missing, budget)
                budget -= missing
            yield text, Bit(text.slot, text.tokens[known : known + missing], known)

    def extend(self, text: _Text, token: int) -> None:
        """One more token; when the window is full, its beginning is let go."""
        text.logits = text.state = None
        text.tokens.append(token)
        if len(text.tokens) > self.network.context:
            self._give_up_slot(text)
            text.tokens = self.window(text.tokens, self.network.context // 4)

    def _give_up_slot(self, text: _Text) -> None:
        if text.slot >= 0:
            self._slots.leave(text.slot, text.cached)
            text.slot, text.cached = -1, []


class Writing(Iterator[dict[str, Any] | None]):
    """A text that goes on, a step at a time: what came with the step, or None while its prompt is being read."""

    def __init__(self, engine: Engine, prompt: str | Sequence[int], wishes: Wishes) -> None:
        self._engine = engine
        self._wishes = wishes
        told = engine.tokens.encode(prompt) if isinstance(prompt, str) else list(prompt)
        tokens = told or [engine.tokens.begin]
        window = engine.window(tokens, wishes.max_tokens)
        self._prompt_tokens = len(tokens)
        self._cut = len(tokens) - len(window)
        self._seen = engine.rounds
        self._open = self._texts(window)
        self._all = tuple(self._open)
        self._told = _Told(bool(wishes.stop))
        self._before: list[dict[str, Any]] = []  # steps that come before the next
        self._shown = 0  # characters of all alternatives together when they were told last

    def _texts(self, window: list[int]) -> list[_Text]:
        seed = self._wishes.seed if self._wishes.seed >= 0 else int.from_bytes(os.urandom(6), "little")
        texts: list[_Text] = []
        for number in range(self._wishes.alternatives):
            own = seed if not number else int(chance(seed, -number) * 2**53)
            text = _Text(list(window), self._wishes, own, self._engine.tokens.speller(window))
            text.model = texts[0] if texts else None
            texts.append(text)
            self._engine.join(text)
        return texts

    def __next__(self) -> dict[str, Any] | None:
        if not self._before:
            self._before.append(self._step())
        step = self._before.pop(0)
        if step and self._wishes.version is not None:
            step["version"] = self._wishes.version
        return step or None

    def _step(self) -> dict[str, Any]:
        if not self._open:
            raise StopIteration
        if all(text.logits is None for text in self._open):
            if self._seen == self._engine.rounds:
                self._engine.round()
            self._seen = self._engine.rounds
        step: dict[str, Any] = {}
        for text in tuple(self._open):
            if text.logits is not None:
                self._advance(text, step)
        if self._wishes.alternatives > 1:
            self._show(step)
        if not self._open:
            step = {"generated_text": ""} | step | self._ending()
        return step

    def close(self) -> None:
        """Leave; harmless when it has ended."""
        self._before.clear()
        while self._open:
            self._engine.leave(self._open.pop())

    def _advance(self, text: _Text, step: dict[str, Any]) -> None:
        """Choose its next token, and tell what can be told by now."""
        assert text.logits is not None
        first = text is self._all[0]
        token = choose(text.logits, self._wishes.taste, text.tokens, text.seed, text.made, text.written)
        text.made += 1
        if text.written is not None:
            text.written[token] = text.written.get(token, 0) + 1
        ended = token in self._engine.tokens.ends
        if first:
            self._tell(text, token, step)
        spelt = "" if ended else text.speller.push(token)
        piece = text.gate.push(spelt)
        text.reason = "end" if ended else text.gate.reason
        if not text.reason and text.made >= self._wishes.max_tokens:
            text.reason = "tokens"
        if text.reason:
            piece += self._finish(text)
        else:
            self._engine.extend(text, token)
        text.whole += piece
        if piece and first:
            step["generated_text"] = piece
        if first and self._wishes.likeliest:
            self._told.spell(len(spelt))
            self._release(text, step)

    def _release(self, text: _Text, step: dict[str, Any]) -> None:
        """Tell of tokens that the gate let through, one with each step: where it was several, there are more steps."""
        free = self._told.free(text.gate, bool(text.reason))
        if free:
            step["tokens"] = free.pop()
            self._before += [{"tokens": told} for told in free]

    def _show(self, step: dict[str, Any]) -> None:
        """All alternatives so far: with every piece while they are short; then more rarely: most is known."""
        length = sum(len(text.whole) for text in self._all)
        if length > self._shown and (not self._open or length - self._shown > (length - SHOWN_ALWAYS) // 16):
            self._shown = length
            step["alternatives"] = [text.whole for text in self._all]

    def _finish(self, text: _Text) -> str:
        """The last of it, and its place is free."""
        self._open.remove(text)
        self._engine.leave(text)
        rest = text.gate.push(text.speller.flush()) + text.gate.flush()
        if text.gate.reason and text.reason == "tokens":
            text.reason = text.gate.reason
        return rest

    def _tell(self, text: _Text, token: int, step: dict[str, Any]) -> None:
        """What was asked for beside the text."""
        assert text.logits is not None and text.state is not None
        if self._wishes.likeliest:
            logs = log_probabilities(text.logits)
            others = zip(*likeliest(text.logits, self._wishes.likeliest), strict=True)
            told = self._one(token, float(logs[token]))
            self._told.put({**told, "likeliest": [self._one(other, log) for other, log in others]})
        if self._wishes.vectors:
            step["probabilities"] = _odds(text.logits)
            step["embedding"] = text.state

    def _one(self, token: int, logprob: float) -> dict[str, Any]:
        return {"text": self._engine.tokens.spelt(token), "number": token, "logprob": logprob}

    def _ending(self) -> dict[str, Any]:
        first = self._all[0]
        return {
            "encountered_end": first.reason in ("end", "stop"),
            "finish_reason": first.reason,
            "usage": {
                "prompt_tokens": self._prompt_tokens,
                "cut_tokens": self._cut,
                "reused_tokens": first.reused,
                "generated_tokens": sum(text.made for text in self._all),
                "reasons": [text.reason for text in self._all],
            },
        }


def _odds(logits: Floats, count: int = 16) -> Floats:
    """The probabilities of the likeliest, in falling order: how sure the network is, as a few numbers."""
    import numpy as np

    _, logs = likeliest(logits, count)
    odds: Floats = np.zeros(count, np.float32)
    odds[: len(logs)] = np.exp(logs)
    return odds


def apart(
    bits: Sequence[Bit],
    step: Callable[[Sequence[int], Sequence[int], Sequence[int]], tuple[Floats, Floats]],
    read: Callable[[Bit], tuple[Floats, Floats]],
) -> tuple[Floats, Floats]:
    """For networks that can't take all at once: single tokens together (slots, tokens, places), the rest in turns."""
    import numpy as np

    single = [bit for bit in bits if len(bit.tokens) == 1]
    rows: Iterator[tuple[Any, Any]] = iter(())
    if single:
        logits, states = step(
            [bit.slot for bit in single], [bit.tokens[0] for bit in single], [bit.start for bit in single]
        )
        if len(single) == len(bits):
            return logits, states
        rows = zip(logits, states, strict=True)
    told = [next(rows) if len(bit.tokens) == 1 else read(bit) for bit in bits]
    return np.stack([logits for logits, _ in told]), np.stack([states for _, states in told])
