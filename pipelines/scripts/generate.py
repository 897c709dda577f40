"""A benchmark of somebody's own, for use: script: plain transformers, and the stats block of the BLOOM scripts of 2022.

    python generate.py --name FOLDER --batch_size 8 --prompt_tokens 8 --new_tokens 8 --dtype float32
"""

import argparse
import time

started = time.time()

import torch  # noqa: E402
from transformers import AutoModelForCausalLM  # noqa: E402

CYCLES = 3

parser = argparse.ArgumentParser()
parser.add_argument("--name", required=True)
parser.add_argument("--batch_size", type=int, default=1)
parser.add_argument("--prompt_tokens", type=int, default=8)
parser.add_argument("--new_tokens", type=int, default=100)
parser.add_argument("--dtype", default="float16")
arguments = parser.parse_args()

model = AutoModelForCausalLM.from_pretrained(
    arguments.name, dtype=getattr(torch, arguments.dtype), attn_implementation="eager"
)
model.eval()
if torch.cuda.is_available():
    model.to("cuda")
generator = torch.Generator().manual_seed(0)
prompts = torch.randint(
    4, model.config.vocab_size, (arguments.batch_size, arguments.prompt_tokens), generator=generator
).to(model.device)
options = {
    "max_new_tokens": arguments.new_tokens,
    "min_new_tokens": arguments.new_tokens,
    "do_sample": False,
}
ready = time.time()
print(f"*** Starting to generate {arguments.new_tokens} tokens with bs={arguments.batch_size}")
print(f"Generate args {options}")


def generate():
    with torch.inference_mode():
        model.generate(prompts, attention_mask=torch.ones_like(prompts), **options)
    if torch.cuda.is_available():
        torch.cuda.synchronize()


generate()  # warm-up
one = time.time()
generate()
one = time.time() - one
cycles = time.time()
for _ in range(CYCLES):
    generate()
cycles = time.time() - cycles

tokens = CYCLES * arguments.batch_size * arguments.new_tokens
print("\n*** Performance stats:")
print(f"Throughput per token including tokenize: {1000 * cycles / tokens:.4f} msecs")
print(f"Start to ready to generate: {ready - started:.3f} secs")
print(f"Tokenize and generate {tokens} (bs={arguments.batch_size}) tokens: {one:.3f} secs")
print(f"Start to finish: {time.time() - started:.3f} secs")
