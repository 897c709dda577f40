"""Whether the captured step gives the tokens of Hugging Face's greedy search: a line of JSON for each family."""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "lib" / "workers"))

import torch  # noqa: E402
from transformers import AutoConfig, AutoModelForCausalLM  # noqa: E402

from stowage_worker.decode.graph import GraphDecoder  # noqa: E402

NARROW = {
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "hidden_size": 64,
    "intermediate_size": 160,
}
FAMILIES = {
    "bloom": {"n_layer": 3, "n_head": 6, "hidden_size": 96},
    "llama": NARROW,
    "mistral": {**NARROW, "sliding_window": None},
    "qwen2": NARROW,
    "qwen3": {**NARROW, "head_dim": 32},
}


def compare(family: str, attention: str) -> dict:
    torch.manual_seed(1)
    config = AutoConfig.for_model(family, vocab_size=1000, **FAMILIES[family])
    model = AutoModelForCausalLM.from_config(
        config, dtype=torch.float32, attn_implementation=attention
    ).eval()
    for name, parameter in model.named_parameters():
        if parameter.dim() == 2 and "embed" not in name:
            torch.nn.init.normal_(parameter, 0.0, 0.3)
    ids = torch.randint(0, 1000, (3, 5))
    mask = torch.ones_like(ids)
    mask[1, :3] = 0  # padded on the left
    options = {"do_sample": False, "pad_token_id": 3}
    with torch.inference_mode():
        eager = model.generate(
            input_ids=ids, attention_mask=mask, min_new_tokens=20, max_new_tokens=20, **options
        )[:, 5:]
        decoder = GraphDecoder(model, 3, 5, 20, torch.device("cpu"))
        runs = [decoder.generate(ids, mask, options).clone() for _ in range(2)]
    return {
        "family": family,
        "same": all(torch.equal(eager, run) for run in runs),
        "distinct": len(set(eager.flatten().tolist())),
    }


for family in FAMILIES:
    print(json.dumps(compare(family, "eager")))
