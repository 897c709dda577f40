"""The truth about allocations: what real modules allocate and free on a CPU while they generate.

Reads a list of cases as JSON from standard input and writes one JSON object per case and line: the parameters in order,
and the bytes of every allocation (positive) and free (negative) of one `generate`, in order. Small events are left out
on request, because wrapped Python numbers are tensors of a few bytes that exist on a CPU only.
"""

import json
import sys

import torch
from torch.profiler import ProfilerActivity, profile
from transformers import AutoConfig, AutoModelForCausalLM


def build(case):
    """A model with random weights."""
    torch.manual_seed(1)
    config = AutoConfig.for_model(**case["config"])
    model = AutoModelForCausalLM.from_config(config, attn_implementation=case["attention"])
    return model.to(getattr(torch, case["dtype"])).eval()


def allocations(model, case):
    """Signed bytes of the events of one generation, after another one has filled every cache of the library."""
    ids = torch.randint(5, model.config.vocab_size, (case["batch"], case["promptTokens"]))
    mask = torch.ones_like(ids)
    settings = {
        "do_sample": False,
        "min_new_tokens": case["newTokens"],
        "max_new_tokens": case["newTokens"],
        "pad_token_id": 3,
        "eos_token_id": 2,
    }
    if case["cache"] == "static":
        settings |= {"cache_implementation": "static", "disable_compile": True}
    model.generate(ids, attention_mask=mask, **settings)
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as recorded:
        model.generate(ids, attention_mask=mask, **settings)
    events = [event for event in recorded.profiler.kineto_results.events() if event.name() == "[memory]"]
    events.sort(key=lambda event: event.start_ns())
    return [event.nbytes() for event in events if abs(event.nbytes()) >= case["leastBytes"]]


def main():
    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    for case in json.load(sys.stdin):
        model = build(case)
        parameters = [
            [name, list(parameter.shape)] for name, parameter in model.named_parameters(remove_duplicate=False)
        ]
        answer = {"parameters": parameters, "events": allocations(model, case)}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
