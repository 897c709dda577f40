"""Models cut while they are empty against models that DeepSpeed cuts whole: every tensor, and the tokens.

Run with: DS_ACCELERATOR=cpu LOCAL_SIZE=2 torchrun --nproc_per_node 2 tensor_parallel.py FOLDER; rank 0 prints a JSON
line for each family.
"""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "lib/workers"))

import deepspeed  # noqa: E402
import torch  # noqa: E402
from transformers import AutoModelForCausalLM  # noqa: E402

from stowage_worker.ranks import remove_names_of_shared_buffers  # noqa: E402
from stowage_worker.tensor_parallel import CutModel  # noqa: E402
from stowage_worker.weights import empty_model, fill_random  # noqa: E402

SMALL = {"vocab_size": 512, "initializer_range": 0.4}
LLAMA = {
    **SMALL,
    "hidden_size": 64,
    "intermediate_size": 192,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
}
CONFIGS = {
    "bloom": {**SMALL, "model_type": "bloom", "hidden_size": 128, "n_layer": 6, "n_head": 4},
    "llama": {**LLAMA, "model_type": "llama", "tie_word_embeddings": False},
    "llama-tied": {**LLAMA, "model_type": "llama", "tie_word_embeddings": True},
    "qwen2": {**LLAMA, "model_type": "qwen2", "tie_word_embeddings": False},
    "opt": {
        **SMALL,
        "model_type": "opt",
        "hidden_size": 64,
        "word_embed_proj_dim": 64,
        "ffn_dim": 256,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
    },
    "gpt_neox": {
        **SMALL,
        "model_type": "gpt_neox",
        "hidden_size": 64,
        "intermediate_size": 256,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
    },
}
STRATEGY = {"dtype": "float32", "attention": "eager"}
SETTINGS = {
    "tensor_parallel": {"tp_size": 2},
    "dtype": torch.float32,
    "replace_with_kernel_inject": False,
}
CPU = torch.device("cpu")


def request_of(config, path=None):
    return {"model": {"config": config, "path": path, "weights": "files" if path else "on-device"}}


def whole(config):
    model = empty_model(request_of(config), STRATEGY)
    fill_random(model, 1, {"": "cpu"})
    return model


def differences(left, right):
    """Names of what is not the same in both: parameters, ties and buffers."""
    found = []
    for kind in ("named_parameters", "named_buffers"):
        tensors = [dict(getattr(model, kind)()) for model in (left, right)]
        found += sorted(tensors[0].keys() ^ tensors[1].keys())
        for name in tensors[0].keys() & tensors[1].keys():
            one, other = (values[name] for values in tensors)
            same = one.shape == other.shape and one.dtype == other.dtype
            same = same and one.requires_grad == other.requires_grad and torch.equal(one, other)
            if not same:
                found.append(name)
    return found


def tokens(model):
    ids = torch.arange(5, 13)[None]
    with torch.inference_mode():
        output = model.generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=12,
            min_new_tokens=12,
            do_sample=False,
            pad_token_id=3,
        )
    return output[0, 8:].tolist()


def main(folder):
    deepspeed.init_distributed("gloo")
    remove_names_of_shared_buffers()
    rank = torch.distributed.get_rank()
    for name, config in CONFIGS.items():
        path = f"{folder}/{name}"
        if rank == 0:
            whole(config).save_pretrained(path, max_shard_size="1MB")
        torch.distributed.barrier()
        loaded = AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32)
        loaded = deepspeed.init_inference(loaded.eval(), **SETTINGS).module
        made = deepspeed.init_inference(whole(config).eval(), **SETTINGS).module
        request = request_of(config, path)
        read = CutModel(empty_model(request, STRATEGY).eval(), SETTINGS, CPU)
        read.fill_from(path)
        filled = CutModel(empty_model(request_of(config), STRATEGY).eval(), SETTINGS, CPU)
        filled.fill_random(1)
        models = [loaded, made, read.model, filled.model]
        results = [tokens(model) for model in models]
        line = {
            "family": name,
            "read": differences(loaded, read.model),
            "filled": differences(made, filled.model),
            "tokens": results,
        }
        gathered = [None, None]
        torch.distributed.all_gather_object(gathered, line)
        if rank == 0:
            print("RESULT " + json.dumps(gathered), flush=True)
    torch.distributed.destroy_process_group()


main(sys.argv[1])
