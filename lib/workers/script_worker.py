"""A command of the user's own, one process for each cell, watched from outside.

`script_worker.py request.json` serves the cells of a session. For each it starts itself once more as
`script_worker.py --become LIMIT WORD...`, which sets the limits that a program must have from its first moment and then
becomes the command.
"""

import json
import os
import selectors
import signal
import subprocess
import sys
import time
from pathlib import Path

from stowage_worker.commands import follow_commands
from stowage_worker.engine import die_with_engine, die_with_parent
from stowage_worker.events import EventWriter
from stowage_worker.limits import limit_data_segment
from stowage_worker.outside import OutsideSampler, adopt_orphans, descendants, kernel_kills

# Beginning and end of what a command prints are kept for the engine: arguments stand there, and figures and errors here.
HEAD_BYTES = 32 * 1024
TAIL_BYTES = 96 * 1024
LOOK_SECONDS = 0.1


def main() -> None:
    die_with_parent()
    adopt_orphans()
    path = Path(sys.argv[1]).resolve()
    request = json.loads(path.read_text(encoding="utf-8"))
    events = EventWriter(path.parent / "events" / "rank-0.jsonl", 0)
    script = request["script"]
    sampler = OutsideSampler(events, script["gpus"])
    runner = Runner(request, sampler)
    die_with_engine(runner.kill)
    events.emit("started", pid=os.getpid(), worldSize=1, versions={}, deviceNames=[])
    sampler.start()
    # Each process loads for itself.
    events.emit(
        "loaded", importSeconds=0.0, weightsSeconds=0.0, loadSeconds=0.0, read=None, memory=NOTHING
    )
    for cell in follow_commands(path.parent / request["commandsFile"]):
        events.emit("cell_started", cellId=cell["id"])
        events.emit("script_ended", cellId=cell["id"], **runner.run(cell))
    events.emit("finished")


NOTHING = {"devices": [], "peakRssAnonBytes": 0, "peakRssShmemBytes": 0}


class Runner:
    """Runs one command after the other."""

    def __init__(self, request, sampler) -> None:
        self._request = request
        self._sampler = sampler

    def run(self, cell) -> dict:
        """Runs the command of a cell to its end, and says how it ended."""
        started, kills = time.monotonic(), kernel_kills()
        output = Output()
        cap = self._request["deviceCapBytes"]
        on_cpu = self._request["device"] == "cpu"
        limit = cap if on_cpu and cap is not None else -1
        words = [sys.executable, os.path.abspath(__file__), "--become", str(limit), *cell["command"]]
        self._sampler.begin(cell["id"])
        child = subprocess.Popen(
            words,
            cwd=self._request["script"]["directory"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        over_cap = False
        with selectors.DefaultSelector() as selector:
            selector.register(child.stdout, selectors.EVENT_READ)
            while True:
                for key, _ in selector.select(LOOK_SECONDS):
                    data = os.read(key.fd, 1 << 16)
                    output.append(data)
                    if not data:
                        selector.unregister(key.fileobj)
                if not over_cap and not on_cpu and cap is not None and self._sampler.gpu_peak() > cap:
                    over_cap = True
                    self.kill()
                if child.poll() is not None:
                    break
        seconds = time.monotonic() - started
        memory = self._sampler.end()
        # A launcher may be gone while its ranks go on.
        self.kill()
        bury()
        output.drain(child.stdout)
        code = child.returncode
        return {
            "memory": memory,
            "leastAvailableBytes": self._sampler.least_available(),
            "kernelKills": max(0, kernel_kills() - kills),
            "exitCode": code if code >= 0 else 128 - code,
            "signal": signal.Signals(-code).name if code < 0 else None,
            "overCap": over_cap,
            "seconds": seconds,
            "output": output.text(),
        }

    def kill(self) -> None:
        """Ends all that the command has started. What is killed may just have started another."""
        while pids := descendants():
            for pid in pids:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            time.sleep(0.01)


def bury() -> None:
    """Takes the exit codes of orphans that this process has adopted and ended: nobody else does."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0] != 0:
            pass
    except ChildProcessError:
        pass


class Output:
    """What a command prints: all of it to the log of the session, its two ends to the engine."""

    def __init__(self) -> None:
        self._head = bytearray()
        self._tail = bytearray()
        self._left_out = 0

    def append(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(1, view) :]
        room = HEAD_BYTES - len(self._head)
        self._head += data[:room]
        self._tail += data[room:] if room > 0 else data
        excess = len(self._tail) - TAIL_BYTES
        if excess > 0:
            del self._tail[:excess]
            self._left_out += excess

    def drain(self, pipe) -> None:
        """Takes what is still in the pipe, and waits for nobody."""
        os.set_blocking(pipe.fileno(), False)
        try:
            while data := os.read(pipe.fileno(), 1 << 16):
                self.append(data)
        except BlockingIOError:
            pass

    def text(self) -> str:
        gap = f"\n[{self._left_out} bytes]\n".encode() if self._left_out > 0 else b""
        return bytes(self._head + gap + self._tail).decode("utf-8", errors="replace")


def become(limit: int, words) -> None:
    """Takes the limits that the command is to have, and becomes it."""
    die_with_parent()
    if limit >= 0:
        limit_data_segment(limit)
    try:
        os.execvp(words[0], words)
    except OSError as error:
        sys.exit(f"stowage: cannot start {words[0]!r}: {error.strerror}")


if __name__ == "__main__":
    if sys.argv[1] == "--become":
        become(int(sys.argv[2]), sys.argv[3:])
    else:
        main()
