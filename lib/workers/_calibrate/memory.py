"""What of a GPU and of this process is taken, as the driver and the kernel tell it; needs no torch."""

import subprocess
from pathlib import Path


def used_bytes(device: int = 0) -> int:
    """Used bytes of a device, as the driver tells it without making a context."""
    query = ["--query-gpu=memory.used", "--format=csv,noheader,nounits", f"--id={device}"]
    return int(subprocess.check_output(["nvidia-smi", *query], text=True)) * 2**20


def private_bytes() -> int:
    """RssAnon of this process."""
    return status_bytes("RssAnon")


def status_bytes(name: str) -> int:
    """One line of `/proc/self/status`; 0 where the system has none."""
    try:
        text = Path("/proc/self/status").read_text(encoding="ascii")
    except OSError:
        return 0
    for line in text.splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    return 0
