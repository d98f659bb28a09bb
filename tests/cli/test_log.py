"""The log: no secret in it in any form, and no line in it that somebody outside wrote."""

import base64
import json
import logging
from urllib.parse import quote

import pytest
import structlog

from github_app.log import LONGEST, configure_log, get_log

SECRET = "ghs_A very+secret/value=1"
KEY = "-----BEGIN RSA PRIVATE KEY-----\n" + "M" * 64 + "\n-----END RSA PRIVATE KEY-----\n"
early = get_log("early")


def refuse(text):
    raise ValueError(text)


def break_with(text):
    try:
        refuse(text)
    except ValueError:
        early.exception("broke")


@pytest.fixture
def lines(tmp_path):
    file = tmp_path / "log"
    configure_log("info", lambda: (SECRET, KEY, "M" * 64), file=file)
    yield lambda: [json.loads(line) for line in file.read_text().splitlines()]
    structlog.reset_defaults()


@pytest.mark.parametrize(
    "text",
    [
        SECRET,
        f"before {SECRET} after",
        repr(SECRET),
        quote(SECRET, safe=""),
        base64.b64encode(f"x-access-token:{SECRET}".encode()).decode(),
        KEY,
        repr(KEY),
        {"a": {"b": [SECRET]}},
        (SECRET,),
        ValueError(SECRET),
        SECRET.encode(),
    ],
)
def test_t37_a_secret_is_blacked_out_wherever_it_stands(lines, text):
    early.info("something", said=text)
    [line] = lines()
    told = json.dumps(line)
    assert "secret/value" not in told
    assert quote(SECRET, safe="") not in told
    assert "M" * 64 not in told
    assert "[secret]" in told
    assert (line["part"], line["event"], line["level"]) == ("early", "something", "info")


def test_t37_a_traceback_is_kept_at_its_end_and_without_secrets(lines):
    break_with("x" * LONGEST + SECRET)
    [line] = lines()
    assert "secret/value" not in line["exception"]
    assert line["exception"].endswith("[secret]")


def test_t37_nobody_writes_lines_or_colours_of_their_own(lines, tmp_path):
    early.info("said", text="one\ntwo\r\x1b[31mred\x1b]0;title\x07\u202e\x00::set-output", long="x" * 1_000_000)
    [line] = lines()
    assert line["text"] == "one\\ntwo\\r\\x1b[31mred\\x1b]0;title\\x07\\u202e\\x00::set-output"
    assert len(line["long"]) < LONGEST + 50


def test_what_a_library_logs_goes_the_same_way(lines):
    logging.getLogger("uvicorn.error").error("told %s", SECRET)
    [line] = lines()
    assert (line["part"], line["said"]) == ("uvicorn.error", "told [secret]")


def test_the_file_is_for_its_owner_only(lines, tmp_path):
    assert (tmp_path / "log").stat().st_mode & 0o777 == 0o600


def test_at_a_terminal_lines_are_for_reading_and_just_as_clean(capsys):
    configure_log("info", lambda: (SECRET,), as_json=False)
    try:
        early.info("said", text=f"one\ntwo {SECRET}")
        break_with(SECRET)
    finally:
        structlog.reset_defaults()
    told = capsys.readouterr().err
    assert "secret/value" not in told
    assert "one\\\\ntwo [secret]" in told
