"""What follows a failure: the next cell, where the library is whole and memory is back, or the end of the process."""

import os
import sys
import traceback

from .devices import clean_up, synchronize
from .failures import failure_of


def recover_or_leave(session, cell, failure) -> None:
    """Goes on after a failure where that is safe and memory is back at its level, else ends the process."""
    tries = failure["status"] == "oom" and survives_out_of_memory(session)
    session.events.emit(
        "cell_failed",
        cellId=cell["id"],
        memory=session.memory.end(),
        recovered=tries,
        **failure,
    )
    if tries and recovers(session):
        # Returns only when no collective of this rank is pending. Each rank says so, and the engine waits for all:
        # then every rank has taken part in the same collectives, and the next cell may start.
        synchronize()
        clean_up()
        if session.memory.is_back():
            session.events.emit("ready", cellId=cell["id"], levelBytes=session.memory.level())
            return
        print("memory is not back at its level after loading: this process ends", flush=True)
    leave()


def survives_out_of_memory(session) -> bool:
    """Whether the library can go on after an allocation failed in the middle of a pass.

    ZeRO is left with parameters that are gathered or on their way, which its recovery lets go; a workspace of fused
    kernels is made once.
    """
    if session.strategy["use"] == "ds-zero":
        return session.recovery is not None
    return not session.strategy.get("kernelInject", False)


def recovers(session) -> bool:
    """Lets the strategy put its library back in order; what it cannot is printed, and ends the process."""
    if session.recovery is None:
        return True
    try:
        session.recovery()
        return True
    except Exception:
        traceback.print_exc()
        return False


def give_up(session, error, phase) -> None:
    """The session cannot go on."""
    traceback.print_exception(error)
    session.events.emit("failed", phase=phase, memory=session.memory.end(), **failure_of(error))
    leave()


def leave() -> None:
    """Ends the process at once: other ranks, threads and what a library does at its end may wait for ever."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(1)
