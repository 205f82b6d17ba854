import asyncio
import os
import threading
from pathlib import Path

import pytest
from typer.testing import CliRunner

from models.errors import ConfigurationError
from models.sample import Sample
from streams.cli.main import app
from streams.cli.producing import Rate, from_file, from_pipe, pipe_lines
from streams.cli.sending import Count, Order, check_all
from streams.cli.traffic import Bad, Good, Reading

RUN = CliRunner()


def test_strict_names_the_bad_lines_and_sends_nothing(tmp_path: Path) -> None:
    path = tmp_path / "in.jsonl"
    path.write_text('{"text": "a"}\nnonsense\n{"txt": "b"}\n')
    said = RUN.invoke(app, ["send", str(path), "--strict"])
    assert said.exit_code == 78
    assert "2 bad lines; nothing was sent" in said.stderr
    assert "in.jsonl:2: is not JSON" in said.stderr
    assert "in.jsonl:3: has no field 'text'" in said.stderr


def test_a_broker_that_is_not_there_is_unavailable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free_port: int
) -> None:
    monkeypatch.setenv("TIDEGAUGE_KAFKA__BOOTSTRAP", f"127.0.0.1:{free_port}")
    path = tmp_path / "in.jsonl"
    path.write_text('{"text": "a"}\n')
    said = RUN.invoke(app, ["send", str(path)])
    assert said.exit_code == 69
    assert f"Kafka at 127.0.0.1:{free_port} does not answer" in said.stderr


def test_many_bad_lines_are_counted_but_not_all_named(capsys: pytest.CaptureFixture[str]) -> None:
    count = Count()
    for number in range(1, 50):
        count.skipped(Bad(number, "is \x1b[31mnot JSON"))
    assert count.bad == 49
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 21
    assert said[0] == r"line 1 skipped: is \x1b[31mnot JSON"


def test_a_limit_counts_lines_that_are_sent(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    path.write_text("id,text\n1,a\n2,b\n3,c\n")
    order = Order(path, "csv", Reading(), limit=2)
    assert order.total() == 2
    assert [line.number for line in order.lines()] == [2, 3]
    check_all(order)


def test_check_all_stops_at_nothing_but_reports_all(tmp_path: Path) -> None:
    path = tmp_path / "in.jsonl"
    path.write_text("x\n" * 30)
    with pytest.raises(ConfigurationError, match="and 10 more"):
        check_all(Order(path, "jsonl", Reading()))


async def test_a_rate_spreads_records_evenly() -> None:
    clock = asyncio.get_running_loop().time
    rate, began = Rate(50), clock()
    for _ in range(6):
        await rate.wait()
    assert 0.1 <= clock() - began < 1.0


async def test_a_file_comes_in_order() -> None:
    lines = [Good(n, Sample(id=str(n), text="x")) for n in range(1000)]
    assert [line.number async for line in from_file(iter(lines))] == list(range(1000))


async def test_a_line_of_a_pipe_comes_before_the_pipe_ends() -> None:
    reading, writing = os.pipe()
    stop = threading.Event()

    lines = (Good(n, Sample(id="1", text="x")) for n, _ in enumerate(pipe_lines(reading, stop)))
    coming = from_pipe(lines, stop)
    os.write(writing, b"one\ntw")
    assert (await anext(coming)).number == 0
    os.write(writing, b"o")
    os.close(writing)
    assert (await anext(coming)).number == 1
    assert [line async for line in coming] == []
    os.close(reading)
    assert stop.is_set()


def test_a_stopped_pipe_ends_without_another_byte() -> None:
    reading, writing = os.pipe()
    stop = threading.Event()
    stop.set()
    assert list(pipe_lines(reading, stop)) == []
    os.close(reading)
    os.close(writing)
