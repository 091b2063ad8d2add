"""Logs for machines: one line for each event, with its fields, and never a secret."""

import io
import json
from typing import Any

from twisted.logger import Logger
from twisted.python.failure import Failure

from service.json_log import JsonLog, line_of


class Log:
    """A logger, and the lines that came of it."""

    def __init__(self) -> None:
        self._file = io.StringIO()
        self.logger = Logger("source", observer=JsonLog(self._file))

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._file.getvalue().splitlines()]


def test_an_event_is_one_line_with_its_text_and_its_fields() -> None:
    log = Log()
    log.logger.warn("{command_id} is late\nby {late_s} s", command_id="ab12", late_s=1.5)
    (line,) = log.lines
    assert line.pop("time").endswith("+00:00")
    assert line == {
        "level": "warn",
        "source": "source",
        "text": "ab12 is late\nby 1.5 s",
        "command_id": "ab12",
        "late_s": 1.5,
    }


def test_a_failure_comes_with_its_traceback() -> None:
    log = Log()
    log.logger.failure("this went wrong", Failure(ValueError("no such thing")))
    (line,) = log.lines
    assert line["level"] == "critical"
    assert "ValueError: no such thing" in line["traceback"]


def test_fields_that_may_hold_a_secret_are_left_out() -> None:
    log = Log()
    log.logger.info("logged in", password="hunter2", api_key="abc", DSN="x", name="anna")
    (line,) = log.lines
    assert line["name"] == "anna"
    assert not {"password", "api_key", "DSN"} & line.keys()


def test_what_is_no_plain_value_is_left_out() -> None:
    assert line_of({"log_namespace": "x", "transport": object()}).keys() == {
        "time",
        "level",
        "source",
        "text",
    }
