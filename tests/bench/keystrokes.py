"""Typing: the first token after a keystroke, forty people who type at once, and how soon the network is free again."""

import json
import random
import selectors
import socket
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from itertools import accumulate, islice
from pathlib import Path
from statistics import median, quantiles
from typing import Any, NamedTuple

from tests.bench import text, text_networks
from tests.bench.measure import Goal, Sample, column, in_turns, ratio, spread
from tests.bench.programs import wait_for_quiet
from tests.bench.report import Finding, Row
from tests.bench.talk import Talk
from tests.bench.text import FLOAT32, GENERATE, INT8, OURS, SERVE
from tests.bench.text_contenders import SESSION, Contender, Served, only
from tests.bench.text_networks import Network

WEBSOCKET = "sketchbridge, WebSocket"
PEOPLE = 40
PROMPT_TOKENS = 400
_KEYS = 12
_KEYS_A_SECOND = 5
_WANTED = 16  # tokens of each suggestion: the rest of a line
_WORDS = ("for", "let", "i", "=", "0;", "dots.length", "i++)", "{", "ellipse(x, y, 8);", "}", "function", "draw()")
_LETTERS = "abcdefghijklmnopqrstuvwxyz (){};="
_HOW = """
{about}, {threads} thread(s) each.

*First token after a keystroke*: a prompt of {prompt} tokens that everybody has seen before grows by a character at its
end; taken is the time from asking until the first piece of text has come. Then it is given up, and the next character
typed, {keys} in a row; the median of them counts. *transformers.generate* and *ctranslate2* are asked for one token in
a process without a server. They read the whole prompt each time; so does *transformers serve*.

*Idle after a cancel*: a text of a thousand tokens is given up in the middle (over WebSocket with `cancel`, from
*transformers serve* by hanging up) and another of one token, of a prompt never seen, is asked for at once. Taken is the
time until that is there, beside the same with nothing given up before.

*{people} people*: each types {pace} characters a second for {seconds:.0f} s over a WebSocket of their own, each another
line, and with every character gives up the last suggestion and asks for {wanted} tokens. Taken is the time from asking
until the first piece is there; of how many keystrokes it came before the next was pressed stands beside it. All clients
are in one process, on the same machine as the bridge.
"""


def measure(rounds: int, seconds: float, told: Callable[[str], None]) -> Finding:
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        return _measured(text_networks.like_writer(Path(folder)), rounds, max(seconds * 2, 4.0), told)


def _measured(network: Network, rounds: int, seconds: float, told: Callable[[str], None]) -> Finding:
    with ExitStack() as stack:
        contenders, threads = text.opened(network, stack, told, batching=False)
        keys: dict[str, Callable[[], Sample]] = {WEBSOCKET: _by_socket(contenders[OURS], network, PROMPT_TOKENS)}
        for name in (OURS, SERVE, GENERATE, FLOAT32, INT8):
            keys[name] = by_asking(contenders[name], network, PROMPT_TOKENS)
        samples = in_turns(keys, rounds, told)
        idle = in_turns({name: _freed(contenders[name]) for name in (OURS, SERVE)}, rounds, told)
        crowd = _Crowd(contenders[OURS], seconds, rounds, told)
    about = network.about[0].upper() + network.about[1:]
    facts = {"people": PEOPLE, "pace": _KEYS_A_SECOND, "wanted": _WANTED, "keys": _KEYS, "prompt": PROMPT_TOKENS}
    how = _HOW.format(about=about, threads=threads, seconds=seconds, **facts)
    rows = [*key_rows(samples), *_idle_rows(idle), *crowd.rows()]
    return Finding("Text: typing", how, rows, {"keys": samples, "idle": idle, "crowd": crowd.samples})


# --- one keystroke -------------------------------------------------------------------------------


def _typed(network: Network, tokens: int) -> Iterator[Iterator[str]]:
    """A prompt of so many tokens, and what it grows to, a character at a time; to another text each time."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(network.folder / "tokenizer.json"))
    chance = random.Random(7)
    prompt = ""
    while len(tokenizer.encode(prompt).ids) < tokens:
        prompt += chance.choice(_WORDS) + chance.choice(" \n")
    while True:
        yield accumulate(chance.choices(_LETTERS, k=_KEYS), initial=prompt)


def by_asking(contender: Contender, network: Network, tokens: int, keys: int = _KEYS) -> Callable[[], Sample]:
    """Milliseconds to the first token after a keystroke at the end of a prompt of so many tokens."""
    prompts = _typed(network, tokens)

    def measure_it() -> Sample:
        times = []
        with only(contender):
            for prompt in islice(next(prompts), keys + 1):
                times.append(contender.first(prompt))
                time.sleep(0.02)  # what was given up is over
        return {"first_ms": median(times[1:])}

    return measure_it


def _by_socket(contender: Contender, network: Network, tokens: int) -> Callable[[], Sample]:
    assert isinstance(contender, Served)
    prompts = _typed(network, tokens)

    def measure_it() -> Sample:
        times = []
        with only(contender), Talk(contender.port) as client:
            for number, prompt in enumerate(next(prompts)):
                began = time.perf_counter()
                _ask(client, number, prompt, 64)
                _until(client, number, "output")
                times.append((time.perf_counter() - began) * 1000)
                client.say({"type": "cancel", "id": number})
                _until(client, number, "cancelled", "done")
        return {"first_ms": median(times[1:])}

    return measure_it


def _ask(client: Talk, number: int, prompt: str, tokens: int) -> None:
    inputs = {"prompt": prompt, "max_tokens": tokens, "temperature": 0}
    client.say({"type": "run", "id": number, "session": SESSION, "inputs": inputs, "stream": True})


def _until(client: Talk, number: int, *kinds: str) -> None:
    """A message of such a kind about this run; a cancelled run ends with an error, and that is well."""
    while True:
        head = _heard(client)
        if head["type"] in kinds and head.get("id", number) == number:
            return


def _heard(client: Talk) -> dict[str, Any]:
    try:
        return client.hear().head
    except RuntimeError as error:  # the end of a cancelled run
        told = error.args[0]
        if not isinstance(told, Mapping) or told.get("code") != "cancelled":
            raise
        return {"type": "cancelled"}


# --- idle after a cancel -------------------------------------------------------------------------


def _freed(contender: Contender) -> Callable[[], Sample]:
    assert isinstance(contender, Served)
    numbers = iter(range(1_000_000))

    def measure_it() -> Sample:
        with only(contender):
            contender.write(["warm"], 8)
            idle = [contender.first(f"idle {next(numbers)}") for _ in range(5)]
            after = []
            for _ in range(5):
                with _under_way(contender, next(numbers)):
                    time.sleep(0.1)
                after.append(contender.first(f"busy {next(numbers)}"))
        return {"idle_ms": median(idle), "after_ms": median(after)}

    return measure_it


@contextmanager
def _under_way(contender: Served, number: int) -> Iterator[None]:
    """A long text that is given up at the end of the block."""

    with socket.create_connection(("127.0.0.1", contender.port), 60) as connection:
        connection.sendall(contender.request(f"long {number}", 1000))
        connection.recv(1)
        yield


# --- many ----------------------------------------------------------------------------------------


class _Person:
    """Somebody who types a line, on a connection of their own."""

    def __init__(self, port: int, number: int) -> None:
        self.talk = Talk(port)
        self.next_at = 0.0
        self.first: list[float] = []  # ms
        self.keys = 0
        self._chance = random.Random(number)
        self._line = f"// {number}: " + "".join(self._chance.choices(_LETTERS, k=30))
        self._asked_at = 0.0
        self._waits = False

    def press(self) -> None:
        """One more character: the last suggestion is of no use any more."""
        if self.keys:
            self.talk.say({"type": "cancel", "id": self.keys})
        self.keys += 1
        self._line += self._chance.choice(_LETTERS)
        self._asked_at, self._waits = time.perf_counter(), True
        self.next_at = self._asked_at + 1 / _KEYS_A_SECOND
        _ask(self.talk, self.keys, self._line, _WANTED)

    def look(self) -> None:
        """Take one message."""
        head = _heard(self.talk)
        if self._waits and head["type"] == "output" and head["id"] == self.keys:
            self.first.append((time.perf_counter() - self._asked_at) * 1000)
            self._waits = False


class _Typed(NamedTuple):
    first: list[float]
    keys: int


class _Crowd:
    """Everybody types, and one alone for comparison."""

    def __init__(self, contender: Contender, seconds: float, rounds: int, told: Callable[[str], None]) -> None:
        assert isinstance(contender, Served)
        self.samples: dict[str, list[Sample]] = {"one": [], "all": []}
        for number in range(rounds):
            for name, people in (("one", 1), ("all", PEOPLE)):
                wait_for_quiet()
                with only(contender):
                    sample = _sampled(_type(contender.port, people, seconds))
                self.samples[name].append(sample)
                told(f"  round {number + 1}/{rounds}  {people} typing: {json.dumps(sample)}")

    def rows(self) -> list[Row]:
        alone, crowd = self.samples["one"], self.samples["all"]
        answered = spread(column(crowd, "answered")).median
        what = f"first token after a keystroke, {PEOPLE} people"
        return [
            *(
                Row(f"{what}, {each}", _ms(crowd, f"{each}_ms"), "one alone", _ms(alone, f"{each}_ms"))
                for each in ("p50", "p99")
            ),
            Row(f"{what}: it came before the next key", f"{answered:.1%}"),
        ]


def _type(port: int, people: int, seconds: float) -> _Typed:
    everybody = [_Person(port, number) for number in range(people)]
    began = time.perf_counter()
    for number, person in enumerate(everybody):
        person.next_at = began + number / people / _KEYS_A_SECOND
    with selectors.DefaultSelector() as selector:
        for person in everybody:
            selector.register(person.talk.socket, selectors.EVENT_READ, person)
        while (now := time.perf_counter()) < began + seconds:
            for person in everybody:
                if person.next_at <= now:
                    person.press()
            wait = min(person.next_at for person in everybody) - time.perf_counter()
            for key, _ in selector.select(max(wait, 0)):
                key.data.look()
    for person in everybody:
        person.talk.__exit__()
    return _Typed([ms for person in everybody for ms in person.first], sum(person.keys for person in everybody))


def _sampled(typed: _Typed) -> Sample:
    answered = len(typed.first) / max(typed.keys, 1)
    p99 = quantiles(typed.first, n=100)[98]
    return {"p50_ms": median(typed.first), "p99_ms": p99, "answered": answered, "keys": typed.keys}


# --- rows ----------------------------------------------------------------------------------------


def key_rows(
    samples: Mapping[str, list[Sample]], asked: Sequence[str] = (OURS, WEBSOCKET), *, promised: bool = True
) -> list[Row]:
    """What came of single keystrokes, by the ways in which ours was asked."""

    def against(ours: str, name: str, goal: Goal | None = None) -> Row:
        what = "first token after a keystroke" + (", HTTP" if ours == OURS else ", WebSocket")
        found = ratio(samples[ours], samples[name], "first_ms")
        return Row(what, _ms(samples[ours], "first_ms"), name, _ms(samples[name], "first_ms"), found, goal)

    others = (SERVE, GENERATE, FLOAT32, INT8)
    goals = (
        {}
        if not promised
        else {SERVE: Goal(0.2, at_least=False), FLOAT32: Goal(1, at_least=False), INT8: Goal(1, at_least=False)}
    )
    return [against(ours, name, goals.get(name)) for ours in asked for name in others]


def _idle_rows(samples: Mapping[str, list[Sample]]) -> list[Row]:
    rows = []
    for name, told in samples.items():
        what = f"first token of another text, right after a cancel, {name}"
        rows.append(Row(what, _ms(told, "after_ms"), "nothing cancelled", _ms(told, "idle_ms")))
    return rows


def _ms(samples: Sequence[Sample], what: str) -> str:
    return f"{spread(column(samples, what)).median:.3g} ms"
