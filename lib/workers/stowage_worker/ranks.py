"""The processes of a DeepSpeed session find each other."""

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
    return device
