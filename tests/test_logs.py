import json
import logging

import pytest

from bridge import logs

log = logging.getLogger("bridge.tests")


@pytest.fixture(autouse=True)
def put_back():
    root = logging.getLogger()
    before = root.handlers[:], root.level
    yield
    root.handlers[:] = before[0]
    root.setLevel(before[1])
    logging.getLogger("bridge").setLevel(logging.NOTSET)


def test_lines_for_programs_carry_the_event_and_its_data(capsys):
    logs.set_up("json", "info")
    log.info("ready", extra=logs.event("ready", url="http://x", name="n"))
    (line,) = map(json.loads, capsys.readouterr().err.splitlines())
    assert (line["event"], line["message"], line["url"], line["name"]) == ("ready", "ready", "http://x", "n")
    assert (line["level"], line["logger"]) == ("info", "bridge.tests")


def test_lines_for_people_name_what_is_more_than_news(capsys):
    logs.set_up("text", "info")
    log.info("one %d", 1)
    log.warning("two")
    first, second = capsys.readouterr().err.splitlines()
    assert first.endswith(" one 1")
    assert second.endswith(" warning: two")


def test_a_line_below_the_level_is_not_written(capsys):
    logs.set_up("text", "warning")
    log.info("no")
    logging.getLogger("elsewhere").info("no")
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("form", ["text", "json"])
def test_the_token_is_left_out_wherever_it_got_in(capsys, form):
    logs.set_up(form, "info", "sesame-opens")
    try:
        raise ValueError("GET /?token=sesame-opens")
    except ValueError:
        log.exception("sesame-opens", extra=logs.event("x", header="Bearer sesame-opens"))
    log.info("GET /api?a=1&token=another HTTP/1.1")
    said = capsys.readouterr().err
    assert "sesame" not in said
    assert "another" not in said
    assert "a=1" in said
    assert "Traceback" in said


def test_setting_up_again_does_not_write_twice(capsys):
    logs.set_up("text", "info")
    logs.set_up("text", "info")
    log.info("once")
    assert len(capsys.readouterr().err.splitlines()) == 1
