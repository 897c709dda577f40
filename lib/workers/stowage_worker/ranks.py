"""The processes of a DeepSpeed session find each other."""

import contextlib
import os

import deepspeed
import torch


def join_ranks(session):
    """Joins the process group and returns this rank's device.

    The first collective makes the communicator, whose buffers no allocator of PyTorch knows: whatever measures or
    limits the device afterwards sees them. A single rank has collectives under ZeRO alone; without one it is spared
    the buffers.
    """
    device = torch.device("cuda", session.local_rank) if session.on_gpu else torch.device("cpu")
    if session.on_gpu:
        torch.cuda.set_device(device)
    deepspeed.init_distributed("nccl" if session.on_gpu else "gloo")
    has_collectives = session.world_size > 1 or session.strategy["use"] == "ds-zero"
    if session.on_gpu and has_collectives:
        torch.distributed.barrier(device_ids=[session.local_rank])
    if not session.on_gpu and session.world_size > 1:
        remove_names_of_shared_buffers()
    return device


def remove_names_of_shared_buffers() -> None:
    """Frees the memory of this rank's all-reduce on CPUs with the process, however that ends.

    DeepSpeed makes 69 MB in /dev/shm for each rank and never removes it (csrc/cpu/comm/shm.cpp, shm_initialize): without
    this every session would leave it behind in memory. Once all ranks have mapped it, nobody needs its name.
    """
    torch.distributed.barrier()
    address, port = (os.environ.get(name, "") for name in ("MASTER_ADDR", "MASTER_PORT"))
    name = f"deepspeed_allreduce_buffer_{os.getuid()}_{address}_{port}_{torch.distributed.get_rank()}"
    with contextlib.suppress(FileNotFoundError):
        os.unlink(f"/dev/shm/{name}")
