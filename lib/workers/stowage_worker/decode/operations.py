"""The pieces of a decode step: plain torch, or one kernel each where a GPU runs them."""

from dataclasses import dataclass

import torch
from torch.nn import functional as F

try:
    from . import kernels
except ImportError:  # no Triton: a CPU build of torch
    kernels = None


@dataclass
class Rotary:
    """Cosines and sines, [max tokens, head size / 2] each, as the family rounds them."""

    cos: torch.Tensor
    sin: torch.Tensor


def linear(module, x, *, activation=None, residual=None):
    """`module(x)` of a linear layer, with what follows it: an activation, or the residual added.

    x: [batch, in]. A single row is bound by reading the weight, which a kernel of its own does at the rate of the
    memory; more rows are a matrix product. Layers that are more than a product (DeepSpeed's, that reduce over the
    ranks) are called as they are, with the dimension of the tokens that they expect.
    """
    if type(module) is torch.nn.Linear and x.shape[0] == 1 and _fused(x):
        return kernels.matrix_vector(
            x, module.weight, module.bias, activation=activation, residual=residual
        )
    y = module(x) if type(module) is torch.nn.Linear else module(x[:, None])[:, 0]
    if activation == "gelu":
        y = F.gelu(y, approximate="tanh")
    return y if residual is None else y.add_(residual)


def gated(gate, up, x):
    """silu(gate(x)) * up(x)."""
    plain = type(gate) is torch.nn.Linear and type(up) is torch.nn.Linear
    if plain and x.shape[0] == 1 and _fused(x) and gate.bias is None and up.bias is None:
        return kernels.gated_matrix_vector(x, gate.weight, up.weight)
    return F.silu(gate(x)).mul_(up(x))


def attention(query, key, value, keys, values, state, scale, *, slopes=None, rotary=None):
    """One token's attention over the static cache, and its keys and values put there.

    query: [batch, heads, size], key and value: [batch, kv heads, size]; any strides but for the last.
    slopes: [heads], float32: ALiBi. Returns [batch, heads * size].
    """
    if _fused(query) and kernels.attends(query, key):
        return kernels.attention(
            query, key, value, keys, values, state.position, state.first, scale, slopes, rotary
        )
    return plain_attention(query, key, value, keys, values, state, scale, slopes, rotary)


def plain_attention(query, key, value, keys, values, state, scale, slopes=None, rotary=None):
    """The same in plain torch, over the whole cache with a mask."""
    batch, heads, size = query.shape
    kv_heads = key.shape[1]
    if rotary is not None:
        places = (state.position - state.first).clamp_(min=0).long()  # [batch]
        cos, sin = rotary.cos[places][:, None], rotary.sin[places][:, None]
        query, key = rotate(query, cos, sin), rotate(key, cos, sin)
    keys.index_copy_(2, state.position, key[:, :, None])
    values.index_copy_(2, state.position, value[:, :, None])
    grouped = query.reshape(batch, kv_heads, heads // kv_heads, size)
    scores = (grouped @ keys.transpose(2, 3)) * scale  # [batch, kv heads, group, max tokens]
    places = torch.arange(keys.shape[2], device=keys.device)
    if slopes is not None:
        distance = places[None] - state.first[:, None]  # [batch, max tokens]
        bias = (slopes[None, :, None] * distance[:, None]).to(scores.dtype)
        scores = scores + bias.view(batch, kv_heads, heads // kv_heads, -1)
    hidden = (places > state.position)[None] | (places[None] < state.first[:, None])
    scores = scores.masked_fill(hidden[:, None, None], float("-inf"))
    weights = F.softmax(scores, dim=-1, dtype=torch.float32).to(values.dtype)
    return (weights @ values).reshape(batch, heads * size)


def rotate(x, cos, sin):
    """Rotary position embedding over the two halves of the last dimension, as Hugging Face lays them out."""
    low, high = x.chunk(2, dim=-1)
    return torch.cat([low * cos - high * sin, high * cos + low * sin], dim=-1)


def _fused(x) -> bool:
    return kernels is not None and x.is_cuda
