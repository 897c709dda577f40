"""Makes DeepSpeed compile the C++ operators of its CPU backend, so that no session pays for it.

DeepSpeed builds them when a process group is initialised. This initialises one of a single process the way the
workers do, whatever operators that release wants then. They go to TORCH_EXTENSIONS_DIR.
"""

import os
import tempfile

os.environ["DS_ACCELERATOR"] = "cpu"  # read at import

import deepspeed  # noqa: E402
import torch  # noqa: E402

with tempfile.TemporaryDirectory() as folder:
    deepspeed.init_distributed(
        "gloo",
        auto_mpi_discovery=False,
        init_method=f"file://{folder}/store",
        rank=0,
        world_size=1,
    )
    torch.distributed.destroy_process_group()
