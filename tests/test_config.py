import re
from pathlib import Path

import pytest

from bridge import config
from bridge.errors import SettingError


def write(folder: Path, text: str) -> Path:
    path = folder / "config.toml"
    path.write_text(text)
    return path


def refusal(**given) -> SettingError:
    with pytest.raises(SettingError) as caught:
        config.load(given.get("flags"), given.get("environ", {}), given.get("file"))
    return caught.value


def test_defaults_are_for_this_machine_only(tmp_path):
    settings = config.load({"state": tmp_path}, {})
    assert (settings.host, settings.port, settings.demo, settings.token) == ("127.0.0.1", 8000, True, "")


def test_flags_win_over_environment_over_file_over_defaults(tmp_path):
    file = write(tmp_path, 'port = 1\nhost = "file"\nlog = "json"\n')
    environ = {"SKETCHBRIDGE_PORT": "2", "SKETCHBRIDGE_HOST": "environment"}
    settings = config.load({"port": 3}, environ, file)
    assert (settings.port, settings.host, settings.log, settings.queue) == (3, "environment", "json", 64)


def test_each_value_tells_where_it_came_from(tmp_path):
    write(tmp_path, "# mine\n\nqueue = 5\n")
    loaded = config.trace({"state": tmp_path, "port": 3}, {"SKETCHBRIDGE_HOST": "::1"})
    origins = loaded.origins
    assert loaded.file == tmp_path / "config.toml"
    assert origins["queue"] == f"{tmp_path / 'config.toml'}, line 3"
    assert (origins["port"], origins["host"], origins["log"]) == ("--port", "SKETCHBRIDGE_HOST", "default")
    assert list(origins) == list(config.described())


def test_a_flag_that_was_not_given_changes_nothing(tmp_path):
    environ = {
        "SKETCHBRIDGE_PORT": "2",
        "SKETCHBRIDGE_MODELS": "a=pencil, palette",
        "SKETCHBRIDGE_STATE": str(tmp_path),
    }
    settings = config.load({"port": None, "models": ()}, environ)
    assert (settings.port, settings.models) == (2, ("a=pencil", "palette"))


@pytest.mark.parametrize("text", ["yes", "on", "true", "1", "TRUE"])
def test_words_for_true(text, tmp_path):
    assert config.load({"state": tmp_path}, {"SKETCHBRIDGE_OPEN": text}).open is True


@pytest.mark.parametrize("text", ["no", "off", "false", "0"])
def test_words_for_false(text, tmp_path):
    assert config.load({"state": tmp_path}, {"SKETCHBRIDGE_DEMO": text}).demo is False


def test_an_empty_variable_counts_as_not_set(tmp_path):
    assert config.load({"state": tmp_path}, {"SKETCHBRIDGE_PORT": ""}).port == 8000


def test_unknown_names_are_refused_with_the_nearest_one(tmp_path):
    in_file = refusal(file=write(tmp_path, "host = 'a'\nprot = 3\n"))
    assert in_file.message == f"prot is not a setting ({tmp_path / 'config.toml'}, line 2)"
    assert in_file.hint == "did you mean port?"
    in_environment = refusal(environ={"SKETCHBRIDGE_TOKN": "x"})
    assert "SKETCHBRIDGE_TOKN" in in_environment.message
    assert in_environment.hint == "did you mean SKETCHBRIDGE_TOKEN?"
    assert "there are: host, port" in refusal(flags={"xyzzy": 1}).hint


def test_a_wrong_value_names_the_place_and_what_it_takes(tmp_path):
    assert refusal(flags={"port": 70000}).message == "--port takes a number from 0 to 65535, not 70000"
    said = refusal(environ={"SKETCHBRIDGE_PORT": "http"}).message
    assert said == "port takes a number from 0 to 65535, not 'http' (SKETCHBRIDGE_PORT)"
    said = refusal(file=write(tmp_path, "\nqueue = 0\n")).message
    assert said == f"queue takes a number above 0, not 0 ({tmp_path / 'config.toml'}, line 2)"


@pytest.mark.parametrize("value", [True, "1.5", [1], {"a": 1}])
def test_a_port_is_a_whole_number(value):
    assert refusal(flags={"port": value}).field == "port"


@pytest.mark.parametrize("name", ["token", "log", "models", "state", "demo", "start_seconds"])
def test_every_kind_of_setting_refuses_a_table(name, tmp_path):
    assert refusal(file=write(tmp_path, f"[{name}]\na = 1\n")).field == name


def test_a_secret_is_not_repeated_in_the_error(tmp_path):
    said = refusal(file=write(tmp_path, "token = 123456\n"))
    assert "123456" not in said.message + said.hint


def test_a_broken_file_is_an_error_in_words(tmp_path):
    assert "is not valid TOML" in refusal(file=write(tmp_path, "port 80\n")).message
    assert "can't be read" in refusal(file=tmp_path / "missing.toml").message
    (tmp_path / "config.toml").write_bytes(b"\xff\xfe")
    assert "not UTF-8" in refusal(file=tmp_path / "config.toml").message


def test_the_file_can_be_named_in_the_environment(tmp_path):
    file = write(tmp_path, "port = 5\n")
    assert config.load({}, {"SKETCHBRIDGE_CONFIG": str(file)}).port == 5


def test_the_state_folders_own_file_cannot_move_the_state_folder(tmp_path):
    file = write(tmp_path, 'state = "elsewhere"\n')
    assert "--state" in refusal(flags={"state": tmp_path}).hint
    assert config.load({}, {}, file).state == Path.cwd() / "elsewhere"


def test_a_home_folder_may_be_written_short(tmp_path):
    assert config.load({"state": Path("~/x")}, {}).state == Path.home() / "x"


def test_every_setting_has_words():
    for name, setting in config.described().items():
        assert setting.doc, name
        assert setting.takes, name
        assert setting.flag == "" or setting.flag.startswith("--"), name


def test_the_page_about_settings_has_each_of_them_and_no_other():
    page = (Path(__file__).parent.parent / "docs" / "settings.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| (?:`(--[a-z-]+)`)? ?\|", page, re.MULTILINE)
    assert rows == [(name, setting.flag) for name, setting in config.described().items()]
