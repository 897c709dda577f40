"""What the engine asks for while the worker runs: one JSON object a line, appended to a file that every rank follows.

A file, because every rank sees it whatever launcher stands between, in one order, and it stays as a record.
"""

import json
import os
import time

FIRST_WAIT_SECONDS = 0.001
LONGEST_WAIT_SECONDS = 0.02


def follow_commands(path):
    """Yields the cell of each `cell` command until `finish`. Without an engine the end of the file is the end."""
    offset, rest, wait = 0, b"", FIRST_WAIT_SECONDS
    while True:
        # Opened anew each time: a file that is kept open may look unchanged on a network file system.
        with path.open("rb") as file:
            file.seek(offset)
            data = file.read()
        if not data:
            if not os.environ.get("STOWAGE_ENGINE"):
                return
            time.sleep(wait)
            wait = min(2 * wait, LONGEST_WAIT_SECONDS)
            continue
        offset, wait = offset + len(data), FIRST_WAIT_SECONDS
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            command = json.loads(line)
            if command["command"] == "finish":
                return
            yield command["cell"]
