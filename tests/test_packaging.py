"""What is installed is whole, lists its services to twistd, and leaves Twisted as it was.

The wheel is built from a copy of the tree, without a network, and put into an environment of its
own that has our dependencies and not our source.
"""

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Sequence
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.source_tree import PACKAGES, ROOT

TWISTD_HELP = "from twisted.scripts.twistd import run; run()"

OURS = {
    "legacy-quotes",
    "trade-audit",
    "trade-console",
    "trade-quotes",
    "trade-server",
    "trade-triggers",
    "trade-web",
}
TWISTEDS_OWN = {"conch", "dns", "ftp", "inetd", "procmon", "socks", "web", "words"}

LOAD_ALL = """
import sys
from twisted.application.service import IServiceMaker
from twisted.plugin import getPlugins
for maker in getPlugins(IServiceMaker):
    if maker.module.startswith("twistd_plugins."):
        maker.options()
        print(maker.tapname, callable(maker.makeService))
print("reactor", "twisted.internet.reactor" in sys.modules)
for package in ("twisted", "twistd_plugins", "ledger.migrations"):
    __import__(package)
    print(package, sys.modules[package].__file__)
"""

pytestmark = pytest.mark.e2e


def output_of(command: Sequence[str], where: Path) -> str:
    """What a command prints, run in a directory that is not the source's; it must succeed."""
    environment = {name: os.environ[name] for name in os.environ if name != "PYTHONPATH"}
    ended = subprocess.run(
        command, cwd=where, env=environment, capture_output=True, text=True, timeout=120
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def commands_in(help_text: str) -> set[str]:
    """The services that `twistd --help` lists; a description goes on deeper in its line."""
    listed = help_text.partition("\nCommands:\n")[2].splitlines()
    return {line.split()[0] for line in listed if line.startswith("    ") and line[4:5].strip()}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the tree, as a clone has it."""
    copy = tmp_path_factory.mktemp("source") / "daytrade"
    left_out = shutil.ignore_patterns(".*", "build", "*.egg-info", "__pycache__", "dropin.cache")
    shutil.copytree(ROOT, copy, ignore=left_out)
    return copy


@pytest.fixture(scope="module")
def wheel(source: Path) -> Path:
    """The wheel of the copy."""
    folder = source.parent / "wheels"
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    output_of([*pip, "--no-index", "--wheel-dir", str(folder), str(source)], source.parent)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path) -> Path:
    """The Python of an environment that has the wheel, and our dependencies from this one."""
    environment = wheel.parent / "environment"
    venv.create(environment, symlinks=True)
    python = environment / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet"]
    output_of([*pip, "--no-deps", "--no-index", "--no-compile", str(wheel)], wheel.parent)
    (site_packages,) = environment.glob("lib/*/site-packages")
    # A path named here is searched, but the .pth files in it, one of them ours, are not read.
    dependencies = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    (site_packages / "dependencies.pth").write_text("\n".join(dependencies))
    return python


def test_the_wheel_holds_every_file_of_the_packages_and_no_other(source: Path, wheel: Path) -> None:
    """Among them the SQL, the XSD and py.typed, and never an `__init__` of Twisted's packages."""
    product = {
        str(path.relative_to(source))
        for package in PACKAGES | {"twisted", "benchmarks"}
        for path in (source / package).rglob("*")
        if path.is_file()
    }
    with ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert held == product
    assert {"audit/schema.xsd", "ledger/migrations/0001_ledger.sql", "protocol/py.typed"} <= held
    assert {name for name in held if name.startswith("twisted/")} == {
        f"twisted/plugins/{path.name}" for path in (ROOT / "twisted/plugins").glob("daytrade_*.py")
    }


def test_the_command_that_the_wheel_installs_exists(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith("/entry_points.txt")]
        assert "daytrade = daytrade.cli:main" in archive.read(name).decode()
        assert b"\ndef main(" in archive.read("daytrade/cli.py")


def test_twistd_lists_our_services_and_its_own_where_the_wheel_is_installed(
    installed: Path,
) -> None:
    listed = commands_in(output_of([str(installed), "-c", TWISTD_HELP, "--help"], installed.parent))
    assert listed >= OURS | TWISTEDS_OWN


def test_what_is_installed_loads_without_a_reactor_and_without_our_source(
    installed: Path,
) -> None:
    """A reactor taken while plugins are listed would be in the way of `twistd --reactor`."""
    lines = output_of([str(installed), "-c", LOAD_ALL], installed.parent).splitlines()
    said = dict(line.split(" ", 1) for line in lines)
    assert {name: said[name] for name in OURS} == dict.fromkeys(OURS, "True")
    assert said["reactor"] == "False"
    own, dependencies = str(installed.parents[1]), sysconfig.get_path("purelib")
    assert said["twisted"].startswith(dependencies)
    assert said["twistd_plugins"].startswith(own)
    assert said["ledger.migrations"].startswith(own)


def test_twistd_lists_our_services_and_its_own_where_we_are_installed_now(tmp_path: Path) -> None:
    """The environment of the tests: usually an editable one."""
    twistd = Path(sys.executable).with_name("twistd")
    assert commands_in(output_of([str(twistd), "--help"], tmp_path)) >= OURS | TWISTEDS_OWN
