"""What a training loop must not lose."""

import json

import pytest

pytest.importorskip("torch")

import torch

from bridge.kit.checkpoints import append_line, newest_checkpoint, save_checkpoint, write_whole


def saved(folder, count, value):
    layer = torch.nn.Linear(1, 1, bias=False)
    layer.weight.data[:] = value
    save_checkpoint(
        folder / f"checkpoint-{count:05d}.pt", {"net": layer}, {"steps": count}, {"lr": 0.1, "names": ("a",)}
    )


def test_the_newest_is_found_and_older_ones_but_one_are_gone(tmp_path):
    assert newest_checkpoint(tmp_path) is None
    for count in (5, 20, 100):
        saved(tmp_path, count, count)
    content = newest_checkpoint(str(tmp_path))
    assert content["state"] == {"steps": 100} and content["config"] == {"lr": 0.1, "names": ("a",)}
    assert content["net"]["weight"].item() == 100
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint-00020.pt", "checkpoint-00100.pt"]


def test_one_that_was_cut_short_is_passed_over_in_words(tmp_path):
    for count in (1, 2):
        saved(tmp_path, count, count)
    newer = tmp_path / "checkpoint-00002.pt"
    newer.write_bytes(newer.read_bytes()[:100])
    with pytest.warns(UserWarning, match="checkpoint-00002.pt cannot be read"):
        assert newest_checkpoint(tmp_path)["state"] == {"steps": 1}


def test_what_holds_code_is_not_run(tmp_path):
    torch.save({"state": Evil(tmp_path / "ran")}, tmp_path / "checkpoint-00001.pt")
    with pytest.warns(UserWarning, match="cannot be read"):
        assert newest_checkpoint(tmp_path) is None
    assert not (tmp_path / "ran").exists()


class Evil:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return type(self.path).touch, (self.path,)


def test_a_file_is_written_over_and_a_log_grows(tmp_path):
    write_whole(tmp_path / "a.png", b"one")
    write_whole(tmp_path / "a.png", b"two")
    assert (tmp_path / "a.png").read_bytes() == b"two"
    append_line(tmp_path / "log.jsonl", {"a": 1})
    append_line(tmp_path / "log.jsonl", {"a": 2})
    lines = (tmp_path / "log.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == [{"a": 1}, {"a": 2}]
    assert {path.name for path in tmp_path.iterdir()} == {"a.png", "log.jsonl"}
