"""Measures cells of one checkpoint with optimum-benchmark: `with_optimum_benchmark.py FOLDER CYCLES PROMPT NEW BATCH...`.

Prints one JSON object with the milliseconds a token of each. Each cell is a benchmark of its own with the process launcher,
which is the tool's default: its inline launcher says of itself that it is for debugging.
"""

import json
import sys

from optimum_benchmark import (
    Benchmark,
    BenchmarkConfig,
    InferenceConfig,
    ProcessConfig,
    PyTorchConfig,
)


def measure(folder: str, cycles: int, prompt: int, new: int, batch: int) -> float:
    config = BenchmarkConfig(
        name=f"batch-{batch}",
        launcher=ProcessConfig(),
        scenario=InferenceConfig(
            memory=True,
            latency=True,
            iterations=cycles,
            duration=0,
            warmup_runs=1,
            input_shapes={"batch_size": batch, "sequence_length": prompt},
            generate_kwargs={"max_new_tokens": new, "min_new_tokens": new, "do_sample": False},
        ),
        backend=PyTorchConfig(
            model=folder,
            task="text-generation",
            library="transformers",
            device="cpu",
            torch_dtype="float32",
            attn_implementation="eager",
        ),
    )
    report = Benchmark.launch(config).to_dict()
    prefill = report["prefill"]["latency"]["mean"]
    decode = report["decode"]["latency"]["mean"]
    return 1000 * (prefill + decode) / (batch * new)


def main() -> None:
    folder, cycles, prompt, new, *batches = sys.argv[1:]
    figures = {
        batch: measure(folder, int(cycles), int(prompt), int(new), int(batch)) for batch in batches
    }
    print(json.dumps({"msPerToken": {batch: round(value, 3) for batch, value in figures.items()}}))


if __name__ == "__main__":
    main()
