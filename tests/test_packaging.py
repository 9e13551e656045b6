"""The package as others get it: sdist, the wheel built from it, and what that does once installed."""

import os
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import venv
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

import specgen

ROOT = Path(__file__).parents[1]
DATA = ("grammars", "specs", "templates")

PROBE = """
import sys, specgen
network = specgen.compile("vgg11")
print(specgen.__file__, network.params, "torch" in sys.modules, sep="\\n")
"""


@dataclass(frozen=True)
class Installed:
    """A virtual environment that has the wheel, and borrows everything else from the one that tests."""

    python: Path
    script: Path
    packages: Path


def run(command: Sequence[str | Path], folder: Path, path: Path | None = None) -> str:
    """What a command prints, run in `folder`, with nothing importable but what is installed and `path`."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    if path is not None:
        environment["PYTHONPATH"] = str(path)
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def files(folder: Path) -> set[str]:
    """The files of a folder of the checkout, as paths from its root, without what is generated."""
    found = (
        path for path in (ROOT / folder).rglob("*") if path.is_file() and "__pycache__" not in path.parts
    )
    names = {path.relative_to(ROOT).as_posix() for path in found}
    return {name for name in names if not name.startswith("docs/layers/")}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist, and the wheel that was built from the sdist."""
    folder = tmp_path_factory.mktemp("built")
    run([sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT], folder)
    return folder


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    (wheel,) = built.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    home = tmp_path_factory.mktemp("installed")
    venv.create(home, with_pip=True)
    places = {"base": str(home), "platbase": str(home)}
    packages = Path(sysconfig.get_path("purelib", "venv", places))
    scripts = Path(sysconfig.get_path("scripts", "venv", places))
    python = scripts / Path(sys.executable).name
    run([python, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", wheel], home)
    # Folders named in a .pth file come after this one's own, and their own .pth files are not read.
    borrowed = dict.fromkeys(sysconfig.get_path(kind) for kind in ("purelib", "platlib"))
    (packages / "borrowed.pth").write_text("\n".join(borrowed), encoding="utf-8")
    return Installed(python, scripts / "specgen", packages)


def test_wheel_has_the_package_and_its_data(wheel: Path) -> None:
    wanted = files(Path("specgen"))
    wanted |= {f"specgen/{name}" for folder in DATA for name in files(Path(folder))}
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert held == wanted
    assert {"specgen/py.typed", "specgen/grammars/spec.lark", "specgen/specs/vgg11.spec"} <= held


def test_sdist_has_what_it_takes_to_build_and_to_test(built: Path) -> None:
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        held = {member.name.partition("/")[2] for member in archive if member.isfile()}
    for folder in ("specgen", *DATA, "tests", "docs", "examples", "benchmarks"):
        assert files(Path(folder)) <= held
    assert {"pyproject.toml", "constraints.txt", "LICENSE", "README.md"} <= held


def test_metadata(wheel: Path) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        metadata = archive.read(name).decode("utf-8").splitlines()
    assert f"Version: {specgen.__version__}" in metadata
    assert "License-Expression: MIT" in metadata
    required = [
        line.removeprefix("Requires-Dist: ") for line in metadata if line.startswith("Requires-Dist: ")
    ]
    assert [line for line in required if "extra ==" not in line] == project["dependencies"]


def places(wheel: Path, installed: Installed) -> Iterator[tuple[Path | None, Path]]:
    """What is put on the import path, and where the package is then found."""
    yield None, installed.packages
    yield ROOT, ROOT
    yield wheel, wheel


def test_works_installed_in_a_bare_checkout_and_from_a_zip_file(
    wheel: Path, installed: Installed, tmp_path: Path
) -> None:
    for path, home in places(wheel, installed):
        where, params, torch_imported = run([installed.python, "-c", PROBE], tmp_path, path).splitlines()
        assert Path(where) == home / "specgen" / "__init__.py"
        assert int(params) == 132_863_336
        assert torch_imported == "False"


def test_emits_the_same_source_from_each(wheel: Path, installed: Installed, tmp_path: Path) -> None:
    program = 'import specgen; print(specgen.compile("vgg11").emit(), end="")'
    for path, _ in places(wheel, installed):
        assert run([installed.python, "-c", program], tmp_path, path) == specgen.compile("vgg11").emit()


def test_console_script(installed: Installed, tmp_path: Path) -> None:
    assert "vgg11" in run([installed.script, "list"], tmp_path)
