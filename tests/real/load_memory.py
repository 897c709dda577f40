"""What each of two ranks needs to load a model, and how long: whole and then cut by DeepSpeed, or by its share alone.

Run with: DS_ACCELERATOR=cpu LOCAL_SIZE=2 torchrun --nproc_per_node 2 load_memory.py MODE FOLDER DTYPE, where the folder has
the checkpoint, and for `presharded` its shards in tp-2; rank 0 prints a JSON line with what both ranks measured.
"""

import json
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "lib/workers"))

import deepspeed  # noqa: E402
import torch  # noqa: E402
from transformers import AutoModelForCausalLM  # noqa: E402

from stowage_worker.tensor_parallel import CutModel, shards_folder  # noqa: E402
from stowage_worker.weights import empty_model, fill_random  # noqa: E402

MODE, FOLDER, DTYPE = sys.argv[1:4]
STRATEGY = {"dtype": DTYPE, "attention": "eager"}
SETTINGS = {
    "tensor_parallel": {"tp_size": 2},
    "dtype": getattr(torch, DTYPE),
    "replace_with_kernel_inject": False,
}
REQUEST = {"model": {"path": FOLDER, "weights": "files"}}
CPU = torch.device("cpu")


def status():
    """Private memory: what a limit on data segments counts, and what is resident of it."""
    text = Path("/proc/self/status").read_text(encoding="ascii")
    fields = dict(line.split(":", 1) for line in text.splitlines())
    return {name: int(fields[name].split()[0]) * 1024 for name in ("VmData", "RssAnon")}


class Peaks(threading.Thread):
    """Samples every two milliseconds."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.peaks = status()
        self.ended = threading.Event()
        self.start()

    def run(self) -> None:
        while not self.ended.wait(0.002):
            self.sample()

    def sample(self) -> None:
        self.peaks = {name: max(value, self.peaks[name]) for name, value in status().items()}


def load():
    if MODE == "whole":
        options = {"dtype": getattr(torch, DTYPE), "attn_implementation": "eager"}
        model = AutoModelForCausalLM.from_pretrained(FOLDER, device_map={"": "cpu"}, **options)
        return deepspeed.init_inference(model, **SETTINGS).module
    if MODE == "whole-random":
        model = empty_model(REQUEST, STRATEGY)
        fill_random(model, 1, {"": "cpu"})
        return deepspeed.init_inference(model, **SETTINGS).module
    cut = CutModel(empty_model(REQUEST, STRATEGY), SETTINGS, CPU)
    rank = torch.distributed.get_rank()
    if MODE == "random":
        cut.fill_random(1)
    elif MODE == "presharded":
        cut.fill_from_shards(shards_folder(FOLDER, 2), rank, 2)
    else:
        cut.fill_from(FOLDER)
    return cut.model


def main() -> None:
    deepspeed.init_distributed("gloo")
    before = status()
    peaks = Peaks()
    torch.distributed.barrier()
    started = time.perf_counter()
    model = load()
    seconds = time.perf_counter() - started
    peaks.ended.set()
    peaks.sample()
    sizes = {name: value.numel() * value.element_size() for name, value in model.named_parameters()}
    whole = empty_model(REQUEST, STRATEGY)
    line = {
        "seconds": seconds,
        "dataBytes": peaks.peaks["VmData"] - before["VmData"],
        "residentBytes": peaks.peaks["RssAnon"] - before["RssAnon"],
        "shareBytes": sum(sizes.values()),
        "largestBytes": max(p.numel() * p.element_size() for p in whole.parameters()),
        "wholeBytes": sum(p.numel() * p.element_size() for p in whole.parameters()),
    }
    gathered = [None, None]
    torch.distributed.all_gather_object(gathered, line)
    if torch.distributed.get_rank() == 0:
        print("RESULT " + json.dumps(gathered), flush=True)
    torch.distributed.destroy_process_group()


main()
