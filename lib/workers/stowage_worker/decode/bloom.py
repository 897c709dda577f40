"""One decode step of BLOOM: pre-norm blocks, ALiBi, a tied head."""

import torch

from .operations import attention, linear


class BloomStep:
    """Reads the weights from the modules of `BloomForCausalLM`, whole or cut over tensor-parallel ranks."""

    def __init__(self, model, max_tokens: int, device) -> None:
        transformer = model.transformer
        self._transformer = transformer
        self._head = model.lm_head
        self._residual_after_norm = model.config.apply_residual_connection_post_layernorm
        blocks = [block.self_attention for block in transformer.h]
        self.layers = len(blocks)
        self.head_size = blocks[0].head_dim
        self.kv_heads = blocks[0].query_key_value.weight.shape[0] // (3 * self.head_size)
        # Two positions' ALiBi in float32 are [0, slope]; under tensor parallelism DeepSpeed's own gives this rank's.
        two = torch.ones((1, 2), dtype=torch.int64, device=device)
        alibi = transformer.build_alibi_tensor(two, model.config.n_head, torch.float32)
        self._slopes = alibi[:, 0, 1].to(device).contiguous()
        if self._slopes.numel() != self.kv_heads:
            raise RuntimeError(f"{self._slopes.numel()} ALiBi slopes for {self.kv_heads} heads")

    def __call__(self, state) -> torch.Tensor:
        transformer = self._transformer
        hidden = transformer.word_embeddings(state.token)  # [batch, hidden]
        hidden = transformer.word_embeddings_layernorm(hidden)
        for layer, block in enumerate(transformer.h):
            hidden = self._block(block, hidden, state, layer)
        return linear(self._head, transformer.ln_f(hidden))

    def _block(self, block, hidden, state, layer: int):
        norm = block.input_layernorm(hidden)
        residual = norm if self._residual_after_norm else hidden
        own = block.self_attention
        fused = linear(own.query_key_value, norm)
        query, key, value = fused.view(-1, self.kv_heads, 3, self.head_size).unbind(2)
        mixed = attention(
            query,
            key,
            value,
            state.keys[layer],
            state.values[layer],
            state,
            own.inv_norm_factor,
            slopes=self._slopes,
        )
        hidden = linear(own.dense, mixed, residual=residual)
        norm = block.post_attention_layernorm(hidden)
        residual = norm if self._residual_after_norm else hidden
        wide = linear(block.mlp.dense_h_to_4h, norm, activation="gelu")
        return linear(block.mlp.dense_4h_to_h, wide, residual=residual)
