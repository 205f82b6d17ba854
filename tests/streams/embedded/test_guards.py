import os
import urllib.request
from datetime import UTC, datetime
from pathlib import Path

from models.settings import Settings
from streams.embedded.guards import broker_health, clear_metrics, fresh, metrics_served, place
from streams.embedded.parts import metrics_folder
from streams.embedded.retention import Loss

LOSS = Loss("tidegauge.sink", "tidegauge.samples", 1, first=5, last=9)


def test_metrics_are_served_on_loopback_and_their_folder_goes(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path)
    with metrics_served(settings) as address:
        assert metrics_folder(tmp_path).is_dir()
        assert address.startswith("http://127.0.0.1:")
        with urllib.request.urlopen(address, timeout=5) as answer:
            assert answer.status == 200
    assert not metrics_folder(tmp_path).exists()


def test_metrics_listen_elsewhere_only_when_told(tmp_path: Path) -> None:
    with metrics_served(Settings(data=tmp_path, metrics_host="127.0.0.2")) as address:
        port = address.rpartition(":")[2].partition("/")[0]
        with urllib.request.urlopen(f"http://127.0.0.2:{port}/metrics", timeout=5) as answer:
            assert answer.status == 200


def test_only_folders_of_the_dead_are_cleared(tmp_path: Path) -> None:
    gone, alive, other = tmp_path / str(2**22 + 1), tmp_path / str(os.getpid()), tmp_path / "notes"
    for folder in (gone, alive, other):
        folder.mkdir()
    clear_metrics(tmp_path)
    assert not gone.exists()
    assert alive.exists()
    assert other.exists()


def test_a_loss_is_told_once_however_it_grows() -> None:
    grown = Loss("tidegauge.sink", "tidegauge.samples", 1, first=5, last=20)
    later = Loss("tidegauge.sink", "tidegauge.samples", 1, first=40, last=41)
    assert fresh([LOSS], set()) == [LOSS]
    assert fresh([grown, later], {place(LOSS)}) == [later]


def test_a_loss_is_a_row_of_the_brokers_health() -> None:
    row = broker_health(datetime(2026, 1, 1, tzinfo=UTC), LOSS)
    assert (row.stage, row.errors) == ("broker", 5)
    assert "dropped by the broker" in row.note
