"""Reads a checkpoint into the page cache while Python still imports its libraries.

What loads a checkpoint touches its mapping page by page, copies, and touches again: the disk waits in between. Threads
that read the same files in order, in large pieces, keep it busy from the first moment on, and loading finds the pages.
"""

import os
import threading
import time
from pathlib import Path

PIECE_BYTES = 8 * 2**20
THREADS = 4
# Pages that are read too early are evicted before they are used.
LARGEST_SHARE_OF_MEMORY = 0.6


class ReadAhead:
    """Reads `files` in the background. `result()` waits for the end and says what was read, and how fast."""

    def __init__(self, files) -> None:
        self._pieces = iter(list(pieces(files)))
        self._lock = threading.Lock()
        self._bytes = 0
        self._started = time.monotonic()
        self._ended = self._started
        self._threads = [
            threading.Thread(target=self._read, name=f"read-ahead-{index}", daemon=True)
            for index in range(THREADS)
        ]
        for thread in self._threads:
            thread.start()

    def result(self) -> dict:
        """Bytes that were read and the seconds from the start to the last of them."""
        for thread in self._threads:
            thread.join()
        return {"bytes": self._bytes, "seconds": self._ended - self._started}

    def _read(self) -> None:
        buffer = bytearray(PIECE_BYTES)
        view = memoryview(buffer)
        while True:
            with self._lock:
                piece = next(self._pieces, None)
            if piece is None:
                return
            path, start, length = piece
            try:
                descriptor = os.open(path, os.O_RDONLY)
                try:
                    count = os.preadv(descriptor, [view[:length]], start)
                finally:
                    os.close(descriptor)
            except OSError:
                return  # loading will meet the same error, and say so
            with self._lock:
                self._bytes += count
                self._ended = time.monotonic()


def pieces(files):
    """(path, start, length) over all files, in order."""
    for path in files:
        size = os.path.getsize(path)
        for start in range(0, size, PIECE_BYTES):
            yield path, start, min(PIECE_BYTES, size - start)


def read_ahead(session):
    """Starts reading the session's checkpoint, or returns None where that would not help.

    One process of a host reads for all. On a cpu device the threads' stacks would count as memory of the device.
    """
    path = session.request["model"]["path"]
    if path is None or not session.on_gpu or session.local_rank != 0:
        return None
    files = sorted(weights_folder(session, Path(path)).glob("*.safetensors"))
    total = sum(file.stat().st_size for file in files)
    if total == 0 or total > LARGEST_SHARE_OF_MEMORY * available_bytes():
        return None
    return ReadAhead(files)


def weights_folder(session, path: Path) -> Path:
    """Ranks that have files of their own may have them in a folder below."""
    own = path / f"tp-{session.world_size}"
    presharded = session.strategy.get("checkpoint") == "presharded"
    return own if presharded and own.is_dir() else path


def available_bytes() -> int:
    """MemAvailable of the host."""
    for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return 0
