"""What the child does with messages, without a child."""

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from bridge import Model
from bridge.backends import worker
from bridge.backends.worker import Worker
from bridge.ports import Encoding, Image, Number, Text
from bridge.session.messages import (
    Done,
    Failed,
    FromWorker,
    Output,
    Peek,
    Peeked,
    Run,
    Stop,
    ToWorker,
    Wants,
    Wish,
)
from bridge.signature import Command, Signature

WEBP, PNG, JPEG = (("image", Encoding(format, 90)) for format in ("webp", "png", "jpeg"))
TOO_WIDE = np.zeros((1, 16_384, 3), np.uint8)  # for WebP


class Giver(Model):
    """Gives what it holds."""

    def __init__(self, *gifts: Any) -> None:
        self.gifts = gifts

    def run(self) -> Any:
        return {"image": self.gifts[0], "text": "beside it"}

    def steps(self) -> Any:
        for gift in self.gifts:
            yield {"image": gift, "text": "beside it"}


class Script:
    """Messages in, as written down; messages out, kept."""

    def __init__(self, messages: Sequence[ToWorker]) -> None:
        self.closed = False
        self.said: list[FromWorker] = []
        self.holds = 0  # turns whose outputs left together
        self._messages = list(messages)

    def take(self, wait: bool) -> list[ToWorker]:
        messages, self._messages = self._messages, []
        if wait and not messages:
            return [Stop()]
        return messages

    def send(self, message: FromWorker) -> None:
        self.said.append(message)

    def hold(self) -> None:
        self.holds += 1

    def release(self) -> None:
        pass


def said(messages: Sequence[ToWorker], *gifts: Any) -> list[FromWorker]:
    outputs = {"image": Image(), "text": Text()}
    commands = {name: Command(name, {}, outputs, streams=name == "steps", named=True) for name in ("run", "steps")}
    script = Script(messages)
    Worker(Giver(*gifts), Signature({}, commands), script, script).serve()
    return script.said


def formats(output: FromWorker) -> list[str]:
    assert isinstance(output, Output)
    return [encoding.format for encoding, _ in output.values.get("image", [])]


def ask(command: str, *wishes: Wish) -> Run:
    return Run(1, command, {}, wishes)


def test_a_reader_whose_wish_can_not_be_met_does_not_fail_the_run():
    (output,) = said([Wants((WEBP, PNG)), ask("run", JPEG)], TOO_WIDE)
    assert isinstance(output, Output) and output.last and formats(output) == ["jpeg", "png"]
    (flaw,) = output.unencoded
    assert (flaw.port, flaw.encoding) == WEBP and "can't be given out as webp" in flaw.error.message


def test_a_run_whose_own_wish_can_not_be_met_fails_and_readers_get_theirs():
    output, failed = said([Wants((PNG,)), ask("run", WEBP)], TOO_WIDE)
    assert formats(output) == ["png"] and not output.last  # type: ignore[union-attr]
    assert isinstance(failed, Failed) and "webp" in failed.error.message


def test_a_stream_ends_where_its_own_wish_can_not_be_met():
    narrow = TOO_WIDE[:, :10]
    ends = [type(message) for message in said([ask("steps", WEBP)], narrow, TOO_WIDE, narrow)]
    assert ends == [Output, Output, Failed]
    assert [type(message) for message in said([Wants((WEBP,)), ask("steps")], narrow, TOO_WIDE, narrow)] == [
        *[Output] * 3,
        Done,
    ]


def test_what_can_not_be_given_out_at_all_fails_the_run_and_sends_no_reader_away():
    (failed,) = said([Wants((WEBP, PNG)), ask("run")], "no picture")
    assert isinstance(failed, Failed) and failed.error.field == "image"


def test_a_command_that_is_gone_since_the_crash_fails_that_run_alone():
    failed, output = said([ask("gone"), ask("run", JPEG)], TOO_WIDE)
    assert isinstance(failed, Failed) and failed.error.code == "unknown_command"
    assert isinstance(output, Output) and output.last


def test_streams_that_wait_begin_together():
    commands = {"steps": Command("steps", {}, {"image": Image(), "text": Text()}, streams=True, named=True)}
    script = Script([Run(number, "steps", {}, (PNG,)) for number in range(3)])
    Worker(Giver(np.zeros((1, 1, 3), np.uint8)), Signature({}, commands, concurrency=3), script, script).serve()
    assert [type(message) for message in script.said] == [Output] * 3 + [Done] * 3


def test_streams_that_step_in_no_time_give_out_together_once_that_is_known():
    commands = {"steps": Command("steps", {}, {"image": Image(), "text": Text()}, streams=True, named=True)}
    held = []
    for tick in (0.0001, 0.01):
        script = Script([Run(number, "steps", {}, (PNG,)) for number in range(3)])
        model = Giver(*[np.zeros((1, 1, 3), np.uint8)] * 4)
        clock = itertools.count(step=tick).__next__
        Worker(model, Signature({}, commands, concurrency=3), script, script, clock).serve()
        held.append(script.holds)
    assert held == [4, 0]  # of five turns; the first can't know yet


class Reuser(Model):
    """Paints into the same array again and again."""

    def __init__(self) -> None:
        self.canvas = np.zeros((4, 4, 3), np.uint8)

    def run(self, shade: int) -> Any:
        self.canvas[:] = shade
        return self.canvas


def test_what_is_given_out_behind_the_models_back_is_what_it_was_and_in_order(monkeypatch):
    monkeypatch.setattr(worker, "_LONG_S", 0)
    monkeypatch.setattr(worker, "_LONG_ENCODING_S", 0)
    command = Command("run", {"shade": Number(0, 255, step=1)}, {"image": Image()})
    raw = (("image", Encoding("raw")),)
    runs = [Run(number, "run", {"shade": number}, raw) for number in range(1, 30)]
    broken = Run(30, "run", {"shade": 1, "other": 2}, raw)
    script = Script([*runs, broken, Peek(31, "image", Encoding("raw"))])
    Worker(Reuser(), Signature({}, {"run": command}), script, script).serve()
    *shown, failed = [message for message in script.said if not isinstance(message, Peeked)]
    assert [output.run for output in shown] == list(range(1, 30)) and isinstance(failed, Failed)
    assert [output.values["image"][0][1].data[0] for output in shown] == list(range(1, 30))


def test_what_is_given_out_behind_the_models_back_may_fail(monkeypatch):
    monkeypatch.setattr(worker, "_LONG_S", 0)
    monkeypatch.setattr(worker, "_LONG_ENCODING_S", 0)
    command = Command("run", {}, {"image": Image()})
    script = Script([Run(1, "run", {}, (WEBP,)), Run(2, "run", {}, (PNG,))])

    class Wide(Model):
        def run(self) -> Any:
            return TOO_WIDE

    Worker(Wide(), Signature({}, {"run": command}), script, script).serve()
    output, failed, good = script.said
    assert isinstance(output, Output) and not output.last
    assert isinstance(failed, Failed) and failed.run == 1
    assert isinstance(good, Output) and good.run == 2 and formats(good) == ["png"]


class Counter(Model):
    """Tells how many runs it was given at once."""

    def one(self, n: float) -> float:
        return n

    def many(self, n: list[float]) -> list[float]:
        return [len(n) * 100 + each for each in n]


def test_runs_go_together_only_in_commands_that_take_them_so():
    ports = ({"n": Number()}, {"number": Number()})
    commands = {name: Command(name, *ports, batch=batch) for name, batch in (("one", 1), ("many", 3))}
    order = ["one", "one", "many", "many", "one", "many", "many", "many", "many"]
    runs = [Run(number, command, {"n": number}, (("number", Encoding()),)) for number, command in enumerate(order)]
    script = Script(runs)
    Worker(Counter(), Signature({}, commands), script, script).serve()
    given = [message for message in script.said if isinstance(message, Output)]
    assert [output.run for output in given] == list(range(9))
    assert [output.values["number"][0][1] for output in given] == [0, 1, 202, 203, 4, 305, 306, 307, 108]
