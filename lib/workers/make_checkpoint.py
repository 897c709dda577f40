"""Writes a checkpoint with seeded random weights: config, tokenizer and sharded safetensors, as the hub has them."""

import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import AutoConfig, AutoModelForCausalLM, GenerationConfig, PreTrainedTokenizerFast

from stowage_worker.weights import DTYPE_OPTION, parameter_kinds, random_tensor

SHARD_BYTES = 2_000_000_000  # what is in memory at one time
# BLOOM's special tokens, at its ids 0 to 3.
SPECIAL_TOKENS = ("<unk>", "<s>", "</s>", "<pad>")


def main(request_path: str) -> None:
    request = json.loads(Path(request_path).read_text(encoding="utf-8"))
    folder = Path(request["folder"])
    values = dict(request["config"])
    config = AutoConfig.for_model(values.pop("model_type"), **values)
    dtype = getattr(torch, request["dtype"])
    config.dtype = dtype
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config, **{DTYPE_OPTION: dtype})
    model.tie_weights()
    config.architectures = [type(model).__name__]
    config.save_pretrained(folder)
    GenerationConfig.from_model_config(config).save_pretrained(folder)
    write_tokenizer(folder, config.vocab_size)
    write_weights(folder, model, dtype, request["seed"])


def write_weights(folder: Path, model, dtype, seed: int) -> None:
    """Shards of at most 2 GB and the index that names them; tied weights are written once."""
    kinds = parameter_kinds(model)
    std = getattr(model.config, "initializer_range", 0.02)
    shards, size = [[]], 0
    for name, parameter in model.named_parameters():  # each tied tensor comes once
        tensor_bytes = parameter.numel() * dtype.itemsize
        if size + tensor_bytes > SHARD_BYTES and shards[-1]:
            shards.append([])
            size = 0
        shards[-1].append((name, parameter.shape))
        size += tensor_bytes

    weight_map = {}
    pool = ThreadPoolExecutor(min(8, os.cpu_count() or 1))
    for index, shard in enumerate(shards, start=1):
        file_name = "model.safetensors"
        if len(shards) > 1:
            file_name = f"model-{index:05d}-of-{len(shards):05d}.safetensors"
        # Each tensor has a generator of its own, and making one keeps no other from being made.
        made = pool.map(
            lambda item: random_tensor(*item, kinds[item[0]], std, seed, dtype), shard
        )
        tensors = {name: tensor for (name, _), tensor in zip(shard, made)}
        save_file(tensors, folder / file_name, metadata={"format": "pt"})
        weight_map.update((name, file_name) for name in tensors)
        print(f"{file_name}: {len(tensors)} tensors", flush=True)
    if len(shards) > 1:
        total = sum(parameter.numel() for parameter in model.parameters()) * dtype.itemsize
        index = {"metadata": {"total_size": total}, "weight_map": weight_map}
        (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=2))


def write_tokenizer(folder: Path, vocab_size: int) -> None:
    """A byte-level BPE tokenizer with a vocabulary of the model's size; its merges are made, not learnt."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokens = list(dict.fromkeys([*SPECIAL_TOKENS, *alphabet]))[:vocab_size]
    known, merges = set(tokens), []
    # Words grow from single letters, breadth first: "ab" before "abc".
    letters = ["\u0120", *"etaoinshrdlucmfwypvbgkjqxz"]
    heads = list(letters)
    for head in heads:
        if len(tokens) >= vocab_size:
            break
        for letter in letters[1:]:
            if len(tokens) >= vocab_size:
                break
            if head + letter not in known:
                known.add(head + letter)
                tokens.append(head + letter)
                merges.append((head, letter))
                heads.append(head + letter)
    vocabulary = {token: index for index, token in enumerate(tokens)}
    bpe = models.BPE(vocab=vocabulary, merges=merges, unk_token=SPECIAL_TOKENS[0])
    tokenizer = Tokenizer(bpe)
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    unknown, start, end, padding = SPECIAL_TOKENS
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        unk_token=unknown,
        bos_token=start,
        eos_token=end,
        pad_token=padding,
        padding_side="left",
    ).save_pretrained(folder)


if __name__ == "__main__":
    main(sys.argv[1])
