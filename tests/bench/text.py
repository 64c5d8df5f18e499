"""Tokens a second, one text and eight at once: our bridge, transformers and CTranslate2 with the same weights."""

import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path

from tests.bench import text_contenders, text_networks
from tests.bench.measure import Goal, Sample, column, in_turns, ratio, spread
from tests.bench.report import Finding, Row
from tests.bench.text_contenders import Alone, Contender, only
from tests.bench.text_networks import Network

OURS = "sketchbridge"
BARE = "our engine, no server"
GENERATE = "transformers.generate"
SERVE = "transformers serve"
BATCHING = "transformers serve, continuous batching"
FLOAT32, INT8 = "ctranslate2 float32", "ctranslate2 int8"
TOGETHER = 8
_TOKENS = 128
_PROMPTS = [f"function draw{number}() {{\n  background(220);\n  for (let i = 0; " for number in range(TOGETHER)]
HOW = """
{about}, saved once and opened by everybody; greedy, {tokens} tokens after a prompt of about thirty, {threads} thread(s)
each: as many as our worker found best.

*sketchbridge* and *transformers serve* are asked over HTTP and stream server-sent events to a client in this process;
eight texts are eight connections at once. *transformers.generate*, *ctranslate2* and *our engine, no server* run in a
process without a server, and get eight texts as one batch (ours: as eight texts, stepped in turns). int8 is another
network, strictly: its weights are rounded, and so its texts differ. Everybody is warm; while one is measured the others
are stopped.
"""


def measure(rounds: int, seconds: float, told: Callable[[str], None]) -> Finding:
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        network = text_networks.like_writer(Path(folder))
        with ExitStack() as stack:
            contenders, threads = opened(network, stack, told)
            samples = in_turns({name: measuring(each, _TOKENS) for name, each in contenders.items()}, rounds, told)
    how = HOW.format(about=network.about[0].upper() + network.about[1:], tokens=_TOKENS, threads=threads)
    return Finding("Text: tokens a second", how, rows(samples), {"threads": threads, **samples})


def opened(
    network: Network, stack: ExitStack, told: Callable[[str], None], *, batching: bool = True
) -> tuple[dict[str, Contender], int]:
    """Everybody, started and stopped for now; and how many threads they have."""
    contenders: dict[str, Contender] = {OURS: (ours := stack.enter_context(text_contenders.bridge(network)))}
    threads = text_contenders.threads_of(ours)
    ours.pause()
    told(f"  {threads} thread(s) each")

    def add(name: str, contender: Contender) -> None:
        contenders[name] = contender
        contender.pause()
        told(f"  {name} is ready")

    converted = text_networks.converted(network, network.folder / "converted")
    add(SERVE, stack.enter_context(text_contenders.serve(network, threads)))
    if batching:
        add(BATCHING, stack.enter_context(text_contenders.serve(network, threads, batching=True)))
    for name, engine in {BARE: "ours", GENERATE: "generate", FLOAT32: "float32", INT8: "int8"}.items():
        folder = converted if engine in text_networks.PEERS else network.folder
        add(name, stack.enter_context(Alone(engine, folder, threads)))
    return contenders, threads


def measuring(contender: Contender, tokens: int) -> Callable[[], Sample]:
    def measure_it() -> Sample:
        with only(contender):
            contender.write(_PROMPTS[:1], 16)
            one = contender.write(_PROMPTS[:1], tokens)
            return {"one": one, "eight": contender.write(_PROMPTS, tokens)}

    return measure_it


def rows(samples: Mapping[str, list[Sample]], *, promised: bool = True) -> list[Row]:
    """What came out; promised was something for the bundled model only."""

    def against(name: str, what: str, ours: str = OURS, goal: Goal | None = None) -> Row:
        label = {"one": "tokens/s, one text", "eight": "tokens/s, eight texts"}[what]
        return Row(
            label if ours == OURS else f"{label}, {ours}",
            _median(samples[ours], what),
            name,
            _median(samples[name], what),
            ratio(samples[ours], samples[name], what),
            goal if promised else None,
        )

    shares = spread(sample["eight"] / sample["one"] for sample in samples[OURS])
    bare = spread(sample["eight"] / sample["one"] for sample in samples[BARE])
    eight, one = _median(samples[OURS], "eight"), _median(samples[OURS], "one")
    others = [name for name in (SERVE, FLOAT32, INT8) if name in samples]
    return [
        against(GENERATE, "one", goal=Goal(1.5)),
        *(against(name, "one") for name in others),
        Row("tokens/s, eight texts in sum", eight, "one text", one, shares, Goal(4) if promised else None),
        *(against(name, "eight") for name in (GENERATE, *others, BATCHING) if name in samples),
        Row(
            f"tokens/s, eight texts in sum, {BARE}",
            _median(samples[BARE], "eight"),
            "one text",
            _median(samples[BARE], "one"),
            bare,
        ),
        *(against(name, what, BARE) for what in ("one", "eight") for name in (FLOAT32, INT8)),
    ]


def _median(samples: list[Sample], what: str) -> str:
    return f"{spread(column(samples, what)).median:,.0f}"
