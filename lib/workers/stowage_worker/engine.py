"""Ties the life of a worker to the engine that wants its result, whatever launcher stands between them.

Three ways, because each has a hole: the kernel's parent-death signal reaches only the children of a launcher, not the
launcher's; the end of stdin does not reach a rank whose launcher gave it another stdin; and the engine can be looked
up by its number only on the host where it runs.
"""

import ctypes
import os
import select
import signal
import stat
import threading
import time

PR_SET_PDEATHSIG = 1  # linux/prctl.h
LOOK_SECONDS = 1.0


def die_with_parent() -> None:
    """Asks the kernel for SIGKILL when the launcher dies: ranks that wait for each other would never notice."""
    parent = os.getppid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    if os.getppid() != parent:  # it died before the kernel was asked
        kill_self()


def die_with_engine(first=None) -> None:
    """Ends this process when the engine that started it is gone. Without an engine (launch.sh by hand) nothing.

    One thread looks for both: the stack of each counts as memory of a cpu device. `first` is called before the end.
    """
    held = os.environ.get("STOWAGE_WATCH_STDIN") == "1" and stat.S_ISFIFO(os.fstat(0).st_mode)
    engine = os.environ.get("STOWAGE_ENGINE", "")
    ticks = _engine_here(engine)
    if held or ticks is not None:
        threading.Thread(target=_watch, args=(held, ticks, first), name="engine-watch", daemon=True).start()


def _watch(held: bool, ticks, first) -> None:
    """Until stdin, which the engine holds open, has ended, or its process is another one."""
    while ticks is None or start_ticks(ticks[0]) == ticks[1]:
        if not held:
            time.sleep(LOOK_SECONDS)
            continue
        readable, _, _ = select.select([0], [], [], LOOK_SECONDS)
        if readable and not os.read(0, 4096):
            break
    if first is not None:
        first()
    kill_self()


def _engine_here(engine: str):
    """Pid and start of the engine named as `boot/namespace/pid/start ticks`; None where that pid means nothing here."""
    parts = engine.split("/")
    if len(parts) != 4 or (parts[0], parts[1]) != (_boot_id(), _pid_namespace()):
        return None
    return parts[2], parts[3]


def start_ticks(pid: str):
    """When a process started, in ticks since boot; None when it is gone or only a zombie."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            fields = file.read().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in ("Z", "X") else fields[19]


def kill_self() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _boot_id() -> str:
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
        return file.read().strip()


def _pid_namespace() -> str:
    return os.readlink("/proc/self/ns/pid").removeprefix("pid:[").removesuffix("]")
