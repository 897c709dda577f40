"""The start of a worker: reads the request, ties the process to the engine, sets the limits.

Must run before torch is imported: a limit on data segments only binds what is allocated after it, and the time of
the imports is part of the answer.
"""

import argparse
import ctypes
import json
import os
import resource
import signal
import stat
import threading
from dataclasses import dataclass, field
from pathlib import Path

from .events import EventWriter
from .memory import MemorySampler

PR_SET_PDEATHSIG = 1  # linux/prctl.h


@dataclass
class Session:
    """One rank of one session."""

    request: dict
    folder: Path
    rank: int
    local_rank: int
    world_size: int
    events: EventWriter
    memory: MemorySampler
    kept_alive: list = field(default_factory=list)

    @property
    def on_gpu(self) -> bool:
        return self.request["device"] == "cuda"

    @property
    def strategy(self) -> dict:
        return self.request["strategy"]


def start_session() -> Session:
    """Reads the command line `request.json [--local_rank N]` and prepares the process."""
    parser = argparse.ArgumentParser()
    parser.add_argument("request", type=Path)
    parser.add_argument("--local_rank", type=int, default=0)  # added by the DeepSpeed launcher
    arguments = parser.parse_args()

    die_with_parent()
    if os.environ.get("STOWAGE_WATCH_STDIN") == "1":
        die_with_stdin()

    request = json.loads(arguments.request.read_text(encoding="utf-8"))
    rank = int(os.environ.get("RANK", "0"))
    world_size = int(os.environ.get("WORLD_SIZE", "1"))
    # DeepSpeed's shared-memory collectives on CPU ask for the number of ranks on this host; torchrun does not set it.
    os.environ.setdefault("LOCAL_SIZE", str(world_size))
    if request["device"] == "cpu" and request["deviceCapBytes"] is not None:
        limit_data_segment(request["deviceCapBytes"])

    folder = arguments.request.resolve().parent
    events = EventWriter(folder / "events" / f"rank-{rank}.jsonl", rank)
    memory = MemorySampler(events, on_gpu=request["device"] == "cuda")
    memory.start()
    return Session(
        request=request,
        folder=folder,
        rank=rank,
        local_rank=int(os.environ.get("LOCAL_RANK", arguments.local_rank)),
        world_size=world_size,
        events=events,
        memory=memory,
    )


def die_with_parent() -> None:
    """Asks the kernel for SIGKILL when the launcher dies: ranks that wait for each other would never notice."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")


def die_with_stdin() -> None:
    """Ends this process when the engine, which holds the other end of stdin, is gone.

    The parent-death signal only reaches the launcher's children; the launcher itself would live on.
    """
    if not stat.S_ISFIFO(os.fstat(0).st_mode):
        return

    def watch() -> None:
        while os.read(0, 4096):
            pass
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, name="stdin-watch", daemon=True).start()


def limit_data_segment(limit_bytes: int) -> None:
    """Caps VmData, so that torch on CPU runs out of memory as it would on a full device."""
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    soft = limit_bytes if hard == resource.RLIM_INFINITY else min(limit_bytes, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))
