"""What `sketchbridge new NAME` makes: a model that is in order as it stands."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bridge import manifest, template
from bridge.errors import InputError, NameTaken, SetupError
from bridge.model import load_class, signature_of

ROOT = Path(__file__).parent.parent


def test_the_new_model_passes_its_own_test(tmp_path):
    made = template.create("slow-rain", tmp_path / "models")
    asked = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-c",
        os.devnull,
        "--rootdir",
        str(made),
        str(made),
    ]
    answer = subprocess.run(
        asked, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False, cwd=made
    )
    assert answer.returncode == 0 and "1 passed" in answer.stdout, answer.stdout + answer.stderr


def test_its_name_is_everywhere(tmp_path):
    made = template.create("slow-rain", tmp_path)
    assert load_class(made).__name__ == "SlowRain"
    assert manifest.read(made).title == "Slow rain"
    assert (made / "README.md").read_text().startswith("# Slow rain\n")
    texts = {file.name: file.read_text() for file in made.iterdir() if file.is_file()}  # loading left a __pycache__
    left = [name for name, text in texts.items() if "MyModel" in text or "My model" in text]
    assert left == []


@pytest.mark.parametrize("name", ["a", "3d", "model", "image", "none", "a_b-c", "x" * 64, "0"])
def test_every_name_gives_a_model_that_can_be_read(tmp_path, name):
    made = template.create(name, tmp_path)
    assert manifest.read(made).title
    assert signature_of(load_class(made)).default.name == "run"


@pytest.mark.parametrize(
    "name", ["", "-a", "_a", "A", "slow rain", "a/b", "..", "a.b", "x" * 65, "größe", "con", "lpt1"]
)
def test_a_name_that_can_t_be_a_model_s(tmp_path, name):
    with pytest.raises(InputError) as caught:
        template.create(name, tmp_path)
    assert caught.value.field == "name" and caught.value.hint
    assert list(tmp_path.iterdir()) == []


def test_a_better_name_is_suggested(tmp_path):
    with pytest.raises(InputError) as caught:
        template.create("Slow Rain!", tmp_path)
    assert caught.value.hint.startswith("such as slow-rain: ")


def test_what_is_there_stays(tmp_path):
    (tmp_path / "rain").write_text("mine")
    with pytest.raises(NameTaken, match="is there already"):
        template.create("rain", tmp_path)
    assert (tmp_path / "rain").read_text() == "mine"


def test_a_place_that_can_t_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SetupError, match="can't be written"):
        template.create("rain", tmp_path / "file")


def test_nothing_but_the_folder_is_left(tmp_path):
    template.create("rain", tmp_path)
    assert [item.name for item in tmp_path.iterdir()] == ["rain"]
