"""The start of a worker: reads the request, ties the process to the engine, sets the limits.

Must run before torch is imported: a limit on data segments only binds what is allocated after it, and the time of
the imports is part of the answer.
"""

import argparse
import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from .commands import follow_commands
from .engine import die_with_engine, die_with_parent
from .events import EventWriter
from .limits import limit_data_segment
from .memory import MemorySampler
from .read_ahead import ReadAhead, read_ahead


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
    reader: ReadAhead | None = None
    # Brings the library back to between two passes after one that failed; set by strategies that need it.
    recovery: Callable[[], None] | None = None
    kept_alive: list = field(default_factory=list)

    @property
    def on_gpu(self) -> bool:
        return self.request["device"] == "cuda"

    @property
    def strategy(self) -> dict:
        return self.request["strategy"]

    def cells(self):
        """The cells to run, in order: those of the request, then those that the engine asks for one by one."""
        yield from self.request["cells"]
        commands = self.request.get("commandsFile")
        if commands is not None:
            yield from follow_commands(self.folder / commands)


def start_session() -> Session:
    """Reads the command line `request.json [--local_rank N]` and prepares the process."""
    parser = argparse.ArgumentParser()
    parser.add_argument("request", type=Path)
    parser.add_argument("--local_rank", type=int, default=0)  # added by the DeepSpeed launcher
    arguments = parser.parse_args()

    die_with_parent()
    die_with_engine()

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
    session = Session(
        request=request,
        folder=folder,
        rank=rank,
        local_rank=int(os.environ.get("LOCAL_RANK", arguments.local_rank)),
        world_size=world_size,
        events=events,
        memory=memory,
    )
    session.reader = read_ahead(session)
    return session
