"""The engine behind the text models: many texts share each step of one network.

The worker steps its generators in turns, in one thread. The first that needs a token makes the engine do a round: one
step of the network for all texts that wait for one, and a bit of the prompts that are still to be read. The others then
find theirs. So nobody waits for anybody else's prompt, and to leave takes no longer than a round.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from bridge.kit.pieces import Gate, Speller
from bridge.kit.sampling import Floats, Taste, chance, choose, likeliest, log_probabilities
from bridge.kit.slots import Slots

CHUNK = 32  # tokens of prompts in a round in which others wait for their next token
CHUNK_ALONE = 128  # and in one in which nobody does; a cancel waits for no more


class Network(Protocol):
    """What computes. Places of its cache are called slots; it trusts that what is asked for fits."""

    context: int  # tokens that it can look back upon
    slots: int

    def read(self, slot: int, tokens: Sequence[int], start: int) -> tuple[Floats, Floats]:
        """Take in these tokens from that position on. The logits after the last, and its final state."""
        ...

    def step(self, slots: Sequence[int], tokens: Sequence[int], positions: Sequence[int]) -> tuple[Floats, Floats]:
        """One token for each of these slots: a row of logits each, and a row of final states."""
        ...

    def copy(self, source: int, slot: int, count: int) -> None:
        """The first tokens of one slot into another."""
        ...


class Tokens(Protocol):
    """What texts are made of."""

    ends: frozenset[int]  # tokens that end a text
    begin: int  # what an empty text begins with

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
        self.reused = 0  # tokens of the prompt that the cache held already
        self.speller = speller
        self.gate = Gate(wishes.stop, wishes.max_characters)
        self.whole = ""
        self.reason = ""

    @property
    def missing(self) -> int:
        return len(self.tokens) - len(self.cached)


class Engine:
    """Goes on with texts: with as many at a time as the network has slots; more wait for their turn."""

    def __init__(self, network: Network, tokens: Tokens) -> None:
        self.network = network
        self.tokens = tokens
        self.rounds = 0
        self._slots = Slots(network.slots)
        self._texts: list[_Text] = []

    def write(self, prompt: str, wishes: Wishes) -> "Writing":
        """Go on with this text. Nothing is computed before the first step; close it to leave early."""
        return Writing(self, prompt, wishes)

    @property
    def under_way(self) -> int:
        """Texts that are being written or wait for a place."""
        return len(self._texts)

    def rehearse(self) -> None:
        """One typical bit of work, for warming up and for choosing the number of threads."""
        network, count = self.network, min(8, self.network.slots)
        length = min(32, network.context - 2)
        network.read(0, [self.tokens.begin] * length, 0)
        for _ in range(4):
            network.step([0], [self.tokens.begin], [length])
        network.step(list(range(count)), [self.tokens.begin] * count, [length] * count)
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
        """One step for all that wait for a token, and a bit of the prompts."""
        self.rounds += 1
        for text in self._texts:
            self._seat(text)
        waiting = [text for text in self._texts if text.slot >= 0 and text.logits is None]
        ready = [text for text in waiting if text.missing == 1]
        reading = sorted((text for text in waiting if text.missing > 1), key=lambda text: text.missing)
        if ready:
            self._step(ready)
        self._read(reading, CHUNK if ready or len(self._texts) > len(waiting) else CHUNK_ALONE)

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

    def _step(self, texts: list[_Text]) -> None:
        logits, states = self.network.step(
            [text.slot for text in texts], [text.tokens[-1] for text in texts], [len(text.cached) for text in texts]
        )
        for row, text in enumerate(texts):
            text.cached.append(text.tokens[-1])
            text.logits, text.state = logits[row], states[row]

    def _read(self, texts: list[_Text], budget: int) -> None:
        for text in texts:
            if budget <= 0:
                return
            known = len(text.cached)
            part = text.tokens[known : known + budget]
            logits, state = self.network.read(text.slot, part, known)
            text.cached += part
            budget -= len(part)
            if not text.missing:
                text.logits, text.state = logits, state

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

    def __init__(self, engine: Engine, prompt: str, wishes: Wishes) -> None:
        self._engine = engine
        self._wishes = wishes
        tokens = engine.tokens.encode(prompt) or [engine.tokens.begin]
        window = engine.window(tokens, wishes.max_tokens)
        self._prompt_tokens = len(tokens)
        self._cut = len(tokens) - len(window)
        self._seen = engine.rounds
        self._open = self._texts(window)
        self._all = tuple(self._open)

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
        if not self._open:
            step = {"generated_text": ""} | step | self._ending()
        if step and self._wishes.version is not None:
            step["version"] = self._wishes.version
        return step or None

    def close(self) -> None:
        """Leave; harmless when it has ended."""
        while self._open:
            self._engine.leave(self._open.pop())

    def _advance(self, text: _Text, step: dict[str, Any]) -> None:
        """Choose its next token, and tell what can be told by now."""
        assert text.logits is not None
        first = text is self._all[0]
        token = choose(text.logits, self._wishes.taste, text.tokens, text.seed, text.made)
        text.made += 1
        ended = token in self._engine.tokens.ends
        if first:
            self._tell(text, token, step)
        piece = "" if ended else text.gate.push(text.speller.push(token))
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
        if piece and self._wishes.alternatives > 1:
            step["alternatives"] = [each.whole for each in self._all]

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
            step["tokens"] = {
                "text": self._engine.tokens.spelt(token),
                "logprob": float(logs[token]),
                "likeliest": [
                    {"text": self._engine.tokens.spelt(other), "logprob": log}
                    for other, log in zip(*likeliest(text.logits, self._wishes.likeliest), strict=True)
                ],
            }
        if self._wishes.vectors:
            step["probabilities"] = _odds(text.logits)
            step["embedding"] = text.state

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
