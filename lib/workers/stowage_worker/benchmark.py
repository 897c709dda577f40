"""Runs the cells of a session on a loaded model: warm-up, timed cycles, peaks, tokens."""

import gc
import hashlib
import importlib.metadata
import os
import sys
import time
import traceback

import torch
from transformers import LogitsProcessor, LogitsProcessorList

from .failures import describe, is_out_of_memory
from .inputs import make_inputs
from .memory import bytes_outside

PACKAGES = ("torch", "transformers", "accelerate", "deepspeed", "safetensors", "tokenizers")


class FirstTokenClock(LogitsProcessor):
    """Notes when the logits of the first new token are there; makes no tensor."""

    def __init__(self) -> None:
        self.seconds = None

    def __call__(self, input_ids, scores):
        if self.seconds is None:
            synchronize()
            self.seconds = time.perf_counter()
        return scores


def run_session(session, load) -> None:
    """Loads once, serves every cell, and says so. `load(session)` returns (model, input device)."""
    imported_at = time.time()
    session.events.emit(
        "started",
        pid=os.getpid(),
        worldSize=session.world_size,
        versions=installed_versions(),
        deviceNames=device_names(session),
    )
    session.memory.begin()
    try:
        model, device = load(session)
        model.eval()
    except BaseException as error:  # noqa: B902 - whatever ends the load must be told
        give_up(session, error, phase="load")
    ready_at = time.time()
    session.events.emit(
        "loaded",
        importSeconds=imported_at - session.request["startedAt"],
        weightsSeconds=ready_at - imported_at,
        loadSeconds=ready_at - session.request["startedAt"],
        read=session.reader.result() if session.reader is not None else None,
        memory=session.memory.end(),
    )

    tokenizer = load_tokenizer(session)
    clean_up()
    session.memory.mark_loaded()
    for cell in session.cells():
        session.memory.begin(cell["id"])
        session.events.emit("cell_started", cellId=cell["id"])
        failure = run_cell(session, model, tokenizer, cell, device)
        if failure is not None:
            recover_or_leave(session, cell, failure)
        clean_up()
    session.memory.stop()
    session.events.emit("finished")


def run_cell(session, model, tokenizer, cell, device):
    """Emits `cell_finished` and returns None, or returns what went wrong.

    A failure comes back as text, not as the exception: its traceback would keep every tensor of the cell alive.
    """
    phase = "warmup"
    try:
        ids, mask = make_inputs(session, tokenizer, cell, model.config.vocab_size, device)
        benchmark = session.request["benchmark"]
        decoder = make_decoder(session, model, cell, device)
        for _ in range(benchmark["warmup"]):
            limit_gpu(session)
            generate(session, model, ids, mask, cell, decoder)
        phase = "generate"
        limit_gpu(session)
        runs = [
            generate(session, model, ids, mask, cell, decoder) for _ in range(benchmark["cycles"])
        ]
        new_ids = runs[-1]["ids"]
        session.events.emit(
            "cell_finished",
            cellId=cell["id"],
            memory=session.memory.end(),
            generateSeconds=[run["seconds"] for run in runs],
            prefillSeconds=[run["prefill_seconds"] for run in runs],
            captureSeconds=decoder.capture_seconds if decoder is not None else None,
            allocationRetries=allocation_retries(session),
            newTokens=new_ids.shape[1],
            tokenIds=new_ids[0].tolist(),
            tokensSha256=hashlib.sha256(new_ids.contiguous().numpy().tobytes()).hexdigest(),
        )
        return None
    except Exception as error:
        traceback.print_exc()
        status = "oom" if is_out_of_memory(error) else "crashed"
        return {"status": status, "phase": phase, "message": describe(error)}


def make_decoder(session, model, cell, device):
    """What decodes the cell without Hugging Face's loop, or None."""
    if session.strategy.get("decode") != "graph":
        return None
    from .decode.graph import GraphDecoder  # brings Triton along, where there is one

    return GraphDecoder(
        model, cell["batchSize"], cell["promptTokens"], cell["newTokens"], device
    )


def generate(session, model, ids, mask, cell, decoder) -> dict:
    """One greedy `generate` of exactly `newTokens` tokens; ids of the new tokens come back on the host."""
    options = {
        "do_sample": False,
        "pad_token_id": pad_token_id(model.config),
        **cache_options(session.strategy),
    }
    clock = FirstTokenClock()
    if session.world_size > 1:
        torch.distributed.barrier()
    synchronize()
    started = time.perf_counter()
    with torch.inference_mode():
        options["logits_processor"] = LogitsProcessorList([clock])
        if decoder is not None:
            new_ids = decoder.generate(ids, mask, options)
        else:
            output = model.generate(
                input_ids=ids,
                attention_mask=mask,
                min_new_tokens=cell["newTokens"],
                max_new_tokens=cell["newTokens"],
                **options,
            )
            new_ids = output[:, ids.shape[1]:]
    synchronize()
    ended = time.perf_counter()
    return {
        "ids": new_ids.cpu(),
        "seconds": ended - started,
        "prefill_seconds": clock.seconds - started,
    }


def cache_options(strategy) -> dict:
    """Hugging Face compiles by itself where the cache is static; `decode: eager` says that nothing is compiled."""
    if strategy.get("cache", "dynamic") == "dynamic" or strategy.get("decode") == "graph":
        return {}
    return {"cache_implementation": "static", "disable_compile": True}


def allocation_retries(session):
    """How often, since the process began, the allocator gave cached blocks back to find room; null on a CPU."""
    if not session.on_gpu:
        return None
    devices = range(torch.cuda.device_count())
    return sum(torch.cuda.memory_stats(device).get("num_alloc_retries", 0) for device in devices)


def recover_or_leave(session, cell, failure) -> None:
    """Goes on after a failure where that is safe and memory is back at its level, else ends the process."""
    tries = failure["status"] == "oom" and survives_out_of_memory(session)
    session.events.emit(
        "cell_failed",
        cellId=cell["id"],
        memory=session.memory.end(),
        recovered=tries,
        **failure,
    )
    if tries and recovers(session):
        # Returns only when no collective of this rank is pending. Each rank says so, and the engine waits for all:
        # then every rank has taken part in the same collectives, and the next cell may start.
        synchronize()
        clean_up()
        if session.memory.is_back():
            session.events.emit("ready", cellId=cell["id"], levelBytes=session.memory.level())
            return
        print("memory is not back at its level after loading: this process ends", flush=True)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(1)


def survives_out_of_memory(session) -> bool:
    """Whether the library can go on after an allocation failed in the middle of a pass.

    ZeRO is left with parameters that are gathered or on their way, which its recovery lets go; a workspace of fused
    kernels is made once.
    """
    if session.strategy["use"] == "ds-zero":
        return session.recovery is not None
    return not session.strategy.get("kernelInject", False)


def recovers(session) -> bool:
    """Lets the strategy put its library back in order; what it cannot is printed, and ends the process."""
    if session.recovery is None:
        return True
    try:
        session.recovery()
        return True
    except Exception:
        traceback.print_exc()
        return False


def give_up(session, error, phase) -> None:
    """The session cannot go on."""
    traceback.print_exception(error)
    status = "oom" if is_out_of_memory(error) else "crashed"
    session.events.emit(
        "failed", status=status, phase=phase, message=describe(error), memory=session.memory.end()
    )
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(1)


def clean_up() -> None:
    """Back to what loading left, so that one cell does not count for the next."""
    gc.collect()
    if torch.cuda.is_available():
        renew_workspaces()


def renew_workspaces() -> None:
    """Every cell finds the workspaces of cuBLAS where the first one does, and none but those of the main streams.

    cuBLAS keeps one for each stream that it multiplied on, in a block of PyTorch's allocator: where the first cell
    happened to put it, and for the stream of a captured graph in the pool of that graph, of which 20 to 40 MiB then
    outlive it.
    """
    synchronize()
    clear = getattr(torch._C, "_cuda_clearCublasWorkspaces", None)
    if clear is not None:
        clear()
    torch.cuda.empty_cache()
    for device in range(torch.cuda.device_count()):
        if torch.cuda.memory_reserved(device) == 0:
            continue  # a device that is not used has no context, and must not get one
        multiply_once(device)
    synchronize()
    torch.cuda.empty_cache()


def multiply_once(device: int) -> None:
    square = torch.ones((8, 8), device=f"cuda:{device}")
    torch.mm(square, square)


def synchronize() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def limit_gpu(session) -> None:
    """Caps the allocator so that it and what is outside of it stay within the budget of the device.

    Called by each `load` once the context and the communicator are there and before any weight, and again before each
    cell: what is outside grows when the first kernels are loaded.
    """
    cap = session.request["deviceCapBytes"]
    if not session.on_gpu or cap is None:
        return
    devices = [session.local_rank] if session.world_size > 1 else range(torch.cuda.device_count())
    for device in devices:
        _, total = torch.cuda.mem_get_info(device)
        fraction = max(0.0, min(1.0, (cap - bytes_outside(torch, device)) / total))
        torch.cuda.set_per_process_memory_fraction(fraction, device)


def load_tokenizer(session):
    """Only prompts that are texts need one."""
    if session.request["prompts"]["source"] == "synthetic":
        return None
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(session.request["model"]["path"])


def pad_token_id(config) -> int:
    """Hugging Face warns on each call, and picks the first end token, where a model has no padding token."""
    if getattr(config, "pad_token_id", None) is not None:
        return config.pad_token_id
    end = getattr(config, "eos_token_id", None)
    if isinstance(end, (list, tuple)):
        return end[0]
    return end if end is not None else 0


def device_names(session) -> list:
    if not session.on_gpu:
        return ["cpu"]
    return [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]


def installed_versions() -> dict:
    versions = {"python": ".".join(map(str, sys.version_info[:3]))}
    for package in PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions
