"""Runs the cells of a session on a loaded model: warm-up, timed cycles, peaks, tokens."""

import hashlib
import os
import platform
import time
import traceback

import torch
from transformers import LogitsProcessor, LogitsProcessorList

from .after_failure import give_up, recover_or_leave
from .devices import allocation_retries, clean_up, device_names, limit_gpu, synchronize
from .failures import failure_of
from .inputs import make_inputs
from .versions import package_versions

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
        versions={"python": platform.python_version(), **package_versions(PACKAGES)},
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
        return {"phase": phase, **failure_of(error)}


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
