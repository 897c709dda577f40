"""What a session asks of its GPUs between passes; nothing to do where it has none."""

import gc

import torch

from .memory import bytes_outside


def limit_gpu(session) -> None:
    """Caps the allocator so that it and what is outside of it stay within the budget of the device.

    Called by each `load` once the context and the communicator are there and before any weight, and again before each
    cell: what is outside grows when the first kernels are loaded.
    """
    cap = session.request["deviceCapBytes"]
    if not session.on_gpu or cap is None:
        return
    devices = [session.local_rank] if session.world_size > 1 else range(torch.cuda.device_count())
    for device in devices:
        _, total = torch.cuda.mem_get_info(device)
        fraction = max(0.0, min(1.0, (cap - bytes_outside(torch, device)) / total))
        torch.cuda.set_per_process_memory_fraction(fraction, device)


def clean_up() -> None:
    """Back to what loading left, so that one cell does not count for the next."""
    gc.collect()
    if torch.cuda.is_available():
        renew_workspaces()


def renew_workspaces() -> None:
    """Every cell finds the workspaces of cuBLAS where the first one does, and none but those of the main streams.

    cuBLAS keeps one for each stream that it multiplied on, in a block of PyTorch's allocator: where the first cell
    happened to put it, and for the stream of a captured graph in the pool of that graph, of which 20 to 40 MiB then
    outlive it.
    """
    synchronize()
    clear = getattr(torch._C, "_cuda_clearCublasWorkspaces", None)
    if clear is not None:
        clear()
    torch.cuda.empty_cache()
    for device in range(torch.cuda.device_count()):
        if torch.cuda.memory_reserved(device) == 0:
            continue  # a device that is not used has no context, and must not get one
        multiply_once(device)
    synchronize()
    torch.cuda.empty_cache()


def multiply_once(device: int) -> None:
    square = torch.ones((8, 8), device=f"cuda:{device}")
    torch.mm(square, square)


def synchronize() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def allocation_retries(session):
    """How often, since the process began, the allocator gave cached blocks back to find room; null on a CPU."""
    if not session.on_gpu:
        return None
    devices = range(torch.cuda.device_count())
    return sum(torch.cuda.memory_stats(device).get("num_alloc_retries", 0) for device in devices)


def device_names(session) -> list:
    if not session.on_gpu:
        return ["cpu"]
    return [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
