"""The --require option: a skip must not hide that a test which could run did not."""

import subprocess
import sys
from pathlib import Path

import pytest

INI = "[pytest]\nmarkers =\n    browser: b\n    processes: p\n"
PLAIN = "def test_plain(): pass\n"
RUNS = "import pytest\n@pytest.mark.browser\ndef test_runs(): pass\n"
SKIPS = "import pytest\n@pytest.mark.browser\ndef test_skips(): pytest.skip('no such thing')\n"
MODULE = "import pytest\npytest.skip('not here', allow_module_level=True)\n"


def run(folder: Path, source: str, *options: str) -> subprocess.CompletedProcess[str]:
    (folder / "conftest.py").write_text(Path(__file__).with_name("conftest.py").read_text())
    (folder / "pytest.ini").write_text(INI)
    (folder / "test_it.py").write_text(source)
    plain = ("-q", "--disable-plugin-autoload", "-p", "no:cacheprovider")
    command = [sys.executable, "-m", "pytest", *plain, *options]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("source", "options", "code"),
    [
        (SKIPS, (), 0),
        (SKIPS, ("--require=browser",), 1),
        (RUNS + SKIPS, ("--require=browser",), 1),
        (RUNS, ("--require=browser",), 0),
        (RUNS, ("--require=browser,processes",), 1),
        (PLAIN, ("--require=browser",), 1),
        (MODULE, ("--require=browser",), 2),
        (RUNS, ("--require=browsers",), 4),
    ],
)
def test_a_required_test_that_does_not_run_fails_the_run(
    tmp_path: Path, source: str, options: tuple[str, ...], code: int
) -> None:
    done = run(tmp_path, source, *options)
    assert done.returncode == code, done.stdout + done.stderr


def test_the_reason_of_the_skip_is_still_told(tmp_path: Path) -> None:
    assert "no such thing" in run(tmp_path, SKIPS, "--require=browser").stdout
