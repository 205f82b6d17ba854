"""The last resorts end a process even when nobody reads what it has to say."""

import subprocess
import sys
import time

import pytest

from streams import exit_codes
from streams.process.ending import LAST_WORDS_SECONDS

UNREAD = """
import asyncio, logging, os, sys, threading
from contextlib import suppress
from streams.process.ending import Ending, end_now
from streams.process.watchdog import LoopWatch

os.dup2(2, 1)
os.set_blocking(2, False)
for size in (4096, 1):
    with suppress(BlockingIOError):
        while True:
            os.write(2, b"x" * size)
os.set_blocking(2, True)
logging.basicConfig()

async def loop():
    watch = asyncio.create_task(LoopWatch(1, end_now).beat())
    await asyncio.sleep(0)
    logging.error("the event loop hangs here")

def late():
    Ending(0.1).begin(7)
    threading.Event().wait()

def flush():
    sys.stdout = open(1, "w", closefd=False)
    sys.stdout.write("the flush hangs on this")
    end_now(7)

asyncio.run(loop()) if sys.argv[1] == "loop" else globals()[sys.argv[1]]()
"""


@pytest.mark.processes
@pytest.mark.parametrize(("how", "code"), [("loop", exit_codes.STALLED), ("late", 7), ("flush", 7)])
def test_a_full_pipe_that_nobody_reads_holds_up_no_end(how: str, code: int) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", UNREAD, how], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    began = time.monotonic()
    try:
        assert process.wait(timeout=30) == code
        assert time.monotonic() - began >= LAST_WORDS_SECONDS, "it had its time to say so"
    finally:
        process.kill()
        process.communicate()
