"""Measures what the time and memory of this machine's GPUs follow from, in under two minutes, as one line of JSON.

    python _calibrate [--folder DIR]

Each figure is what the hardware and the libraries reach here: rates of memory, matrix products and links, the cost of a
kernel on the device and of one call from Python, the bytes that libraries take before any tensor, the seconds of the
imports. With a folder, the rate of its disk too. The folder is no part of the workers: a cell does not depend on it.
"""

import argparse
import json
import platform
import subprocess
import sys
import time
from pathlib import Path

from collective import measure_collective, run_collective
from memory import private_bytes, status_bytes, used_bytes

sys.path.append(str(Path(__file__).resolve().parent.parent))  # behind this folder, which has a `memory` of its own

from stowage_worker.versions import package_versions  # noqa: E402

PACKAGES = ("torch", "transformers", "accelerate", "deepspeed")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--collective", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.collective is not None:
        measure_collective(arguments.collective)
        return
    print(json.dumps(measure(arguments.folder)))


def measure(folder) -> dict:
    begun = time.perf_counter()
    idle = used_bytes()
    report = {"formatVersion": "1.0", **measure_imports()}
    import torch

    torch.cuda.init()
    torch.zeros(1, device="cuda")
    torch.cuda.synchronize()
    report["device"] = torch.cuda.get_device_name(0)
    report["devices"] = torch.cuda.device_count()
    report["versions"] = {"python": platform.python_version(), **package_versions(PACKAGES)}
    report["totalBytes"] = torch.cuda.get_device_properties(0).total_memory
    report["memory"] = {
        "contextBytes": used_bytes() - idle,
        "hostPrivateBytes": private_bytes(),
        "hostPinnedBytes": status_bytes("RssShmem"),
    }
    from rates import disk_rate, host_rates, memory_rates, product_rates
    from steps import kernel_costs, step_cost

    report["rates"] = {**memory_rates(), **product_rates(), **host_rates()}
    report["costs"] = kernel_costs()
    report["steps"] = [step_cost(family) for family in ("bloom", "llama")]
    torch.cuda.synchronize()
    report["memory"]["outsideBytes"] = used_bytes() - idle - torch.cuda.memory_reserved()
    report["memory"]["hostPrivateBytesAfter"] = private_bytes()
    report["launcherSeconds"] = launcher_seconds()
    if folder is not None:
        report["disk"] = disk_rate(folder)
    if report["devices"] > 1:
        torch.cuda.empty_cache()
        report["collective"] = run_collective(report["devices"])
    report["seconds"] = time.perf_counter() - begun
    return report


def measure_imports() -> dict:
    """Seconds and private bytes of each import, in the order of the workers; null where a package is missing."""
    seconds, taken = {}, {"interpreter": private_bytes()}
    for name in PACKAGES:
        started, before = time.perf_counter(), private_bytes()
        try:
            module = __import__(name)
            if name == "transformers":
                module.AutoModelForCausalLM  # noqa: B018 - imported on first use
            seconds[name] = time.perf_counter() - started
            taken[name] = private_bytes() - before
        except ImportError:
            seconds[name] = taken[name] = None
    return {"imports": seconds, "importBytes": taken}


def launcher_seconds():
    """Seconds that DeepSpeed's launcher takes to import what it needs; null without DeepSpeed."""
    started = time.perf_counter()
    command = [sys.executable, "-c", "import deepspeed.launcher.runner"]
    done = subprocess.run(command, capture_output=True, check=False)
    return time.perf_counter() - started if done.returncode == 0 else None


if __name__ == "__main__":
    main()
