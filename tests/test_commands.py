"""The Makefile and the scripts behind it."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SCRIPTS = sorted(path for path in (ROOT / ".ci").iterdir() if path.is_file())


def run(*command: str, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_a_script_is_executable_and_has_no_syntax_error(script: Path) -> None:
    shell = script.read_text("utf-8").splitlines()[0].split("/")[-1].split()[-1]
    assert run(shell, "-n", str(script)).stderr == ""
    assert script.stat().st_mode & 0o100


def test_make_alone_lists_every_command() -> None:
    targets = re.search(r"^\.PHONY: (.+)$", (ROOT / "Makefile").read_text("utf-8"), re.M)
    assert targets
    listed = run("make").stdout
    assert not [name for name in targets[1].split() if f"make {name} " not in listed]


def test_an_old_python_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    old = tmp_path / "python-of-old"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    done = run("sh", str(ROOT / ".ci/setup"), str(old), folder=tmp_path)
    assert done.returncode == 1
    assert "needs Python 3.11" in done.stderr
    assert not (tmp_path / ".venv").exists()


def test_the_installer_is_taken_from_the_lock_with_its_hashes(tmp_path: Path) -> None:
    rule = re.search(r"awk '(.+)' \"\$lock\"", (ROOT / ".ci/setup").read_text("utf-8"))
    assert rule
    block = run("awk", rule[1], "requirements-dev.lock").stdout
    assert re.match(r"uv==[\d.]+ \\\n    --hash=sha256:", block)
    assert len(re.findall(r"^\S+==", block, re.M)) == 1
    for name in ("Dockerfile", ".ci/setup"):
        assert rule[1] in (ROOT / name).read_text("utf-8")
