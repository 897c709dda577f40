"""Costs of the host: one call from Python, and one step of Hugging Face's loop."""

import torch
from transformers import AutoConfig, AutoModelForCausalLM

from timing import graphed, seconds_of, wall_seconds


def kernel_costs() -> dict:
    """Seconds of a kernel that does nothing to speak of: called from Python, and replayed from a graph."""
    x = torch.zeros(256, device="cuda")
    count = 2000

    def calls():
        for _ in range(count):
            x.add_(1.0)

    called = wall_seconds(calls) / count
    replayed = seconds_of(graphed(calls)) / count
    return {"callSeconds": called, "kernelSeconds": replayed}


def step_cost(family: str) -> dict:
    """A decode step of Hugging Face's `generate` with tensors so small that only the calls cost."""
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
    short, long = (wall_seconds(lambda n=n: generate(n), repeats=3) for n in (8, 40))
    return {
        "family": family,
        "config": {"model_type": family, "vocab_size": 1024, **sizes},
        "secondsPerStep": (long - short) / 32,
    }
