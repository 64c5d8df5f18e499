import numpy as np
import pytest

pytest.importorskip("tokenizers")

from models.gpt2 import tokenizer as tokenizing

TEXT = "class Dot {\n  constructor(x) {\n    this.x = x;\n  }\n}\n"


@pytest.fixture(scope="module")
def tokenizer():
    return tokenizing.train_tokenizer([TEXT * 3, "const total = 1024;\n\n\nif (a) {\n      b();\n}\n"], vocabulary=320)


@pytest.mark.parametrize(
    "text",
    ["🌈🐻‍❄️ emoji", "画一个圆；圆形", "naïve\tcafé\r\n", "\n\n  \n   x", "  ", "", TEXT, "<|endoftext", "a\u0000b"],
)
def test_every_text_comes_back_the_same(tokenizer, text):
    assert tokenizer.decode(tokenizer.encode(text).ids) == text


def test_line_breaks_are_not_glued_to_what_stands_before(tokenizer):
    parts = [tokenizer.decode([token]) for token in tokenizer.encode(TEXT).ids]
    assert all("\n" not in part or part.strip() == "" for part in parts)
    assert "\n    " in parts


def test_a_line_typed_so_far_has_the_tokens_of_the_whole(tokenizer):
    whole, so_far = tokenizer.encode(TEXT).ids, tokenizer.encode("class Dot {").ids
    assert whole[: len(so_far)] == so_far


def test_cut_texts_are_whole_in_sum():
    parts = tokenizing.cut(TEXT * 50, 20, np.random.default_rng(0))
    assert "".join(parts) == TEXT * 50 and len(parts) > 50 and all(parts)
    assert {part[-1] for part in parts} & set("\n {(") and {part[-1] for part in parts} - set("\n {(")


def test_texts_become_one_row_with_ends_between(tokenizer):
    row = tokenizing.encode(tokenizer, [TEXT, "x"], cut_every=5)
    assert row.dtype == np.uint16 and (row == 0).sum() == 2 and row[0] == 0
    assert tokenizer.decode(row.tolist()) == TEXT + "x"


def test_the_same_texts_make_the_same_files(tmp_path):
    for name in ("one", "other"):
        tokenizing.prepare([TEXT * 30], [TEXT * 20], tmp_path / name, vocabulary=300, context=8)
    for name in ("tokenizer.json", "train.npy", "valid.npy", "facts.json"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "other" / name).read_bytes()


def test_a_folder_of_texts_becomes_a_corpus(tmp_path, capsys):
    (tmp_path / "texts" / "below").mkdir(parents=True)
    for i in range(6):
        (tmp_path / "texts" / "below" / f"{i}.js").write_text(TEXT * (i + 1), encoding="utf-8")
    (tmp_path / "texts" / "photo.jpg").write_bytes(b"\xff\xd8\xff\x00")
    tokenizing.main(["--texts", str(tmp_path / "texts"), "--into", str(tmp_path / "into"), "--vocabulary", "300"])
    assert "valid_tokens" in capsys.readouterr().out
    learn, valid = (np.load(tmp_path / "into" / f"{name}.npy") for name in ("train", "valid"))
    assert ((learn == 0).sum(), (valid == 0).sum()) == (5, 1)


def test_one_text_is_not_enough(tmp_path):
    (tmp_path / "one.txt").write_text(TEXT, encoding="utf-8")
    with pytest.raises(ValueError, match="two texts at least"):
        tokenizing.read_texts(tmp_path)
