"""Greedy generation over a static cache; on a GPU every step after the first is the replay of one CUDA graph."""

import time

import torch
from transformers.cache_utils import Cache, DynamicLayer

from .bloom import BloomStep
from .llama import LlamaStep

STEPS = {
    "bloom": BloomStep,
    "llama": LlamaStep,
    "mistral": LlamaStep,
    "qwen2": LlamaStep,
    "qwen3": LlamaStep,
}
"""The families that have a step; the plan refuses `decode: graph` for the others."""


class StaticState:
    """Everything that outlives a step, at addresses that never change.

    keys, values: per layer [batch, kv heads, max tokens, head size]
    token:        [batch], what the next step embeds
    position:     [1], where the next step's keys go
    first:        [batch], the first position that is not padding
    new_ids:      [new tokens, batch]
    written:      [1], how many new tokens are there
    """

    def __init__(self, step, batch: int, max_tokens: int, new_tokens: int, device, dtype) -> None:
        shape = (batch, step.kv_heads, max_tokens, step.head_size)
        layers = range(step.layers)
        self.keys = [torch.zeros(shape, dtype=dtype, device=device) for _ in layers]
        self.values = [torch.zeros(shape, dtype=dtype, device=device) for _ in layers]
        self.token = torch.zeros(batch, dtype=torch.int64, device=device)
        self.position = torch.zeros(1, dtype=torch.int64, device=device)
        self.first = torch.zeros(batch, dtype=torch.int32, device=device)
        self.new_ids = torch.zeros((new_tokens, batch), dtype=torch.int64, device=device)
        self.written = torch.zeros(1, dtype=torch.int64, device=device)


class _StaticLayer(DynamicLayer):
    """A layer of Hugging Face's cache whose tokens are written straight into a static buffer."""

    def __init__(self, keys, values) -> None:
        super().__init__()
        self._buffers = (keys, values)

    def update(self, key_states, value_states, *_args, **_kwargs):
        past = self.get_seq_length()
        stop = past + key_states.shape[-2]
        for buffer, states in zip(self._buffers, (key_states, value_states)):
            buffer[:, :, past:stop].copy_(states)
        self.keys, self.values = (buffer[:, :, :stop] for buffer in self._buffers)
        self.dtype, self.device, self.is_initialized = key_states.dtype, key_states.device, True
        return self.keys, self.values


class GraphDecoder:
    """Serves one shape: a batch, a prompt length, a number of new tokens."""

    def __init__(self, model, batch: int, prompt_tokens: int, new_tokens: int, device) -> None:
        family = model.config.model_type
        if family not in STEPS:
            raise RuntimeError(f"decode: graph has no step for model type {family!r}")
        dtype = next(model.parameters()).dtype
        self._model = model
        self._on_gpu = device.type == "cuda"
        self._new_tokens = new_tokens
        max_tokens = prompt_tokens + new_tokens
        with torch.inference_mode():
            step = STEPS[family](model, max_tokens, device)
            self._state = StaticState(step, batch, max_tokens, new_tokens, device, dtype)
        self._step = step
        self._ends = end_token_ids(model, device)
        self._graph = None
        self.capture_seconds = None

    def generate(self, ids, mask, options) -> torch.Tensor:
        """Exactly the new tokens of the shape, [batch, new tokens] on the device.

        `options` are those of Hugging Face's `generate`, which makes the first token: the prompt takes the same way
        as without a graph, only that its keys and values land in the static buffers.
        """
        state = self._state
        layers = [_StaticLayer(keys, values) for keys, values in zip(state.keys, state.values)]
        options = {**options, "min_new_tokens": 1, "max_new_tokens": 1}
        output = self._model.generate(
            input_ids=ids, attention_mask=mask, past_key_values=Cache(layers=layers), **options
        )
        state.first.copy_((mask == 0).sum(dim=1))
        self._rewind(output[:, -1], ids.shape[1])
        if self._new_tokens > 1:
            self._prepare_graph(output[:, -1], ids.shape[1])
        for _ in range(self._new_tokens - 1):
            if self._graph is None:
                self._run_step()
            else:
                self._graph.replay()
        return state.new_ids.t()

    def _rewind(self, first_token, prompt_tokens: int) -> None:
        """The state after the prompt: nothing here waits for the device."""
        state = self._state
        state.token.copy_(first_token)
        state.new_ids[0].copy_(first_token)
        state.position.fill_(prompt_tokens)
        state.written.fill_(1)

    def _run_step(self) -> None:
        state = self._state
        logits = self._step(state)  # [batch, vocabulary]
        if self._ends is not None:
            logits.index_fill_(1, self._ends, float("-inf"))  # exactly `newTokens`: none may end early
        state.token.copy_(logits.argmax(dim=-1))
        state.new_ids.index_copy_(0, state.written, state.token[None])
        state.position += 1
        state.written += 1

    def _prepare_graph(self, first_token, prompt_tokens: int) -> None:
        """Captures the step once. What compiles or picks an algorithm at its first call has to run before."""
        if not self._on_gpu or self._graph is not None:
            return
        torch.cuda.synchronize()
        started = time.perf_counter()
        self._run_step()
        self._rewind(first_token, prompt_tokens)
        torch.cuda.synchronize()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self._run_step()
        self._graph = graph
        torch.cuda.synchronize()
        self.capture_seconds = time.perf_counter() - started


def end_token_ids(model, device):
    """The tokens that Hugging Face keeps from being chosen before `min_new_tokens` are there, or None."""
    ends = model.generation_config.eos_token_id
    if ends is None:
        return None
    return torch.tensor([ends] if isinstance(ends, int) else list(ends), device=device)
