"""The package as somebody installs it: a wheel in an environment of its own, started in an empty folder."""

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import urllib.request
import venv
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from tests.serving import ROOT, served

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
SOURCES = ("priorrg", "train", "assets", "pyproject.toml", "setup.py", "README.md", "LICENSE")


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """What a wheel is built from, without what was built here before."""
    folder = tmp_path_factory.mktemp("sources")
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, folder)
    return folder


def environment(folder: Path, *install: str) -> Path:
    """A virtual environment with PriorRG in it; all else it finds where these tests find it. Returns its bin folder."""
    venv.create(folder, with_pip=False)
    python = folder / "bin" / "python"
    where = subprocess.check_output([python, "-c", "import site; print(site.getsitepackages()[0])"], encoding="utf-8")
    (Path(where.strip()) / "tested.pth").write_text(sysconfig.get_paths()["purelib"], encoding="utf-8")
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, *install], check=True)
    return folder / "bin"


@pytest.fixture(scope="module")
def installed(sources, tmp_path_factory):
    wheels = tmp_path_factory.mktemp("wheels")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*command, "--wheel-dir", wheels, sources], check=True)
    (wheel,) = wheels.glob("priorrg-*.whl")
    return environment(tmp_path_factory.mktemp("environment"), str(wheel))


def ran(folder: Path, *command: str | Path) -> str:
    """What a command printed that was started in `folder` and knows nothing of the repository."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PRIORRG"))}
    done = subprocess.run(command, cwd=folder, env=clean, capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_wheel_serves_the_whole_demonstration_from_an_empty_folder(installed, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    with served(tmp_path, command=[installed / "priorrg", "app"], cwd=empty) as running:
        assert json.load(urllib.request.urlopen(f"{running.address}/healthz"))["status"] == "ok"
        page = urllib.request.urlopen(running.address).read().decode()
        config = urllib.request.urlopen(f"{running.address}/config").read().decode()
        card = urllib.request.urlopen(f"{running.address}/card").read().decode()
        paths = ("session/any", "organise")
        config += "".join(urllib.request.urlopen(f"{running.address}/{path}").read().decode() for path in paths)
        assert list(running.uploads.glob("priorrg-*")), "the app has made its folder for uploads"
    assert not list(running.uploads.glob("priorrg-*")), "it goes when the app does"
    for style in (ROOT / "assets" / "ui").glob("*.css"):
        assert style.read_text(encoding="utf-8").split("{")[0].strip().splitlines()[-1] in page + config, style.name
    for script in (ROOT / "assets" / "ui").glob("*.js"):
        text = script.read_text(encoding="utf-8").strip()[:200]
        assert json.dumps(text)[1:-1] in config or text in config, script.name
    assert card == (ROOT / "assets" / "embedded" / "README.md").read_text(encoding="utf-8")
    assert all(f"example-{folder.name}" in config for folder in (ROOT / "assets" / "examples").iterdir())


@pytest.mark.long
def test_the_wheel_reads_an_example_study_by_its_command(installed, tmp_path):
    example = ROOT / "assets" / "examples" / "growing-effusion"
    said = json.loads(ran(tmp_path, installed / "priorrg", "report", example / "current.dcm", "--json"))
    assert said["report"] and "simulated" in said["weights"]["name"]


def test_the_wheel_trains_by_the_configurations_that_come_with_it(installed, tmp_path):
    code = "from train.config import load_config; print(load_config('paper.yaml').model.vision)"
    assert ran(tmp_path, installed / "python", "-c", code).strip() == "microsoft/rad-dino"
    assert "stage2" in ran(tmp_path, installed / "python", "-m", "train", "--help")


def test_an_editable_install_finds_the_repositorys_assets(sources, tmp_path):
    bin_folder = environment(tmp_path / "environment", "--editable", str(sources))
    code = "from priorrg.assets import ASSETS; print(ASSETS)"
    assert ran(tmp_path, bin_folder / "python", "-c", code).strip() == str(sources / "assets")
    assert "serve the page" in ran(tmp_path, bin_folder / "priorrg", "--help")


def pins(file: str) -> dict[str, Requirement]:
    lines = [line.partition(" #")[0].strip() for line in (ROOT / file).read_text(encoding="utf-8").splitlines()]
    found = [Requirement(line) for line in lines if line and not line.startswith(("#", "-r"))]
    return {re.sub(r"[-_.]+", "-", one.name.lower()): one for one in found}


def ranges(lines: list[str]) -> dict[str, Requirement]:
    return {re.sub(r"[-_.]+", "-", Requirement(line).name.lower()): Requirement(line) for line in lines}


def test_every_range_of_the_package_holds_the_version_that_was_tested():
    extras = PROJECT["optional-dependencies"]
    app, beyond = ranges(PROJECT["dependencies"]), ranges([line for extra in extras.values() for line in extra])
    tested, beside = pins("requirements.txt"), pins("requirements-dev.txt")
    assert app.keys() == tested.keys() and beyond.keys() <= beside.keys()
    assert app.pop("torch").specifier == tested.pop("torch").specifier, "the one that may differ, see requirements.txt"
    for name, wanted in (app | beyond).items():
        (pin,) = (tested | beside)[name].specifier
        assert pin.operator == "==" and Version(pin.version) in wanted.specifier, name


def test_torch_is_past_the_known_flaws_of_loading_weights_and_within_what_zero_gpu_takes():
    torch = pins("requirements.txt")["torch"].specifier
    assert "2.10.0" not in torch, "CVE-2026-4538 reaches up to 2.10.0, CVE-2026-24747 below it"
    assert "2.11.0" in torch, "the builder of ZeroGPU takes none that is newer"
    made = re.search(r"^TORCH := (\S+)", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert made and made[1] in torch
