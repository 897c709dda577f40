"""One decode step of the Llama shape (Llama, Mistral, Qwen 2 and 3): RMS norms, rotary positions, grouped heads, a gate."""

import torch
from torch.nn import functional as F

from .operations import Rotary, attention, gated, linear


class LlamaStep:
    """Reads the weights from the modules of `LlamaForCausalLM` and its like, whole or cut over ranks."""

    def __init__(self, model, max_tokens: int, device) -> None:
        if getattr(model.config, "sliding_window", None) not in (None, 0):
            if model.config.sliding_window < max_tokens and getattr(
                model.config, "use_sliding_window", True
            ):
                raise RuntimeError("decode: graph does not know a sliding window shorter than the text")
        if model.config.hidden_act != "silu":
            raise RuntimeError(f"decode: graph knows silu, not {model.config.hidden_act!r}")
        self._decoder = model.model
        self._head = model.lm_head
        first = model.model.layers[0].self_attn
        self.layers = len(model.model.layers)
        self.head_size = first.head_dim
        self.kv_heads = first.k_proj.weight.shape[0] // self.head_size
        self._rotary = self._positions(max_tokens, device)

    def _positions(self, max_tokens: int, device) -> Rotary:
        embedding = self._decoder.rotary_emb
        like = torch.empty((), dtype=self._decoder.embed_tokens.weight.dtype, device=device)
        cos, sin = embedding(like, torch.arange(max_tokens, device=device)[None])
        half = self.head_size // 2  # the second half repeats the first
        return Rotary(cos[0, :, :half].contiguous(), sin[0, :, :half].contiguous())

    def __call__(self, state) -> torch.Tensor:
        hidden = self._decoder.embed_tokens(state.token)  # [batch, hidden]
        for layer, block in enumerate(self._decoder.layers):
            hidden = self._block(block, hidden, state, layer)
        return linear(self._head, rms_norm(self._decoder.norm, hidden))

    def _block(self, block, hidden, state, layer: int):
        own = block.self_attn
        norm = rms_norm(block.input_layernorm, hidden)
        query = linear(own.q_proj, norm).view(norm.shape[0], -1, self.head_size)
        key = linear(own.k_proj, norm).view(norm.shape[0], -1, self.head_size)
        value = linear(own.v_proj, norm).view(norm.shape[0], -1, self.head_size)
        if hasattr(own, "q_norm"):  # Qwen 3
            query, key = rms_norm(own.q_norm, query), rms_norm(own.k_norm, key)
        mixed = attention(
            query,
            key,
            value,
            state.keys[layer],
            state.values[layer],
            state,
            own.scaling,
            rotary=self._rotary,
        )
        hidden = linear(own.o_proj, mixed, residual=hidden)
        norm = rms_norm(block.post_attention_layernorm, hidden)
        wide = gated(block.mlp.gate_proj, block.mlp.up_proj, norm)
        return linear(block.mlp.down_proj, wide, residual=hidden)


def rms_norm(module, x):
    """Hugging Face's norm as one operation of torch."""
    return F.rms_norm(x, (x.shape[-1],), module.weight, module.variance_epsilon)
