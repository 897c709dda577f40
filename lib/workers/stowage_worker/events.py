"""Events of one rank: one JSON object a line, appended and flushed at once, so that a kill loses none."""

import errno
import json
import os
import threading
import time
from pathlib import Path


class EventWriter:
    """Appends to `events/rank-<N>.jsonl`. Safe to use from several threads."""

    def __init__(self, path: Path, rank: int) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("ab", buffering=0)
        self._rank = rank
        self._lock = threading.Lock()
        self._torn = False

    def emit(self, event: str, **values: object) -> None:
        """Writes one event; `time` is Unix time in seconds. Raises OSError when the disk is full."""
        record = {"event": event, "rank": self._rank, "time": time.time(), **values}
        line = json.dumps(record, separators=(",", ":")).encode() + b"\n"
        with self._lock:
            # A full disk takes the first part of a line: the next one must not be glued to it.
            line = b"\n" + line if self._torn else line
            self._torn = True
            written = self._file.write(line)
            if written != len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            self._torn = False
