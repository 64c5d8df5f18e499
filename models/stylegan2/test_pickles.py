"""Network pickles are read as data: whatever a file asks for, nothing of it is called."""

import io
import os
import pickle
import pickletools
import struct
from pathlib import Path

import pytest

from models.stylegan2 import pickles

FIXTURES = Path(__file__).parent / "fixtures"


def read(data, **more):
    return pickles.read(io.BytesIO(data), **more)


class Caller:
    """Pickles as a call of anything."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_plain_data_comes_back_whatever_the_protocol(protocol):
    value = {
        "a": [1, -2, 3.5, 1 << 70, None, True],
        "b": ({"x"}, "ü", ()),
        1: {"n": [[], {}]},
        "long": "x" * 300,
    }
    if protocol:  # at 0, sets and bytes come through functions of copyreg
        value["bytes"] = b"\x00\xff" * 200
    else:
        value["b"] = value["b"][1:]
    assert read(pickle.dumps(value, protocol)) == value


def test_the_fixture_is_read_without_torch_or_its_classes():
    layers = pickles.modules(read((FIXTURES / "uncond-32.pkl").read_bytes())["G_ema"])
    assert layers[""].kind == "Generator" and layers["synthesis.b32.conv0"].attributes["up"] == 2
    assert pickles.Tensor(layers["mapping"].tensors["w_avg"]).shape == (64,)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        (os.system, ("touch it",)),
        (eval, ("1",)),
        (exec, ("1",)),
        (getattr, (1, "real")),
        (open, ("it", "w")),
        (__import__, ("os",)),
    ],
)
def test_a_call_is_refused_by_its_name(function, arguments, protocol, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    data = pickle.dumps({"G_ema": [Caller(function, *arguments)]}, protocol)
    with pytest.raises(pickles.Unsafe) as caught:
        read(data)
    assert caught.value.name.endswith(function.__name__)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("what", "data"),
    [
        ("pickle instruction INST", b"(S'true'\nios\nsystem\n."),
        ("os.system", b"(cos\nsystem\nS'true'\no."),
        ("os.system", b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x04true\x85R."),
        ("os.system", b"\x80\x02cos\nsystem\n)\x81."),
        ("collections.OrderedDict.__init__", b"\x80\x04\x8c\x0bcollections\x8c\x14OrderedDict.__init__\x93."),
        ("torch.storage._load_from_bytes.__globals__", b"ctorch.storage\n_load_from_bytes.__globals__\n."),
        ("pickle instruction OBJ", b"(I1\no."),
        ("pickle instruction EXT1", b"\x80\x02\x82\x01."),
        ("pickle instruction PERSID", b"Pabc\n."),
        ("something stored outside", b"\x80\x02N\x85Q."),
        ("pickle instruction NEWOBJ_EX", b"\x80\x04ccollections\nOrderedDict\n)}\x92."),
        ("pickle instruction BYTEARRAY8", b"\x80\x05\x96" + struct.pack("<Q", 1) + b"a."),
    ],
)
def test_every_other_way_to_a_call_is_refused(what, data):
    with pytest.raises(pickles.Unsafe) as caught:
        read(data)
    assert caught.value.name.startswith(what)


def test_building_sets_no_attributes():
    on_a_dict = read(b"\x80\x02ccollections\nOrderedDict\n)R}X\x06\x00\x00\x00hiddenK\x01sb.")
    assert type(on_a_dict) is dict and on_a_dict == {}
    on_a_call = read(b"\x80\x02cnumpy\ndtype\n)R}X\x04\x00\x00\x00nameK\x01sb.")
    assert on_a_call.name == "numpy.dtype" and on_a_call.state == {"name": 1}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x80\x04",
        b"\x80\x04.",
        b"\x80\x04]a.",
        b"\x80\x04}K\x01s.",
        b"\x80\x04K\x01K\x02b.",
        b"\x80\x04K\x01)R.",
        b"\x80\x04h\x05.",
        b"\x80\x04(",
        b"\x80\x04t.",
        b"\x80\x04]]K\x01s.",
        b"\x80\x04}]K\x01s.",  # a list as a key
        b"I" + b"9" * 5000 + b"\n.",
        b"\xff\xd8\xff\xe0JFIF",
    ],
    ids=repr,
)
def test_damage_is_told(data):
    with pytest.raises(pickles.Damaged):
        read(data)


@pytest.mark.parametrize(
    "holder", [{None: 1}, {("a",): 1}, {1.5: 1}, {b"a": 1}, {("a",)}, frozenset([("a",)])], ids=repr
)
@pytest.mark.parametrize("protocol", [4, 5])
def test_what_is_looked_up_by_is_text_or_a_number(holder, protocol):
    with pytest.raises(pickles.Damaged, match="looks something up by a"):
        read(pickle.dumps(holder, protocol))


def test_so_it_is_where_a_dict_is_called_for():
    named = b"\x80\x02ccollections\nOrderedDict\n"
    assert read(named + b"]](K\x01K\x02ea\x85R.") == {1: 2}
    with pytest.raises(pickles.Damaged, match="looks something up by a tuple"):
        read(named + b"]](K\x01\x85K\x02ea\x85R.")


def test_tuples_may_be_as_deep_as_networks_have_them():
    value = "x"
    for _ in range(pickles.MOST_DEPTH):
        value = (value,)
    assert read(pickle.dumps(value)) == value
    with pytest.raises(pickles.Damaged, match="one in another"):
        read(pickle.dumps((value,)))
    assert read(pickle.dumps([(value,)[0], (), ((),)]))[1] == ()


@pytest.mark.parametrize("code", [b"\x8d", b"\x8e", b"\x96"])
def test_a_length_beyond_the_file_takes_no_memory(code):
    with pytest.raises(ValueError, match=r"damaged|BYTEARRAY8"):
        read(b"\x80\x05" + code + struct.pack("<Q", 1 << 40) + b"abc.")


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        (b"c_codecs\nencode\n", b"X\xe8\x03\x00\x00" + b"x" * 1000 + b"U\x06latin1\x86"),
        (b"ccollections\nOrderedDict\n", b"(" + b"".join(b"M%cxK\x01" % n for n in range(200)) + b"d\x85"),
        (b"cbuiltins\nset\n", b"](" + b"".join(b"M%cx" % n for n in range(200)) + b"e\x85"),
    ],
)
def test_what_is_in_the_file_once_is_not_copied_again_and_again(function, arguments):
    begin = b"\x80\x02" + function + b"q\x00" + arguments + b"q\x01"
    assert len(read(begin + b"h\x00h\x01R.")) >= 200
    with pytest.raises(pickles.Damaged, match="more of itself than the file holds"):
        read(begin + b"h\x00h\x01R" * 100 + b".")


def test_a_memo_of_a_huge_number_takes_no_memory():
    assert read(b"\x80\x02K\x07r\xff\xff\xff\xff0j\xff\xff\xff\xff.") == 7


def test_an_endless_row_of_instructions_ends(monkeypatch):
    monkeypatch.setattr(pickles, "MOST_STEPS", 1000)
    with pytest.raises(ValueError, match="more parts"):
        read(b"\x80\x02" + b"}" * 2000 + b".")


def test_layers_that_hold_themselves_end():
    loop = pickles.Called(pickles.PERSISTENT, ({"class_name": "Block", "state": {}},))
    loop.arguments[0]["state"]["_modules"] = {"a": loop, "b": loop}
    with pytest.raises(ValueError, match="more than"):
        pickles.modules(loop)


# --- tensors -------------------------------------------------------------------------------------------------------------------


def storage(numbers=8, kind="FloatStorage", claimed=None, tail=None):
    """Numbers as torch writes them."""

    class Writer(pickle._Pickler):  # the one in Python, which can be told how to write a name
        def persistent_id(self, value):
            return ("storage", Global("torch", kind), "1", "cpu", claimed or numbers, None) if value == "it" else None

    class Global:
        def __init__(self, module, name):
            self.text = f"c{module}\n{name}\n".encode()

    Writer.dispatch = pickle._Pickler.dispatch | {Global: lambda self, value: self.write(value.text)}
    out = io.BytesIO()
    for value in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}):
        out.write(pickle.dumps(value, 2))
    Writer(out, 2).dump("it")
    out.write(pickle.dumps(["1"], 2))
    out.write(struct.pack("<q", claimed or numbers))
    out.write(struct.pack(f"<{numbers}f", *range(numbers)) if tail is None else tail)
    return out.getvalue()


def tensor(shape=(8,), strides=(1,), offset=0, **more):
    return pickles.Called(pickles.TENSOR, (pickles.Called(pickles.STORAGE, (storage(**more),)), offset, shape, strides))


def test_a_tensor_tells_its_numbers():
    kind, data = pickles.Tensor(tensor()).storage()
    assert kind == "float32" and struct.unpack("<8f", data) == tuple(range(8))


@pytest.mark.parametrize(
    ("shape", "strides", "offset"),
    [((9,), (1,), 0), ((8,), (1,), 1), ((1 << 30, 1 << 30), (0, 0), 0), ((2, 2), (1, 7), 0), ((4,), (3,), 0)],
)
def test_a_tensor_that_claims_more_than_is_there_is_refused(shape, strides, offset):
    with pytest.raises(ValueError, match="more numbers"):
        pickles.Tensor(tensor(shape, strides, offset)).storage()


@pytest.mark.parametrize(
    ("shape", "strides", "offset"),
    [
        ((-1,), (1,), 0),
        ((8,), (-1,), 0),
        ((8,), (1,), -4),
        ((1.5,), (1,), 0),
        ((1 << 62,), (1,), 0),
        ([8], (1,), 0),
        ((8,), (1, 1), 0),
    ],
)
def test_an_impossible_shape_is_refused(shape, strides, offset):
    with pytest.raises(ValueError, match=r"impossible shape|no numbers"):
        pickles.Tensor(tensor(shape, strides, offset)).storage()


def test_numbers_cut_short_are_refused():
    with pytest.raises(ValueError, match="more numbers"):
        pickles.Tensor(tensor(claimed=1 << 40, shape=(1 << 39,))).storage()


def test_a_call_among_the_numbers_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    inner = pickle.dumps(Caller(os.system, "touch it"), 2)
    for data in (inner, inner + storage(), storage(kind="load")):
        numbers = pickles.Called(pickles.STORAGE, (data,))
        with pytest.raises(pickles.Unsafe, match=r"\.(system|load)"):
            pickles.Tensor(pickles.Called(pickles.TENSOR, (numbers, 0, (8,), (1,)))).storage()
    assert list(tmp_path.iterdir()) == []


def test_the_machine_knows_only_instructions_that_exist():
    names = {opcode.name for opcode in pickletools.opcodes}
    assert set(pickles._STEPS) | set(pickles._MAKERS) | set(pickles._CONSTANTS) <= names
