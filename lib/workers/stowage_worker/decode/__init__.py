"""Decoding without Python in the loop: a static KV cache and one step, captured once as a CUDA graph.

`graph.py` drives; `bloom.py` and `llama.py` write one step of their family with the weights where Hugging Face's
modules hold them; `operations.py` is what they are made of, in plain torch or, on a GPU, in the kernels of
`kernels.py`. On a CPU the same steps run without a graph, which is how tests prove the tokens.
"""
