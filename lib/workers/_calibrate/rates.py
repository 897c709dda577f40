"""Rates that the hardware reaches: memory, matrix products, the link to the host, the disk."""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from mmap import mmap
from pathlib import Path

import torch

from timing import graphed, seconds_of

GIB = 2**30


def memory_rates() -> dict:
    """Bytes a second of device memory: copied (read and written), read, and read as weights by few rows."""
    source = torch.empty(2 * GIB, dtype=torch.uint8, device="cuda")
    target = torch.empty_like(source)
    copied = seconds_of(lambda: target.copy_(source))
    numbers = source.view(torch.float32)
    read = seconds_of(lambda: numbers.sum())
    del source, target, numbers
    rates = {
        "copyBytesPerSecond": 4 * GIB / copied,
        "readBytesPerSecond": 2 * GIB / read,
        "weightReadBytesPerSecond": {},
    }
    # More weights than the caches hold, one after the other, as the layers of a model are.
    weights = [
        torch.randn(16384, 4096, dtype=torch.bfloat16, device="cuda") for _ in range(16)
    ]
    total = sum(weight.numel() * 2 for weight in weights)
    for rows in (1, 8, 32, 128):
        x = torch.randn(rows, 4096, dtype=torch.bfloat16, device="cuda")

        def products(x=x):
            for weight in weights:
                torch.nn.functional.linear(x, weight)

        seconds = seconds_of(graphed(products))
        rates["weightReadBytesPerSecond"][str(rows)] = total / seconds
    return rates


def product_rates() -> dict:
    """FLOP/s of a product of 8192-square matrices."""
    rates = {}
    for dtype in (torch.bfloat16, torch.float16, torch.float32):
        left, right = (
            torch.randn(8192, 8192, dtype=dtype, device="cuda") for _ in range(2)
        )
        seconds = seconds_of(lambda: left @ right, repeats=5)
        rates[str(dtype).removeprefix("torch.")] = 2 * 8192**3 / seconds
    return {"flops": rates}


def host_rates() -> dict:
    """Bytes a second between the host and device 0."""
    size = GIB
    device = torch.empty(size, dtype=torch.uint8, device="cuda")
    rates = {}
    for name, pinned in (("Pinned", True), ("Pageable", False)):
        host = torch.ones(size, dtype=torch.uint8, pin_memory=pinned)
        down = seconds_of(lambda: device.copy_(host, non_blocking=True), repeats=4)
        up = seconds_of(lambda: host.copy_(device, non_blocking=True), repeats=4)
        rates[f"hostToDevice{name}BytesPerSecond"] = size / down
        rates[f"deviceToHost{name}BytesPerSecond"] = size / up
    return rates


def disk_rate(folder: Path) -> dict:
    """Bytes a second of a 4 GiB file written to the folder and read past the page cache by four threads."""
    path = folder / f".stowage-disk-{os.getpid()}"
    piece, count = 16 * 2**20, 256
    try:
        started = time.perf_counter()
        with path.open("wb") as file:
            block = os.urandom(piece)
            for _ in range(count):
                file.write(block)
            os.fsync(file.fileno())
        written = time.perf_counter() - started

        def read(first: int) -> None:
            buffer = mmap(-1, piece)  # aligned, as O_DIRECT asks
            descriptor = os.open(path, os.O_RDONLY | os.O_DIRECT)
            for index in range(first, count, 4):
                os.preadv(descriptor, [buffer], index * piece)
            os.close(descriptor)

        started = time.perf_counter()
        with ThreadPoolExecutor(4) as threads:
            list(threads.map(read, range(4)))
        seconds = time.perf_counter() - started
        size = piece * count
        return {"writeBytesPerSecond": size / written, "readBytesPerSecond": size / seconds}
    except OSError as error:
        return {"error": str(error)}
    finally:
        path.unlink(missing_ok=True)
