"""Python loads this first in a drill's workers (by PYTHONPATH): their clock jumps when told to.

`DRILL_CLOCK` names a file that holds one float: seconds that `time.time()` is off, in every second
process, so that clocks differ between the workers of one stage. `time.monotonic()` stays as it is,
as on a machine whose wall clock is set; what C code reads for itself (`datetime.now`) stays, too.
"""

import mmap
import os
import struct
import time
from pathlib import Path


def _jump(path: Path) -> None:
    with path.open("rb") as file:
        offset = mmap.mmap(file.fileno(), 8, access=mmap.ACCESS_READ)
    true_time = time.time

    def shifted() -> float:
        (seconds,) = struct.unpack("d", offset)
        return float(true_time() + seconds)

    time.time = shifted
    time.time_ns = lambda: round(shifted() * 1e9)


if (found := os.environ.get("DRILL_CLOCK")) and os.getpid() % 2:  # noqa: TID251 - before settings
    _jump(Path(found))
