"""Clocks of the device and of the host."""

import time

import torch


def graphed(work):
    """The same work as the replay of one graph, so that only the device counts."""
    work()
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        work()
    return graph.replay


def seconds_of(work, repeats: int = 10) -> float:
    """Median device seconds of `work`, after two warm-ups."""
    for _ in range(2):
        work()
    times = []
    for _ in range(repeats):
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        work()
        end.record()
        end.synchronize()
        times.append(start.elapsed_time(end) / 1000)
    return sorted(times)[len(times) // 2]


def wall_seconds(work, repeats: int = 5) -> float:
    """Median wall seconds of `work`, the device's end included, after a warm-up."""
    times = []
    for _ in range(repeats + 1):
        torch.cuda.synchronize()
        started = time.perf_counter()
        work()
        torch.cuda.synchronize()
        times.append(time.perf_counter() - started)
    return sorted(times[1:])[repeats // 2]
