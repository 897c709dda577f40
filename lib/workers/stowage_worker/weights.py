"""Seeded random weights: into the tensors of a model, or one by one for a file."""

import hashlib

import torch


def random_tensor(name, shape, kind, std, seed, dtype, device="cpu"):
    """One parameter. Its values depend on seed and name only, not on what was made before it."""
    if kind == "one":
        return torch.ones(shape, dtype=dtype, device=device)
    if kind == "zero":
        return torch.zeros(shape, dtype=dtype, device=device)
    digest = hashlib.sha256(f"{seed}/{name}".encode()).digest()
    generator = torch.Generator(device=device).manual_seed(int.from_bytes(digest[:7], "little"))
    values = torch.empty(shape, dtype=dtype, device=device)
    return values.normal_(0.0, std, generator=generator)


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
        _set(model, name, torch.nn.Parameter(values, requires_grad=False))
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
