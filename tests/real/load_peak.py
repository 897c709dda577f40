"""What a rank holds at most while its share is loaded, beyond what the process held before.

Run with: DS_ACCELERATOR=cpu LOCAL_SIZE=2 torchrun --nproc_per_node 2 load_peak.py FOLDER; each rank prints a JSON line
for each way to load, all at once at the end.
"""

import gc
import json
import os
import sys
from pathlib import Path
from types import SimpleNamespace

sys.path.insert(0, str(Path(__file__).parents[2] / "lib/workers"))

import deepspeed  # noqa: E402
import torch  # noqa: E402
from transformers import AutoModelForCausalLM  # noqa: E402

from stowage_worker.memory import MemorySampler  # noqa: E402
from stowage_worker.ranks import remove_names_of_shared_buffers  # noqa: E402
from stowage_worker.tensor_parallel import CutModel  # noqa: E402
from stowage_worker.weights import empty_model, fill_random, model_options  # noqa: E402

TINY = {"model_type": "bloom", "vocab_size": 512, "hidden_size": 128, "n_layer": 1, "n_head": 4}
# In float32: layers of 50 MB, their largest tensor 17 MB, an embedding of 50 MB.
CONFIG = {"model_type": "bloom", "vocab_size": 12288, "hidden_size": 1024, "n_layer": 6, "n_head": 8}
STRATEGY = {"dtype": "float32", "attention": "eager"}
SETTINGS = {
    "tensor_parallel": {"tp_size": 2},
    "dtype": torch.float32,
    "replace_with_kernel_inject": False,
}
CPU = torch.device("cpu")


def request_of(config):
    return {"model": {"config": config, "path": None, "weights": "on-device"}}


def whole_model(config):
    model = empty_model(request_of(config), STRATEGY)
    fill_random(model, 1, {"": "cpu"})
    return model


def made_in_parts(config, _folder):
    cut = CutModel(empty_model(request_of(config), STRATEGY), SETTINGS, CPU)
    cut.fill_random(1)
    return cut.model


def read_in_parts(config, folder):
    cut = CutModel(empty_model(request_of(config), STRATEGY), SETTINGS, CPU)
    cut.fill_from(folder)
    return cut.model


def cut_whole(_config, folder):
    model = AutoModelForCausalLM.from_pretrained(folder, **model_options(STRATEGY))
    return deepspeed.init_inference(model, **SETTINGS).module


def measure(sampler, load, config, folder):
    gc.collect()
    torch.distributed.barrier()
    sampler.begin()
    before = sampler.end()
    sampler.begin()
    model = load(config, folder)
    peaks = sampler.end()
    return {
        "load": load.__name__,
        # Private memory of the process, and what of it is in use.
        "dataBytes": peaks["devices"][0]["peakBytes"] - before["devices"][0]["peakBytes"],
        "residentBytes": peaks["peakRssAnonBytes"] - before["peakRssAnonBytes"],
        "heldBytes": sum(tensor.nbytes for tensor in model.parameters()),
    }


def main(folder):
    deepspeed.init_distributed("gloo")
    remove_names_of_shared_buffers()
    torch.distributed.barrier()
    left = [name for name in os.listdir("/dev/shm") if f"_{os.environ['MASTER_PORT']}_" in name]
    rank = torch.distributed.get_rank()
    quiet = SimpleNamespace(emit=lambda *_, **__: None)
    sampler = MemorySampler(quiet, on_gpu=False)
    sampler.start()
    for config, path in ((TINY, f"{folder}/tiny"), (CONFIG, f"{folder}/model")):
        if rank == 0:
            whole_model(config).save_pretrained(path)
        torch.distributed.barrier()
        # The tiny one loads what the libraries keep from their first use on.
        lines = [
            measure(sampler, load, config, path)
            for load in (made_in_parts, read_in_parts, cut_whole)
        ]
    gathered = [None, None]
    torch.distributed.all_gather_object(gathered, lines)
    if rank == 0:
        model = empty_model(request_of(CONFIG), STRATEGY)
        whole = sum(tensor.numel() for tensor in model.parameters()) * 4
        result = {"wholeBytes": whole, "ranks": gathered, "leftInSharedMemory": left}
        print("RESULT " + json.dumps(result), flush=True)
    torch.distributed.destroy_process_group()


main(sys.argv[1])
