"""Measures what the time and memory of this machine's GPUs follow from, in under two minutes, as one line of JSON.

    python calibrate_device.py [--folder DIR]

Each figure is what the hardware and the libraries reach here: rates of memory, matrix products and links, the cost of a
kernel on the device and of one call from Python, the bytes that libraries take before any tensor, the seconds of the
imports. With a folder, the rate of its disk too.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

GIB = 2**30


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--collective", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.collective is not None:
        measure_collective(arguments.collective)
        return
    begun = time.perf_counter()
    idle = used_bytes()
    report = {"formatVersion": "1.0", "imports": measure_imports()}
    import torch

    torch.cuda.init()
    torch.zeros(1, device="cuda")
    torch.cuda.synchronize()
    report["device"] = torch.cuda.get_device_name(0)
    report["devices"] = torch.cuda.device_count()
    report["versions"] = {"torch": torch.__version__, "cuda": torch.version.cuda}
    report["totalBytes"] = torch.cuda.get_device_properties(0).total_memory
    report["memory"] = {
        "contextBytes": used_bytes() - idle,
        "hostPrivateBytes": private_bytes(),
    }
    report["rates"] = {**memory_rates(torch), **product_rates(torch), **host_rates(torch)}
    report["costs"] = kernel_costs(torch)
    report["steps"] = [step_cost(torch, family) for family in ("bloom", "llama")]
    if arguments.folder is not None:
        report["disk"] = disk_rate(arguments.folder)
    if report["devices"] > 1:
        report["collective"] = run_collective(report["devices"])
    report["seconds"] = time.perf_counter() - begun
    print(json.dumps(report))


def measure_imports() -> dict:
    """Seconds of each import, in the order in which the workers import; null where a package is missing."""
    seconds = {}
    for name in ("torch", "transformers", "accelerate", "deepspeed"):
        started = time.perf_counter()
        try:
            module = __import__(name)
            if name == "transformers":
                module.AutoModelForCausalLM  # noqa: B018 - imported on first use
            seconds[name] = time.perf_counter() - started
        except ImportError:
            seconds[name] = None
    return seconds


def memory_rates(torch) -> dict:
    """Bytes a second of device memory: copied (read and written), read, and read as weights by few rows."""
    source = torch.empty(2 * GIB, dtype=torch.uint8, device="cuda")
    target = torch.empty_like(source)
    copied = seconds_of(torch, lambda: target.copy_(source))
    numbers = source.view(torch.float32)
    read = seconds_of(torch, lambda: numbers.sum())
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

        seconds = seconds_of(torch, graphed(torch, products))
        rates["weightReadBytesPerSecond"][str(rows)] = total / seconds
    return rates


def product_rates(torch) -> dict:
    """FLOP/s of a product of 8192-square matrices."""
    rates = {}
    for dtype in (torch.bfloat16, torch.float16, torch.float32):
        left, right = (
            torch.randn(8192, 8192, dtype=dtype, device="cuda") for _ in range(2)
        )
        seconds = seconds_of(torch, lambda: left @ right, repeats=5)
        rates[str(dtype).removeprefix("torch.")] = 2 * 8192**3 / seconds
    return {"flops": rates}


def host_rates(torch) -> dict:
    """Bytes a second between the host and device 0."""
    size = GIB
    device = torch.empty(size, dtype=torch.uint8, device="cuda")
    rates = {}
    for name, pinned in (("Pinned", True), ("Pageable", False)):
        host = torch.ones(size, dtype=torch.uint8, pin_memory=pinned)
        down = seconds_of(torch, lambda: device.copy_(host, non_blocking=True), repeats=4)
        up = seconds_of(torch, lambda: host.copy_(device, non_blocking=True), repeats=4)
        rates[f"hostToDevice{name}BytesPerSecond"] = size / down
        rates[f"deviceToHost{name}BytesPerSecond"] = size / up
    return rates


def kernel_costs(torch) -> dict:
    """Seconds of a kernel that does nothing to speak of: called from Python, and replayed from a graph."""
    x = torch.zeros(256, device="cuda")
    count = 2000

    def calls():
        for _ in range(count):
            x.add_(1.0)

    called = wall_seconds(torch, calls) / count
    replayed = seconds_of(torch, graphed(torch, calls)) / count
    return {"callSeconds": called, "kernelSeconds": replayed}


def step_cost(torch, family: str) -> dict:
    """A decode step of Hugging Face's `generate` with tensors so small that only the calls cost, and its kernels."""
    from transformers import AutoConfig, AutoModelForCausalLM

    sizes = {
        "bloom": {"n_layer": 24, "n_head": 4, "hidden_size": 256},
        "llama": {
            "num_hidden_layers": 24,
            "num_attention_heads": 4,
            "num_key_value_heads": 4,
            "hidden_size": 256,
            "intermediate_size": 512,
        },
    }[family]
    config = AutoConfig.for_model(family, vocab_size=1024, **sizes)
    with torch.device("cuda"):
        model = AutoModelForCausalLM.from_config(
            config, dtype=torch.bfloat16, attn_implementation="eager"
        ).eval()
    ids = torch.ones((1, 8), dtype=torch.int64, device="cuda")

    def generate(tokens: int) -> None:
        model.generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            do_sample=False,
            min_new_tokens=tokens,
            max_new_tokens=tokens,
            pad_token_id=0,
        )

    generate(4)
    short, long = (wall_seconds(torch, lambda n=n: generate(n)) for n in (8, 40))
    short_kernels, long_kernels = (kernels_of(torch, lambda n=n: generate(n)) for n in (8, 40))
    return {
        "family": family,
        "layers": 24,
        "secondsPerStep": (long - short) / 32,
        "kernelsPerStep": (long_kernels - short_kernels) / 32,
    }


def disk_rate(folder: Path) -> dict:
    """Bytes a second of a 4 GiB file written to the folder and read past the page cache by four threads."""
    from concurrent.futures import ThreadPoolExecutor
    from mmap import mmap

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


def run_collective(devices: int) -> dict:
    """All-reduce and all-gather over every device, in processes of their own."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        children = [
            subprocess.Popen(
                [sys.executable, __file__, "--collective", folder],
                env={**os.environ, "RANK": str(rank), "WORLD_SIZE": str(devices)},
            )
            for rank in range(devices)
        ]
        codes = [child.wait(timeout=90) for child in children]
        if any(codes):
            return {"error": f"exit codes {codes}"}
        return json.loads((Path(folder) / "report.json").read_text(encoding="utf-8"))


def measure_collective(folder: Path) -> None:
    """One rank of `run_collective`; rank 0 writes."""
    import torch
    import torch.distributed as dist

    rank, world = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    torch.cuda.set_device(rank)
    torch.zeros(1, device="cuda")
    before = used_bytes(rank)
    dist.init_process_group(
        "nccl", init_method=f"file://{folder}/store", rank=rank, world_size=world
    )
    dist.barrier(device_ids=[rank])
    report = {"world": world, "communicatorBytes": used_bytes(rank) - before}
    for size in (16 * 1024, 2**20, GIB):
        part = torch.ones(size // 2, dtype=torch.bfloat16, device="cuda")
        whole = torch.empty(world * (size // 2), dtype=torch.bfloat16, device="cuda")
        reduce = seconds_of(torch, lambda: dist.all_reduce(part), repeats=10)
        gather = seconds_of(
            torch, lambda: dist.all_gather_into_tensor(whole, part), repeats=10
        )
        report[str(size)] = {"allReduceSeconds": reduce, "allGatherSeconds": gather}
    if rank == 0:
        (folder / "report.json").write_text(json.dumps(report), encoding="utf-8")
    dist.destroy_process_group()


def graphed(torch, work):
    """The same work as the replay of one graph, so that only the device counts."""
    work()
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        work()
    return graph.replay


def seconds_of(torch, work, repeats: int = 10) -> float:
    """Median device seconds of `work`, after two warm-ups."""
    for _ in range(2):
        work()
    times = []
    for _ in range(repeats):
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        work()
        end.record()
        end.synchronize()
        times.append(start.elapsed_time(end) / 1000)
    return sorted(times)[len(times) // 2]


def wall_seconds(torch, work, repeats: int = 5) -> float:
    """Median wall seconds of `work`, the device's end included, after a warm-up."""
    times = []
    for _ in range(repeats + 1):
        torch.cuda.synchronize()
        started = time.perf_counter()
        work()
        torch.cuda.synchronize()
        times.append(time.perf_counter() - started)
    return sorted(times[1:])[repeats // 2]


def kernels_of(torch, work) -> int:
    """Kernels and copies that `work` starts."""
    from torch.profiler import ProfilerActivity, profile

    with profile(activities=[ProfilerActivity.CUDA]) as record:
        work()
        torch.cuda.synchronize()
    return sum(event.device_type.name == "CUDA" for event in record.events())


def used_bytes(device: int = 0) -> int:
    """Used bytes of a device, as the driver tells it without making a context."""
    query = ["--query-gpu=memory.used", "--format=csv,noheader,nounits", f"--id={device}"]
    return int(subprocess.check_output(["nvidia-smi", *query], text=True)) * 2**20


def private_bytes() -> int:
    """RssAnon of this process."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    return 0


if __name__ == "__main__":
    main()
