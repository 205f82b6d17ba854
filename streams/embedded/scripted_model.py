"""The scripted model: an OpenAI-compatible server whose answers are known beforehand.

For tests, load and fault drills; never presented as a real model. It labels texts as its key file
says, wrong at a stated rate, and fails on demand.

    python -m streams.embedded.scripted_model --announce PATH --key FILE [--task FILE ...]
        [--accuracy .9] [--judge-auc .9] [--latency-ms 0] [--error-rate 0] [--rate-limit 0]
        [--garbage-rate 0] [--seed 1]

`POST /control` with any fields of `Script` changes the behaviour of the running server;
`GET /control` shows it, `GET /control/counts` how often each text was asked about, and how many
calls were begun in all, those included that the caller gave up.
Completion prompts are understood for the tasks named by `--task`, chat prompts for any task.
"""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from models.task import View
from models.task_file import load_tasks
from streams.embedded.announce import LOOPBACK, announce, check_port
from streams.embedded.program import run_program, until_told_to_stop
from streams.embedded.scripted_answers import Key, Script
from streams.embedded.scripted_server import ScriptedModel, started


async def serve(path: Path, model: ScriptedModel, wanted: int = 0) -> None:
    """Run until told to stop, announced at `path`."""
    runner, port = await started(model.handle, wanted)
    announce(path, {"host": LOOPBACK, "port": port})
    try:
        await until_told_to_stop()
    finally:
        await runner.cleanup()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program."""
    parser = argparse.ArgumentParser(prog="scripted_model", description=__doc__.partition("\n")[0])
    parser.add_argument("--announce", type=Path, required=True)
    parser.add_argument("--port", type=int, default=0, help="port to listen on (0: any)")
    parser.add_argument("--key", type=Path, action="append", default=[])
    parser.add_argument("--task", type=Path, action="append", default=[])
    defaults = asdict(Script())
    for name in ("accuracy", "judge_auc", "sureness", "latency_ms", "error_rate", "garbage_rate"):
        parser.add_argument(f"--{name.replace('_', '-')}", type=float, default=defaults[name])
    for name in ("rate_limit", "seed"):
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, default=defaults[name])
    options = vars(parser.parse_args(arguments))
    port = options.pop("port")
    path, keys, tasks = options.pop("announce"), options.pop("key"), options.pop("task")

    def run() -> None:
        check_port(port)
        asyncio.run(serve(path, _model(keys, tasks, Script(**options)), port))

    return run_program(run)


def _model(keys: Sequence[Path], files: Sequence[Path], script: Script) -> ScriptedModel:
    tasks = list(load_tasks(files).values())
    views = [part for task in tasks for part in (task.annotator, task.judge)]
    limits = {view.text_limit for view in views if isinstance(view, View)}
    key = Key()
    for path in keys:
        key.load(path, limits)
    return ScriptedModel(key, script, tasks)


if __name__ == "__main__":
    sys.exit(main())
