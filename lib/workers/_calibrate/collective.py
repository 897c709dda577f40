"""All-reduce and all-gather over every GPU of this host, in processes of their own."""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from memory import private_bytes, used_bytes

SIZES = (16 * 1024, 2**20, 2**28)
LIMIT_SECONDS = 60


def run_collective(devices: int) -> dict:
    """What rank 0 measured, or the error with the last that the ranks said. No rank outlives the limit."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        common = {
            **os.environ,
            "WORLD_SIZE": str(devices),
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": str(free_port()),
        }
        with log.open("wb") as output:
            ranks = [
                subprocess.Popen(
                    [sys.executable, str(Path(__file__).parent), "--collective", folder],
                    env={**common, "RANK": str(rank)},
                    stdout=output,
                    stderr=output,
                )
                for rank in range(devices)
            ]
            problem = wait_for(ranks)
        if problem is not None:
            said = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
            return {"error": problem, "log": said[-6:]}
        return json.loads((Path(folder) / "report.json").read_text(encoding="utf-8"))


def wait_for(ranks):
    """None when all ranks ended well; else why not, with all of them ended."""
    deadline = time.monotonic() + LIMIT_SECONDS
    try:
        while any(rank.poll() is None for rank in ranks):
            if any(rank.poll() not in (None, 0) for rank in ranks):
                break
            if time.monotonic() > deadline:
                return f"not done after {LIMIT_SECONDS} s"
            time.sleep(0.05)
        codes = [rank.poll() for rank in ranks]
        return f"exit codes {codes}" if any(codes) or None in codes else None
    finally:
        for rank in ranks:
            if rank.poll() is None:
                rank.kill()
                rank.wait()


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def measure_collective(folder: Path) -> None:
    """One rank; the first one writes."""
    import torch
    import torch.distributed as dist

    from timing import seconds_of

    rank, world = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    torch.cuda.set_device(rank)
    torch.zeros(1, device="cuda")
    before, host_before = used_bytes(rank), private_bytes()
    dist.init_process_group("nccl", rank=rank, world_size=world)
    dist.barrier(device_ids=[rank])
    report = {
        "world": world,
        "barrierBytes": used_bytes(rank) - before,
        "hostBytes": private_bytes() - host_before,
        "sizes": {},
    }
    parts = {
        size: torch.ones(size // 2, dtype=torch.bfloat16, device="cuda") for size in SIZES
    }
    wholes = {
        size: torch.empty(world * part.numel(), dtype=part.dtype, device="cuda")
        for size, part in parts.items()
    }
    torch.cuda.synchronize()
    held = used_bytes(rank) - report["barrierBytes"]
    for name, work in (
        ("allGatherSeconds", lambda size: dist.all_gather_into_tensor(wholes[size], parts[size])),
        ("allReduceSeconds", lambda size: dist.all_reduce(parts[size])),
    ):
        report["sizes"][name] = {
            str(size): seconds_of(lambda size=size: work(size)) for size in SIZES
        }
        # What the communicator has taken so far, beside the tensors.
        report[name.replace("Seconds", "Bytes")] = used_bytes(rank) - held
    if rank == 0:
        (folder / "report.json").write_text(json.dumps(report), encoding="utf-8")
    dist.destroy_process_group()
