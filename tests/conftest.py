"""What all tests share: settings that come from the test alone, and skips that may count as failed.

`--require=processes,browser` turns every skip of a test so marked into a failure, and fails a run
in which no such test ran at all: for machines that are known to be able to run them. The tests may
be spread over processes of pytest-xdist; whoever gathers their reports counts.
"""

import contextlib
import os
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from streams.embedded import apache_kafka, ports

if TYPE_CHECKING:
    from tests import postgres

_REQUIRED = pytest.StashKey[set[str]]()


settings.register_profile("any-machine", deadline=None)
settings.load_profile("any-machine")  # how long an example takes is no test


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--require",
        default="",
        metavar="MARKERS",
        help="markers (comma-separated) whose tests must run here: a skip of one is a failure",
    )


def pytest_configure(config: pytest.Config) -> None:
    required: set[str] = {name for name in config.getoption("--require").split(",") if name}
    known = {line.split(":")[0] for line in config.getini("markers")}
    if strangers := required - known:
        raise pytest.UsageError(f"--require: no marker {', '.join(sorted(strangers))}")
    config.stash[_REQUIRED] = required
    if required and not hasattr(config, "workerinput"):
        config.pluginmanager.register(_Ran(required))


class _Ran:
    """Sees which required markers had a test that ran."""

    def __init__(self, required: set[str]) -> None:
        self.missing = set(required)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" and not report.skipped:
            self.missing.difference_update(report.keywords)

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        passed = exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED)
        if self.missing and passed and not session.config.option.collectonly:
            print(f"\n--require: no test marked {', '.join(sorted(self.missing))} ran")
            session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    required: set[str] = item.config.stash[_REQUIRED]
    marks = required.intersection(mark.name for mark in item.iter_markers())
    if marks and report.skipped and not hasattr(report, "wasxfail"):
        _fail(report, f"marked {', '.join(sorted(marks))}, which this machine must run")
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """A whole module that skips hides which marks its tests bear, so with --require it may not."""
    report = yield
    if report.skipped and collector.config.stash[_REQUIRED]:
        _fail(report, "a whole module, while --require is given")
    return report


def _fail(report: pytest.TestReport | pytest.CollectReport, why: str) -> None:
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
    report.outcome = "failed"
    report.longrepr = f"skipped ({reason}), but it is {why}"


@pytest.fixture(autouse=True)
def settings_of_this_test(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No TIDEGAUGE_ variable and no instance running in this folder reaches a test."""
    for name in list(os.environ):  # noqa: TID251 - tests must clear what settings would read
        if name.startswith("TIDEGAUGE_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("TIDEGAUGE_DATA", str(tmp_path / "instance"))
    monkeypatch.setenv("TIDEGAUGE_DESK__PORT", "0")  # several tests may run a desk at once


@pytest.fixture
def free_port() -> int:
    """A loopback port that nothing listened on a moment ago."""
    return ports.free_port()


@pytest.fixture(scope="session")
def kafka_here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[apache_kafka.Cluster]:
    """One real Kafka for the whole run; tests keep apart by `kafka.prefix`."""
    from tests.kafka_here import secured, started  # noqa: PLC0415 - a copy of this file lacks it

    folder = tmp_path_factory.mktemp("kafka")
    cluster = started(folder, extra=secured(folder))
    yield cluster
    apache_kafka.stop(folder)


@pytest.fixture(scope="session")
def postgres_here() -> "Iterator[postgres.Server]":
    """One real PostgreSQL for the whole run; tests keep apart by databases of their own."""
    from tests import postgres  # noqa: PLC0415 - a copy of this file lacks it

    with contextlib.ExitStack() as stack:
        try:
            server = stack.enter_context(postgres.running())
        except postgres.NoPostgres as exc:
            pytest.skip(str(exc))
        yield server
