"""What is built works where there is no checkout: the wheel, and the wheel of the sdist."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

from tools.site import ROOT

pytestmark = pytest.mark.slow

FOUND = """
import importlib, json
names = ["holdfast", "scenarios", "optimizer", "simulation", "api"]
print(json.dumps({name: importlib.import_module(name).__file__ for name in names}))
"""


def run(*command: str | Path, at: Path) -> str:
    """Run a command in a folder, with nothing of the checkout on its path; return what it says."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(
        [str(part) for part in command], cwd=at, env=kept, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def build(target: str, source: Path, out: Path) -> Path:
    """Build the wheel or the sdist of a source tree into a folder; return it."""
    run(sys.executable, "-m", "hatchling", "build", "--target", target, "--directory", out,
        at=source)  # fmt: skip
    (made,) = out.iterdir()
    return made


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the wheel of the checkout."""
    return build("wheel", ROOT, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the sdist of the checkout."""
    return build("sdist", ROOT, tmp_path_factory.mktemp("sdist"))


@pytest.fixture(scope="module")
def house(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an environment that has the wheel; its dependencies are those of this one.

    A path file leads to them. Path files over there are not read, so that an editable install
    of the checkout is not found.
    """
    place = tmp_path_factory.mktemp("house") / "venv"
    venv.create(place, with_pip=False, symlinks=True)
    python = place / "bin" / "python"
    inside = run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", at=place)
    (Path(inside.strip()) / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    run(sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps",
        "--no-index", wheel, at=place)  # fmt: skip
    return place


def test_everything_comes_from_the_wheel(house: Path, tmp_path: Path) -> None:
    """No package is found in the checkout."""
    found = json.loads(run(house / "bin" / "python", "-c", FOUND, at=tmp_path))
    assert {name for name, path in found.items() if not path.startswith(str(house))} == set()


def test_the_command_plans_the_corner_shop(house: Path, tmp_path: Path) -> None:
    """Help, a built-in scenario with all its data files, and an audited plan of it."""
    holdfast = house / "bin" / "holdfast"
    assert "nightly" in run(holdfast, "--help", at=tmp_path)
    run(holdfast, "demo-scenario", "corner-shop", "--out", "shop", at=tmp_path)
    run(holdfast, "plan", "shop", "--stages", "replenishment", "--out", "plan", at=tmp_path)
    (proof,) = json.loads((tmp_path / "plan" / "plan.json").read_text())["certificates"]
    assert proof["audited"]
    assert proof["status"] == "optimal"


def test_the_pages_find_their_files(house: Path, tmp_path: Path) -> None:
    """The service of the wheel shows its first page, its styles and its words."""
    look = """
from pathlib import Path
from fastapi.testclient import TestClient
from api.app import create_app
from api.settings import ServiceSettings
app = create_app(ServiceSettings(home=Path("home")), works=False)
http = TestClient(app)
print([http.get(p).status_code for p in ("/sign-in", "/static/page.css", "/words/zh.js")])
app.state.house.queue.close()
app.state.house.database.close()
"""
    assert "[200, 200, 200]" in run(
        house / "bin" / "python", "-W", "ignore", "-c", look, at=tmp_path
    )


def test_the_sdist_makes_the_same_wheel(wheel: Path, sdist: Path, tmp_path: Path) -> None:
    """Nothing that the wheel needs is missing from the sdist."""
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    (source,) = tmp_path.iterdir()
    (tmp_path / "out").mkdir()
    again = build("wheel", source, tmp_path / "out")
    contents = []
    for path in (wheel, again):
        with zipfile.ZipFile(path) as archive:
            contents.append({each.filename: each.CRC for each in archive.infolist()})
    assert contents[0] == contents[1]
