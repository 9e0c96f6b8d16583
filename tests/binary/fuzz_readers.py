"""Throw changed files at every reader of binary files for a while: `python tests/binary/fuzz_readers.py --seconds 20`.

Ends with exit code 1 on anything but an answer or a refusal, and prints the bytes to be kept in `corpus/`. A reader
that takes longer than ten seconds for one input, or makes the process larger than a gigabyte, has failed too.
"""

from __future__ import annotations

import argparse
import base64
import random
import resource
import signal
import sys
import tempfile
import time
import traceback
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1])]

from hostile_readers import inputs, readers  # noqa: E402 - helpers are found by the line above

LONGEST = 10
"""Seconds for one input: far more than any takes, and less than no end."""
LARGEST = 1024**3
BATCH = 200


class TooLong(Exception):
    """A reader did not end."""


def too_long(_signal: int, _frame: object) -> None:
    raise TooLong


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--seed", type=int, default=None, help="the same inputs again; else new ones in every run")
    words = parser.parse_args()
    seed = random.SystemRandom().randrange(2**32) if words.seed is None else words.seed
    resource.setrlimit(resource.RLIMIT_AS, (LARGEST, LARGEST))
    signal.signal(signal.SIGALRM, too_long)
    with tempfile.TemporaryDirectory() as folder:
        every = readers(Path(folder))
    streams = {name: inputs(reader.files, random.Random(f"{seed} {name}")) for name, reader in every.items()}
    counts = dict.fromkeys(every, 0)
    until = time.monotonic() + words.seconds
    while time.monotonic() < until:
        for name, reader in every.items():
            for _ in range(BATCH):
                data = next(streams[name])
                signal.alarm(LONGEST)
                try:
                    reader.read(data)
                except Exception:
                    signal.alarm(0)
                    traceback.print_exc()
                    print(f"{name}: seed {seed}, input {counts[name]}; keep it as tests/binary/corpus/{name}-WHAT.b64:")
                    print(base64.encodebytes(data).decode())
                    return 1
                signal.alarm(0)
                counts[name] += 1
    told = ", ".join(f"{count} of {name}" for name, count in counts.items())
    print(f"fuzz_readers: {sum(counts.values())} inputs answered or refused ({told}; seed {seed})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
