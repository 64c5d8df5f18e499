"""How an author's class is read, what callers may give it, and what it may give back."""

import re
import sys
from collections.abc import Generator, Iterator
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal, NotRequired, TypedDict

import msgspec
import numpy as np
import pytest

import bridge
from bridge import ports
from bridge.errors import InputError, MissingInput, ModelBroken, ModelFailed, UnknownCommand, UnknownInput
from bridge.model import Model, command, load_class, refined, report_to, signature_of
from bridge.ports import Array, Boolean, Box, Category, Image, Number, Text, Vector
from bridge.signature import Signature, outputs_of, outputs_of_batch

DOCS = Path(__file__).parent.parent / "docs" / "models.md"


class Pencil(Model):
    """Turns a picture into a drawing."""

    def setup(self, paper: Annotated[str, Category(("white", "cream"))] = "white") -> None:
        self.paper = paper

    def run(
        self,
        image: Annotated[np.ndarray, Image()],
        darkness: Annotated[float, Number(0, 1)] = 0.5,
        *,
        soft: bool = False,
    ) -> Annotated[np.ndarray, Image()]:
        return image

    @command
    def measure(self, image: Annotated[np.ndarray, Image()]) -> Annotated[float, Number(), "darkness"]:
        """How dark it is."""
        return float(image.mean())


class Written(TypedDict, total=False):
    generated_text: Annotated[str, Text(pieces=True)]
    encountered_end: bool


class Writer(Model):
    concurrency = 4

    def run(self, prompt: str, max_tokens: int = 20, stop: str | None = None) -> Iterator[Written]:
        yield {"generated_text": prompt}


class Measured(TypedDict):
    length: float
    where: NotRequired[Annotated[list, Box()]]


class Batcher(Model):
    batch = 8

    def run(self, z: Annotated[np.ndarray, Vector(4)], word: list[str]) -> Measured:
        return {"length": [float(np.linalg.norm(row)) for row in z]}


def running(annotations: dict[str, Any], *defaults: Any, name: str = "run", **members: Any) -> type[Model]:
    """A model whose run has these annotations; the defaults are those of the last parameters."""
    parameters = [parameter for parameter in annotations if parameter != "return"]
    made: dict[str, Any] = {"Annotated": Annotated, "Number": Number}
    exec(f"def {name}(self, {', '.join(parameters)}): pass", made)
    function = made[name]
    function.__annotations__ = {"return": str, **annotations}
    function.__defaults__ = defaults or None
    return type("Odd", (Model,), {name: function, **members})


def refusal(cls: type[Model]) -> str:
    with pytest.raises(ModelBroken) as caught:
        signature_of(cls)
    return f"{caught.value.message} | {caught.value.hint}"


class TestReading:
    def test_annotated_parameters_are_the_inputs_with_their_defaults(self):
        inputs = signature_of(Pencil).default.inputs
        assert inputs == {"image": Image(), "darkness": Number(0, 1, default=0.5), "soft": Boolean(default=False)}

    def test_setup_s_parameters_are_the_options(self):
        assert signature_of(Pencil).options == {"paper": Category(("white", "cream"), default="white")}

    def test_a_model_without_setup_has_no_options(self):
        assert signature_of(Writer).options == {}

    def test_one_output_is_named_after_its_kind_or_as_the_author_says(self):
        signature = signature_of(Pencil)
        assert signature.default.outputs == {"image": Image()}
        assert signature.command("measure").outputs == {"darkness": Number()}

    def test_run_comes_first_whatever_the_order_in_the_file(self):
        class Late(Model):
            @command
            def early(self) -> str: ...

            def run(self) -> str: ...

        assert list(signature_of(Late).commands) == ["run", "early"]

    def test_a_marked_command_alone_is_the_default(self):
        class Only(Model):
            @command
            def classify(self, text: str) -> str: ...

        assert signature_of(Only).default.name == "classify"

    def test_descriptions_are_the_docstrings(self):
        signature = signature_of(Pencil)
        assert signature.default.description == "Turns a picture into a drawing."
        assert signature.command("measure").description == "How dark it is."

    def test_iterator_means_streaming_and_total_false_means_any_of_them(self):
        read = signature_of(Writer).default
        assert read.streams and read.named
        assert read.outputs == {"generated_text": Text(pieces=True), "encountered_end": Boolean()}
        assert sorted(read.optional) == ["encountered_end", "generated_text"]

    @pytest.mark.parametrize(
        "returned",
        [
            Iterator[Annotated[str, Text()]],
            Iterator[Annotated[str, Text()] | None],
            Generator[Annotated[str, Text()], None, None],
            Annotated[Iterator[str], Text()],
        ],
    )
    def test_every_way_to_write_a_stream_of_text(self, returned):
        read = signature_of(running({"return": returned})).default
        assert read.streams and read.outputs == {"text": Text()}

    @pytest.mark.parametrize(
        ("written", "port"),
        [
            (str, Text()),
            (float, Number()),
            (int, Number(step=1)),
            (bool, Boolean()),
            (Any, ports.Any()),
            (dict, ports.Any()),
            (dict[str, float], ports.Any()),
            (list, Array(ports.Any())),
            (list[str], Array(Text())),
            (list[Annotated[list, Box()]], Array(Box())),
            (Literal["day", "night"], Category(("day", "night"))),
            (Annotated[np.ndarray, Image], Image()),
            (float | None, Number()),
            (Annotated[float, Number(0, 1)] | None, Number(0, 1)),
        ],
    )
    def test_plain_types_stand_for_ports(self, written, port):
        assert signature_of(running({"value": written})).default.inputs == {"value": port}

    def test_none_as_default_makes_an_input_optional(self):
        signature = signature_of(Writer)
        assert signature.default.inputs["stop"] == Text(default=None)
        assert signature.parse(signature.default, {"prompt": "a"})["stop"] is None

    def test_a_default_written_in_the_port_counts(self):
        cls = running({"level": Annotated[float, Number(0, 1, default=0.25)]})
        signature = signature_of(cls)
        assert signature.parse(signature.default, {}) == {"level": 0.25}

    def test_a_vector_s_default_stays_a_list(self):
        port = signature_of(running({"z": Annotated[Any, Vector(2)]}, np.zeros(2, np.float32))).default.inputs["z"]
        assert port.default == [0.0, 0.0]

    def test_annotations_may_be_text(self, tmp_path):
        (tmp_path / "model.py").write_text(
            "from __future__ import annotations\n"
            "from typing import Annotated, NotRequired, TypedDict\n"
            "from bridge import Model, Number\n"
            "class Out(TypedDict):\n    a: Annotated[float, Number()]\n    b: NotRequired[str]\n"
            "class Later(Model):\n    def run(self, x: Annotated[float, Number(0, 1)] = 1) -> Out: return {'a': x}\n"
        )
        read = signature_of(load_class(tmp_path)).default
        assert read.inputs == {"x": Number(0, 1, default=1)}
        assert read.outputs == {"a": Number(), "b": Text()} and read.optional == ("b",)

    def test_in_a_batch_lists_stand_for_their_items(self):
        read = signature_of(Batcher)
        assert read.default.batch == 8 and read.lanes == {"run": 8}
        assert read.default.inputs == {"z": Vector(4), "word": Text()}
        assert read.default.outputs == {"length": Number(), "where": Box()}

    def test_a_command_may_have_a_batch_of_its_own(self):
        class Both(Model):
            def run(self, word: str) -> str: ...

            @command(batch=4)
            def many(self, word: list[str]) -> list[str]: ...

            @command
            def one(self, word: str) -> str: ...

        read = signature_of(Both)
        assert {name: each.batch for name, each in read.commands.items()} == {"run": 1, "many": 4, "one": 1}
        assert read.command("many").inputs == read.default.inputs == {"word": Text()}
        assert read.lanes == {"run": 1, "many": 4, "one": 1}

    def test_a_batch_of_its_own_counts_more_than_that_of_the_class(self):
        class Both(Model):
            batch = 2

            def run(self, word: list[str]) -> list[str]: ...

            @command(batch=1)
            def one(self, word: str) -> str: ...

        read = signature_of(Both)
        assert {name: each.batch for name, each in read.commands.items()} == {"run": 2, "one": 1}
        assert read.command("one").inputs == read.default.inputs == {"word": Text()}

    def test_what_stands_in_for_a_command_keeps_its_batch(self):
        class Both(Model):
            def run(self, word: str) -> str: ...

            @command(batch=4)
            def many(self, word: list[str]) -> list[str]: ...

        class Other(Both):
            def many(self, word: list[str], more: list[float]) -> list[str]: ...

        read = signature_of(Other).command("many")
        assert read.batch == 4 and list(read.inputs) == ["word", "more"]

    def test_a_batch_without_its_name_is_told(self):
        with pytest.raises(ModelBroken, match=r"@command\(8\) says nothing") as caught:
            command(8)  # type: ignore[call-overload]
        assert "batch=8" in caught.value.hint

    @pytest.mark.parametrize("batch", [0, -1, 2.5, "4", True])
    def test_a_batch_of_its_own_is_a_whole_number(self, batch):
        class Odd(Pencil):
            @command(batch=batch)
            def many(self, word: list[str]) -> list[str]: ...

        assert f"batch is {batch!r}" in refusal(Odd)

    def test_a_wrapped_run_is_read_through_its_wrapper(self):
        import functools

        def logged(function):
            @functools.wraps(function)
            def wrapper(*args, **kwargs):
                return function(*args, **kwargs)

            return wrapper

        class Wrapped(Model):
            @logged
            def run(self, text: str) -> str:
                return text

        assert signature_of(Wrapped).default.inputs == {"text": Text()}

    @pytest.mark.parametrize("cls", [Pencil, Writer, Batcher])
    def test_a_signature_is_the_same_after_it_has_crossed(self, cls):
        signature = signature_of(cls)
        assert msgspec.msgpack.decode(msgspec.msgpack.encode(signature), type=Signature) == signature
        assert msgspec.json.decode(msgspec.json.encode(signature), type=Signature) == signature


class TestRefusing:
    """Each says where and what to write instead."""

    @pytest.mark.parametrize(
        ("annotations", "says"),
        [
            ({"x": np.ndarray}, r"run, parameter 'x': no port is known for ndarray \| .*Image\(\).*Vector"),
            ({"x": tuple[int, int]}, r"parameter 'x': no port is known for tuple\[int, int\]"),
            ({"x": complex}, r"no port is known for complex \| write Annotated\[type, port\]"),
            ({"x": Annotated[float, Number(), Text()]}, "parameter 'x': has two ports"),
            ({"x": Annotated[float, Number(), "speed"]}, "has the text 'speed' beside its port"),
            ({"x": Annotated[str, Category]}, r"Category needs to be told more \| write Category\(\.\.\.\)"),
            ({"walk": float}, "parameter 'walk': has a name that the bridge needs"),
            ({"x": "Nowhere"}, "parameter 'x': Nowhere is not known .* TYPE_CHECKING"),
            ({"x": "Annotated[float, Number(3, 1)]"}, "types can't be read: Number: "),
            ({"return": None}, "does not say what it gives"),
            ({"return": tuple[str, int]}, "no port is known .* TypedDict"),
            ({"return": Iterator}, "does not say what it yields"),
            ({"return": TypedDict("Nothing", {})}, "empty TypedDict"),
            ({"return": TypedDict("Odd", {"far": complex})}, "output 'far': no port is known for complex"),
            ({"return": TypedDict("Odd", {"far": Annotated[str, Text(), "near"]})}, "output 'far' has two names"),
        ],
    )
    def test_annotations_that_name_no_port(self, annotations, says):
        assert re.search(says, refusal(running(annotations)))

    def test_the_file_and_the_line_are_told(self):
        class Here(Model):
            def run(self, x) -> str: ...

        line = Here.run.__code__.co_firstlineno
        assert refusal(Here).startswith(f"tests/test_model.py:{line}: run, parameter 'x': has no type | write")

    def test_a_default_out_of_range(self):
        said = refusal(running({"speed": Annotated[float, Number(0, 1)]}, 3))
        assert "parameter 'speed': its default does not fit" in said and "3 came" in said

    def test_an_option_s_default_is_checked_too(self):
        class Odd(Pencil):
            def setup(self, paper: Annotated[str, Category(("white", "cream"))] = "gray") -> None: ...

        assert "setup, parameter 'paper': its default does not fit" in refusal(Odd)

    def test_parameters_that_do_not_come_by_name(self):
        class Star(Model):
            def run(self, *values: float) -> str: ...

        class Slash(Model):
            def run(self, value: float, /) -> str: ...

        assert "'values': has to come by name" in refusal(Star)
        assert "'value': has to come by name" in refusal(Slash)

    def test_stars_before_a_name_make_numbered_inputs(self):
        class Desk(Model):
            def run(self, **fader: Annotated[float, Number(0, 1, default=0.5), 3]) -> float:
                return sum(fader.values())

        signature = signature_of(Desk)
        assert list(signature.default.inputs) == ["fader/1", "fader/2", "fader/3"]
        inputs = signature.parse(signature.default, {"fader/2": 0.75})
        assert inputs == {"fader/1": 0.5, "fader/2": 0.75, "fader/3": 0.5}
        assert Desk().run(**inputs) == 1.75

    @pytest.mark.parametrize(
        ("hint", "says"),
        [
            (float, "does not say how many"),
            (Annotated[float, Number(0, 1), 3], "needs a default"),
            (Annotated[float, Number(0, 1, default=0), 0], "does not say how many"),
            (Annotated[float, Number(0, 1, default=0), 1000], "does not say how many"),
        ],
    )
    def test_numbered_inputs_need_a_count_and_a_default(self, hint, says):
        class Desk(Model):
            def run(self, **fader) -> float: ...

        Desk.run.__annotations__["fader"] = hint
        assert says in refusal(Desk)

    def test_a_stand_in_needs_what_it_stands_in_for(self):
        class Alone(Model):
            def run(self, w: Annotated[list | None, Vector(2, instead_of="z")] = None) -> float: ...

        class Firm(Model):
            def run(
                self, z: Annotated[list, Vector(2)], w: Annotated[list | None, Vector(2, instead_of="z")] = None
            ) -> float:
                return 0

        assert "'w': stands in for 'z', which is no other input" in refusal(Alone)
        assert "either may be missing" in refusal(Firm)

    def test_what_goes_with_another_input_needs_it_and_a_default(self):
        class Alone(Model):
            def run(self, version: Annotated[int, Number(goes_with=("prompt",))] = 0) -> float: ...

        class Firm(Model):
            def run(self, prompt: str, version: Annotated[int, Number(goes_with=("prompt",))]) -> float: ...

        assert "'version': goes with 'prompt', which is no other input" in refusal(Alone)
        assert "'version': goes with another input, so it may be missing" in refusal(Firm)

    def test_no_run(self):
        assert "Empty has no run" in refusal(type("Empty", (Model,), {}))

    def test_a_generator_that_does_not_say_so(self):
        class Sly(Model):
            def run(self) -> str:
                yield "a"

        assert "yields, so it gives a stream | write `-> Iterator[...]`" in refusal(Sly)

    def test_async_def(self):
        class Late(Model):
            async def run(self) -> str: ...

        assert "async def | write a plain def" in refusal(Late)

    def test_a_command_with_a_word_of_the_class(self):
        class Odd(Pencil):
            @command
            def close(self) -> str: ...

        assert "close: can't be a command" in refusal(Odd)

    @pytest.mark.parametrize("value", [0, -1, 2.5, "4", True])
    @pytest.mark.parametrize("name", ["batch", "concurrency"])
    def test_batch_and_concurrency_are_whole_numbers(self, name, value):
        assert f"{name} is {value!r}" in refusal(running({}, **{name: value}))

    def test_a_batch_can_t_stream(self):
        assert "streams, and a command with batch can't" in refusal(running({"return": Iterator[str]}, batch=2))

    def test_concurrency_is_for_streams(self):
        assert "no command streams" in refusal(running({}, concurrency=2))

    def test_one_output_name_means_one_port(self):
        class Two(Model):
            def run(self) -> Annotated[str, Text(), "answer"]: ...

            @command
            def count(self) -> Annotated[int, Number(), "answer"]: ...

        assert "output 'answer' is another kind in another command" in refusal(Two)


class TestParsing:
    signature = signature_of(Writer)

    def test_defaults_are_filled_in(self):
        assert self.signature.parse(self.signature.default, {"prompt": "a"}) == {
            "prompt": "a",
            "max_tokens": 20,
            "stop": None,
        }

    def test_live_inputs_are_just_those_that_came(self):
        assert self.signature.parse(self.signature.default, {"max_tokens": 3}, partial=True) == {"max_tokens": 3}

    def test_of_an_input_and_its_stand_in_the_last_counts(self):
        class Twofold(Model):
            def run(
                self,
                z: Annotated[list | None, Vector(1)] = None,
                w: Annotated[list | None, Vector(2, instead_of="z")] = None,
            ) -> float: ...

        signature = signature_of(Twofold)
        live = [signature.parse(signature.default, raw, partial=True) for raw in ({"z": [1]}, {"w": [1, 2]}, {})]
        assert [{name: value is None for name, value in given.items()} for given in live] == [
            {"z": False, "w": True},
            {"w": False, "z": True},
            {},
        ]

    def test_what_goes_with_an_input_is_let_go_when_that_comes_without_it(self):
        class Versed(Model):
            def run(self, prompt: str, version: Annotated[int, Number(goes_with=("prompt",))] = 0) -> float: ...

        signature = signature_of(Versed)
        current = {"prompt": "a", "version": 3}
        sent = ({"prompt": "b"}, {"prompt": "b", "version": 4}, {"version": 4}, {})
        assert [signature.let_go(signature.default, given, current) for given in sent] == [{"version": 0}, {}, {}, {}]
        assert signature.let_go(signature.default, {"prompt": "b"}, {"prompt": "a"}) == {}

    def test_what_came_one_after_the_other_is_joined_as_if_each_had_been_taken_in_turn(self):
        class Both(Model):
            def run(
                self,
                prompt: str = "",
                version: Annotated[int | None, Number(goes_with=("prompt",))] = None,
                z: Annotated[list | None, Vector(1)] = None,
                w: Annotated[list | None, Vector(2, instead_of="z")] = None,
            ) -> float: ...

        signature = signature_of(Both)
        joined = partial(signature.joined, signature.default)
        assert joined({"prompt": "a", "version": 1}, {"prompt": "b"}) == {"prompt": "b"}
        assert joined({"prompt": "a", "version": 1}, {"z": [1]}) == {"prompt": "a", "version": 1, "z": [1]}
        assert joined({"z": [1]}, {"w": [1, 2]}) == {"w": [1, 2]}
        assert joined({"w": [1, 2], "z": None}, {"z": [1]}) == {"z": [1]}

    def test_complete_takes_what_parse_gave_and_fills_in_the_rest(self):
        given = self.signature.parse(self.signature.default, {"prompt": "a"}, partial=True)
        assert self.signature.complete(self.signature.default, given)["max_tokens"] == 20

    def test_a_missing_input_is_named(self):
        with pytest.raises(MissingInput, match="input 'prompt' is missing") as caught:
            self.signature.parse(self.signature.default, {"max_tokens": 3})
        assert caught.value.field == "prompt" and "text" in caught.value.hint

    def test_an_unknown_input_is_named_with_the_nearest(self):
        with pytest.raises(UnknownInput, match="no input 'promt'") as caught:
            self.signature.parse(self.signature.default, {"promt": "a"})
        assert caught.value.hint == "did you mean 'prompt'? it takes prompt, max_tokens, stop"

    def test_none_counts_only_where_none_is_the_default(self):
        assert self.signature.parse(self.signature.default, {"stop": None}, partial=True) == {"stop": None}
        with pytest.raises(InputError):
            self.signature.parse(self.signature.default, {"max_tokens": None}, partial=True)

    @pytest.mark.parametrize("raw", [["a"], "prompt", 3, None])
    def test_inputs_come_by_name(self, raw):
        with pytest.raises(InputError, match="inputs come by name"):
            self.signature.parse(self.signature.default, raw)

    def test_options_have_their_own_words(self):
        signature = signature_of(Pencil)
        assert signature.parse_options({}) == {"paper": "white"}
        with pytest.raises(UnknownInput, match="no option 'papers'"):
            signature.parse_options({"papers": "white"})

    def test_an_unknown_command_is_named_with_the_others(self):
        with pytest.raises(UnknownCommand, match="no command 'mesure'") as caught:
            signature_of(Pencil).command("mesure")
        assert caught.value.hint == "did you mean 'measure'? it has run, measure"

    def test_outputs_are_those_of_all_commands_the_default_s_first(self):
        assert list(signature_of(Pencil).outputs) == ["image", "darkness"]


class TestOutputs:
    one = signature_of(Pencil).default
    several = signature_of(Batcher).default
    stream = signature_of(Writer).default

    def test_one_output_is_the_bare_value(self):
        assert outputs_of("drawing", self.one) == {"image": "drawing"}

    def test_several_are_a_dict_and_some_may_be_left_out(self):
        assert outputs_of({"length": 3.0}, self.several) == {"length": 3.0}

    def test_none_in_a_stream_gives_nothing_out(self):
        assert outputs_of(None, self.stream) == {}

    def test_any_may_be_none(self):
        assert outputs_of(None, signature_of(running({"return": dict})).default) == {"any": None}

    @pytest.mark.parametrize(
        ("result", "says"),
        [
            (3.0, "run gave a float"),
            (None, "run gave nothing"),
            ({"length": 3.0, "width": 1}, "gave 'width', which is not one of its outputs"),
            ({}, "left out its output 'length'"),
        ],
    )
    def test_what_does_not_fit_is_told_in_words(self, result, says):
        with pytest.raises(ModelFailed, match=says):
            outputs_of(result, self.several)

    def test_a_run_that_forgot_to_return(self):
        with pytest.raises(ModelFailed, match="run gave nothing back") as caught:
            outputs_of(None, self.one)
        assert caught.value.hint == "return the image"

    def test_a_batch_is_taken_apart(self):
        assert outputs_of_batch({"length": np.array([1.0, 2.0])}, self.several, 2) == [{"length": 1.0}, {"length": 2.0}]
        assert outputs_of_batch(["a", "b"], self.one, 2) == [{"image": "a"}, {"image": "b"}]

    @pytest.mark.parametrize(
        ("result", "says"), [([1.0], "but gave 1 of them as length"), ("ab", "gave a str"), (7, "gave a int")]
    )
    def test_a_batch_gives_as_many_as_it_got(self, result, says):
        with pytest.raises(ModelFailed, match=says):
            outputs_of_batch({"length": result}, self.several, 2)


class TestLoading:
    def write(self, folder: Path, text: str, name: str = "model.py") -> Path:
        folder.mkdir(exist_ok=True)
        (folder / name).write_text(text)
        return folder

    def refused(self, folder: Path) -> str:
        with pytest.raises(ModelBroken) as caught:
            load_class(folder)
        return f"{caught.value.message} | {caught.value.hint}"

    def test_files_beside_it_are_imported_with_a_dot(self, tmp_path):
        self.write(tmp_path, "from bridge import Model\nfrom .words import WORD\nclass A(Model):\n    word = WORD\n")
        self.write(tmp_path, "WORD = 'hello'\n", "words.py")
        assert load_class(tmp_path).word == "hello"

    def test_two_folders_with_files_of_one_name_stay_apart(self, tmp_path):
        for name in ("one", "two"):
            self.write(
                tmp_path / name, "from bridge import Model\nfrom .words import WORD\nclass A(Model): word = WORD\n"
            )
            self.write(tmp_path / name, f"WORD = {name!r}\n", "words.py")
        assert [load_class(tmp_path / name).word for name in ("one", "two")] == ["one", "two"]

    def test_loading_again_reads_the_files_again(self, tmp_path):
        text = "from bridge import Model\nfrom .words import WORD\nclass A(Model): word = WORD\n"
        self.write(self.write(tmp_path, text), "WORD = 'a'\n", "words.py")
        assert load_class(tmp_path).word == "a"
        self.write(tmp_path, "WORD = 'other'\n", "words.py")
        assert load_class(tmp_path).word == "other"

    def test_a_base_in_the_same_file_is_no_second_model(self, tmp_path):
        self.write(tmp_path, "from bridge import Model\nclass Base(Model): ...\nclass Mine(Base): ...\n")
        assert load_class(tmp_path).__name__ == "Mine"

    @pytest.mark.parametrize(
        ("text", "says"),
        [
            ("", "should define one class from Model, it has none"),
            ("from bridge import Model\nclass A(Model): ...\nclass B(Model): ...\n", "it has A, B"),
            ("def broken(:\n", r"model.py is not valid Python: .*\(model.py:1\)"),
            ("\n\n1 / 0\n", "failed while it was loaded, model.py:3: ZeroDivisionError: division by zero"),
            ("import sys\nsys.exit(3)\n", "model.py:2: SystemExit: 3"),
            ("import torchless\n", r"needs torchless, which is not installed \| pip install torchless"),
            ("import safetensors.nowhere\n", "(safetensors).*sketchbridge.torch"),
            ("import words\n", r"words lies beside model.py: write `from .words import"),
            ("from bridge import Number\nNumber(3, 1)\n", "model.py:2: ValueError: Number: "),
        ],
    )
    def test_what_can_t_be_imported_is_told_with_its_line(self, tmp_path, text, says):
        self.write(tmp_path, "WORD = 1\n", "words.py")
        assert re.search(says, self.refused(self.write(tmp_path, text)))

    def test_a_failed_import_leaves_nothing_behind(self, tmp_path):
        before = set(sys.modules)
        self.refused(self.write(tmp_path, "from . import words\n1 / 0\n"))
        self.write(tmp_path, "", "words.py")
        assert not {name for name in set(sys.modules) - before if name.startswith("model_")}

    def test_a_folder_without_code(self, tmp_path):
        assert "model.py is not there" in self.refused(tmp_path)


class TestModel:
    def test_progress_goes_nowhere_outside_the_bridge_and_to_the_reporter_inside(self):
        model, told = Pencil(), []
        model.progress("loading")
        report_to(model, lambda *words: told.append(words))
        model.progress("downloading", 0.5, "weights")
        assert told == [("downloading", 0.5, "weights")]

    def test_an_author_s_test_needs_no_bridge(self):
        model = Pencil()
        model.setup(paper="cream")
        assert model.run(np.zeros((2, 2, 3), np.uint8)).shape == (2, 2, 3)
        model.close()


class TestRefining:
    class Walker(Model):
        """Learns while it is set up how long its vectors are."""

        def setup(self, length: int = 3) -> None:
            self.takes(z=Vector(length))

        def run(self, z: Annotated[list, Vector(description="where")], pace: float = 1) -> float:
            return 0

        @command
        def look(self, z: Annotated[list | None, Vector()] = None) -> float:
            return 0

    def test_what_setup_found_out_counts_in_every_command(self):
        model = self.Walker()
        model.setup(2)
        signature = refined(signature_of(self.Walker), model)
        assert signature.commands["run"].inputs["z"] == Vector(2, description="where")
        assert signature.commands["look"].inputs["z"] == Vector(2, default=None)
        assert signature.commands["run"].inputs["pace"] == Number(default=1.0)
        with pytest.raises(InputError, match="list of 2 numbers"):
            signature.parse(signature.default, {"z": [1, 2, 3]})

    def test_only_inputs_that_are_there_and_of_their_kind(self):
        model = self.Walker()
        model.takes(pace=Vector(2))
        with pytest.raises(ModelBroken, match="pace is a number"):
            refined(signature_of(self.Walker), model)
        other = self.Walker()
        other.takes(y=Vector(2))
        with pytest.raises(ModelBroken, match="y is no input"):
            refined(signature_of(self.Walker), other)


def test_the_author_s_words_are_few_and_all_there():
    assert sorted(bridge.__all__) == sorted(
        [
            "Any",
            "Array",
            "Audio",
            "Boolean",
            "Box",
            "Category",
            "Directory",
            "File",
            "Image",
            "InputError",
            "Landmarks",
            "Model",
            "ModelFailed",
            "Number",
            "Point",
            "Segmentation",
            "Text",
            "Vector",
            "command",
            "load_class",
        ]
    )
    assert all(hasattr(bridge, word) for word in bridge.__all__)


def test_importing_the_author_s_words_imports_no_numpy():
    import subprocess

    code = (
        "import sys, bridge; sys.exit(any(m in sys.modules for m in ('numpy', 'cv2', 'torch', 'asyncio', 'aiohttp')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


class TestDocs:
    blocks = re.findall(r"^```python\n(.*?)^```", DOCS.read_text("utf-8"), re.MULTILINE | re.DOTALL)

    @pytest.mark.parametrize("block", blocks, ids=range(len(blocks)))
    def test_every_example_is_a_model_that_can_be_read(self, block, tmp_path):
        (tmp_path / "example.py").write_text(block)
        space: dict[str, Any] = {"__name__": f"example_{abs(hash(block))}"}
        exec(compile(block, str(tmp_path / "example.py"), "exec"), space)
        models = [
            cls for cls in space.values() if isinstance(cls, type) and issubclass(cls, Model) and cls is not Model
        ]
        assert models
        assert all(signature_of(cls).commands for cls in models)
        for test in [value for name, value in space.items() if name.startswith("test_")]:
            test()

    def test_every_word_of_the_author_s_is_named(self):
        text = DOCS.read_text("utf-8")
        assert not [word for word in bridge.__all__ if not re.search(rf"`@?{word}\b", text)]
