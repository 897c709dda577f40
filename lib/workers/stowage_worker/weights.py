"""Seeded random weights: into the tensors of a model, or one by one for a file."""

import hashlib
from pathlib import Path

import torch
import transformers
from transformers import AutoConfig, AutoModelForCausalLM, GenerationConfig

_RELEASE = tuple(int(part) for part in transformers.__version__.split(".")[:2])
# Renamed in 4.56.
DTYPE_OPTION = "dtype" if _RELEASE >= (4, 56) else "torch_dtype"


PIECE = 2**22


def model_config(request):
    """Hugging Face's config object of the request's model: that of its folder where it has one."""
    path = request["model"]["path"]
    if path is not None:
        return AutoConfig.from_pretrained(path)
    values = dict(request["model"]["config"])
    return AutoConfig.for_model(values.pop("model_type"), **values)


def generation_config(path, config):
    """What `from_pretrained` would find beside the weights."""
    if (Path(path) / "generation_config.json").exists():
        return GenerationConfig.from_pretrained(path)
    return GenerationConfig.from_model_config(config)


def empty_model(request, strategy):
    """The model with parameters on `meta`, tied; its buffers, which no checkpoint has, are real."""
    from accelerate import init_empty_weights

    with init_empty_weights():
        model = AutoModelForCausalLM.from_config(model_config(request), **model_options(strategy))
    model.tie_weights()
    return model


def model_options(strategy) -> dict:
    """What every way of making a model is told."""
    return {
        DTYPE_OPTION: getattr(torch, strategy["dtype"]),
        "attn_implementation": strategy["attention"],
    }


def random_tensor(name, shape, kind, std, seed, dtype, device="cpu"):
    """One parameter with random values."""
    return write_random(torch.empty(shape, dtype=dtype, device=device), name, kind, std, seed)


def write_random(values, name, kind, std, seed):
    """Random values into a tensor that is there. They depend on seed and name only, not on what was made before."""
    if kind == "one":
        return values.fill_(1)
    if kind == "zero":
        return values.zero_()
    digest = hashlib.sha256(f"{seed}/{name}".encode()).digest()
    generator = torch.Generator(values.device).manual_seed(int.from_bytes(digest[:7], "little"))
    if values.is_cuda or values.dtype == torch.float32:
        return values.normal_(0.0, std, generator=generator)
    # A CPU makes normal numbers ten times faster in float32; piece by piece, so that no second tensor is whole.
    for piece in values.view(-1).split(PIECE):
        piece.copy_(torch.empty(piece.shape).normal_(0.0, std, generator=generator))
    return values


def parameter_kinds(model) -> dict:
    """Name of each parameter to how it starts: norms at one, biases at zero, the rest normal."""
    kinds = {}
    for module_name, module in model.named_modules():
        is_norm = "norm" in type(module).__name__.lower()
        for name, _ in module.named_parameters(recurse=False):
            full_name = f"{module_name}.{name}" if module_name else name
            kinds[full_name] = "zero" if "bias" in name else "one" if is_norm else "normal"
    return kinds


def fill_random(model, seed, device_map) -> None:
    """Gives every parameter of a model on `meta` random values on the device that the map says."""
    kinds = parameter_kinds(model)
    std = getattr(model.config, "initializer_range", 0.02)
    for name, parameter in list(model.named_parameters()):
        device = _place(name, device_map)
        values = random_tensor(
            name, parameter.shape, kinds[name], std, seed, parameter.dtype, device
        )
        # Gradients as from_pretrained asks for them: PyTorch multiplies the last positions of the prompts as one
        # matrix then, and one by one, reading all of the head for each, where the weights ask for none.
        _set(model, name, torch.nn.Parameter(values))
    model.tie_weights()


def _place(name, device_map):
    prefixes = [
        prefix for prefix in device_map if prefix == "" or f"{name}.".startswith(f"{prefix}.")
    ]
    place = device_map[max(prefixes, key=len)]
    return f"cuda:{place}" if isinstance(place, int) else "cpu" if place == "disk" else place


def _set(model, name, parameter) -> None:
    module_name, _, attribute = name.rpartition(".")
    setattr(model.get_submodule(module_name), attribute, parameter)
