"""What is in deploy/ fits the services: names of figures, options, alarms, units that load."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from audit.figures import shipper_figures, store_figures
from quote_proxy.figures import cache_figures, legacy_figures
from reactor_server.figures import LaneFigures, node_figures
from service.figures import Figure
from service.intake import intake_figures
from service.server_figures import server_figures
from tests.source_tree import ROOT
from tests.test_plugins import makers
from trigger.figures import trigger_figures
from web.figures import web_figures

DEPLOY = ROOT / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))

_NAME = re.compile(r"\b(?:daytrade|process)_[a-z_]+")
_PROCESS = {
    "process_resident_memory_bytes",
    "process_cpu_seconds_total",
    "process_open_fds",
    "process_max_fds",
}
_SAMPLES = {
    "counter": ["_total"],
    "gauge": [""],
    "histogram": ["_bucket", "_count", "_sum"],
}


class Anything:
    """Stands for whatever figures are read from: only their names are wanted here."""

    def __getattr__(self, name: str) -> "Anything":
        return Anything()


def samples() -> set[str]:
    """Every sample that a service tells."""
    nothing: Any = Anything()
    figures: list[Figure] = [
        *server_figures(nothing),
        *intake_figures(nothing),
        *node_figures([LaneFigures()]),
        *shipper_figures({}),
        *store_figures(nothing),
        *cache_figures(nothing),
        *legacy_figures(nothing, nothing),
        *trigger_figures(nothing, nothing),
        *web_figures(nothing, nothing),
    ]
    return {f"{each.name}{end}" for each in figures for end in _SAMPLES[each.kind]} | _PROCESS


def alerts() -> dict[str, str]:
    """The expression of each alert."""
    text = (DEPLOY / "prometheus/alerts.yml").read_text("utf-8")
    (group,) = yaml.safe_load(text)["groups"]
    return {rule["alert"]: rule["expr"] for rule in group["rules"]}


def dashboard_queries() -> list[str]:
    """The expression of each line on the dashboard."""
    dashboard = json.loads((DEPLOY / "grafana/daytrade.json").read_text("utf-8"))
    return [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]


@pytest.mark.parametrize("query", [*dashboard_queries(), *alerts().values()])
def test_every_query_names_samples_that_services_tell(query: str) -> None:
    named = set(_NAME.findall(query))
    assert named or query.startswith("up{")
    assert named <= samples()


def test_every_alarm_has_its_section_in_the_runbook_and_no_section_is_left_over() -> None:
    page = (ROOT / "docs/operations.md").read_text("utf-8")
    assert re.findall(r"^### (\w+)$", page, re.MULTILINE) == list(alerts())


def test_prometheus_reads_its_files_and_raises_the_alarms(tmp_path: Path) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("no promtool here")
    for path in (*(DEPLOY / "prometheus").iterdir(), Path(__file__).with_name("alerts_test.yml")):
        shutil.copy(path, tmp_path)
    for words in (("check", "config", "prometheus.yml"), ("test", "rules", "alerts_test.yml")):
        done = subprocess.run(
            [promtool, *words],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_a_unit_starts_a_service_that_twistd_knows(unit: Path) -> None:
    (start,) = re.findall(r"^ExecStart=(.*)$", unit.read_text("utf-8"), re.MULTILINE)
    words = start.split()
    name = next(word for word in words if word.startswith("trade-"))
    options = makers()[name].options()
    after = [word for word in words[words.index(name) + 1 :] if word.startswith("--")]
    assert {option.removeprefix("--") for option in after} <= set(options)


def test_the_units_load(tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("no systemd-analyze here")
    twistd = Path(sys.executable).with_name("twistd")
    for unit in UNITS:
        text = unit.read_text("utf-8").replace("/opt/daytrade/bin/twistd", str(twistd))
        name = unit.name.replace("@.", "@1.")
        (tmp_path / name).write_text(text)
    units = [str(path) for path in sorted(tmp_path.glob("*.service"))]
    done = subprocess.run(
        [analyze, "verify", "--man=no", "--generators=no", *units],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    complaints = [line for line in done.stderr.splitlines() if "daytrade-" in line]
    assert complaints == []
    assert done.returncode == 0, done.stderr


def test_the_compose_file_gives_services_options_that_they_know() -> None:
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))
    commands = [each["command"] for each in compose["services"].values() if "command" in each]
    assert len(commands) >= 5
    for name, *words in commands:
        known = set(makers()[name].options())
        assert {word[2:] for word in words if word.startswith("--")} <= known
