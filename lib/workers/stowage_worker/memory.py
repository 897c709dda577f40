"""Peak memory of this process by phase, sampled by a thread, and a heartbeat for the engine."""

import os
import sys
import threading
import time

SAMPLE_SECONDS = 0.005
# The driver is asked less often than /proc: each call takes a lock that kernels wait for too.
GPU_SAMPLE_SECONDS = 0.1
HEARTBEAT_SECONDS = 5.0
# Libraries keep small things from their first use on: handles, tables of kernels; on a GPU cuBLAS its workspaces.
LEVEL_SLACK_BYTES = {"cpu": 16 * 2**20, "cuda": 96 * 2**20}


class MemorySampler:
    """Samples `/proc/self/status`, and on a GPU the driver's used bytes.

    `begin()` starts a phase; `end()` gives its `MemorySample` as the protocol has it. Peaks of the CUDA allocator are
    exact: they come from its own counters. A peak of the driver's bytes that falls between two samples is not lost
    either: nearly all of it is the allocator's.
    """

    def __init__(self, events, on_gpu: bool) -> None:
        self.cell_id = None
        self._events = events
        self._on_gpu = on_gpu
        self._status = os.open("/proc/self/status", os.O_RDONLY)
        # Kept, because a process at its limit may not be able to allocate another.
        self._buffer = bytearray(8192)
        self._peaks = {"VmData": 0, "RssAnon": 0, "RssShmem": 0}
        self._gpu_peaks = {}
        self._loaded_level = 0
        self._stopped = threading.Event()
        self._lock = threading.Lock()

    def start(self) -> None:
        threading.Thread(target=self._loop, name="memory-sampler", daemon=True).start()

    def stop(self) -> None:
        self._stopped.set()

    def begin(self, cell_id=None) -> None:
        """Starts a phase: forgets the peaks so far."""
        torch = _cuda_torch() if self._on_gpu else None
        if torch is not None:
            for device in range(torch.cuda.device_count()):
                torch.cuda.reset_peak_memory_stats(device)
        with self._lock:
            self.cell_id = cell_id
            for name in self._peaks:
                self._peaks[name] = 0
            self._gpu_peaks.clear()
        self._sample()

    def end(self) -> dict:
        """The peaks since `begin`, as a `MemorySample`."""
        self._sample()
        with self._lock:
            host = {
                "peakRssAnonBytes": self._peaks["RssAnon"],
                "peakRssShmemBytes": self._peaks["RssShmem"],
            }
            cpu = _device_peaks(0, self._peaks["VmData"])
        if not self._on_gpu:
            return {"devices": [cpu], **host}
        torch = _cuda_torch()
        if torch is None:
            return {"devices": [], **host}
        self._sample_gpu(torch)
        with self._lock:
            peaks = dict(self._gpu_peaks)
        devices = []
        for device, sampled in sorted(peaks.items()):
            reserved = torch.cuda.max_memory_reserved(device)
            devices.append(
                _device_peaks(
                    device,
                    # What is outside of the allocator (context, kernels, libraries) only grows.
                    max(sampled, reserved + bytes_outside(torch, device)),
                    torch.cuda.max_memory_allocated(device),
                    reserved,
                )
            )
        return {"devices": devices, **host}

    def mark_loaded(self) -> None:
        """Notes the level that a cell must come back to before the next one may start."""
        self._loaded_level = self.level()

    def is_back(self) -> bool:
        """Whether the memory in use is near the level after loading again."""
        slack = LEVEL_SLACK_BYTES["cuda" if self._on_gpu else "cpu"]
        return self.level() <= self._loaded_level + slack

    def level(self) -> int:
        """Bytes in use: VmData on a CPU, what the allocator has handed out on GPUs."""
        if not self._on_gpu:
            with self._lock:
                length = os.preadv(self._status, [self._buffer], 0)
                return _field(self._buffer, "VmData", length)
        torch = _cuda_torch()
        if torch is None:
            return 0
        return sum(torch.cuda.memory_allocated(index) for index in range(torch.cuda.device_count()))

    def _loop(self) -> None:
        next_gpu = next_heartbeat = 0.0
        while not self._stopped.wait(SAMPLE_SECONDS):
            try:
                self._sample()
                now = time.monotonic()
                if self._on_gpu and now >= next_gpu:
                    next_gpu = now + GPU_SAMPLE_SECONDS
                    torch = _cuda_torch()
                    if torch is not None:
                        self._sample_gpu(torch)
                if now >= next_heartbeat:
                    next_heartbeat = now + HEARTBEAT_SECONDS
                    peak = max(self._gpu_peaks.values(), default=self._peaks["VmData"])
                    self._events.emit("heartbeat", cellId=self.cell_id, peakBytes=peak)
            except (MemoryError, OSError):
                continue  # at the limit of memory, which is just when the next sample matters

    def _sample(self) -> None:
        with self._lock:
            length = os.preadv(self._status, [self._buffer], 0)
            for name in self._peaks:
                bytes_now = _field(self._buffer, name, length)
                self._peaks[name] = max(self._peaks[name], bytes_now)

    def _sample_gpu(self, torch) -> None:
        for device in range(torch.cuda.device_count()):
            if torch.cuda.memory_reserved(device) == 0:
                continue  # asking the driver about a device makes a context on it
            with self._lock:
                used = _driver_bytes(torch, device)
                self._gpu_peaks[device] = max(self._gpu_peaks.get(device, 0), used)


def bytes_outside(torch, device: int) -> int:
    """What the driver says is in use on a GPU and the allocator does not hold."""
    return _driver_bytes(torch, device) - torch.cuda.memory_reserved(device)


def _driver_bytes(torch, device: int) -> int:
    free, total = torch.cuda.mem_get_info(device)
    return total - free


def _device_peaks(device: int, peak: int, allocated=None, reserved=None) -> dict:
    return {
        "device": device,
        "peakBytes": peak,
        "peakAllocatedBytes": allocated,
        "peakReservedBytes": reserved,
    }


def _field(buffer: bytearray, name: str, length: int) -> int:
    """Bytes of a `/proc/self/status` line such as `VmData:   1234 kB`."""
    start = buffer.index(name.encode() + b":", 0, length) + len(name) + 1
    end = buffer.index(b" kB", start, length)
    return int(buffer[start:end]) * 1024


def _cuda_torch():
    """torch when it is imported and has begun to use a GPU; sampling must be what starts neither."""
    torch = sys.modules.get("torch")
    started = torch is not None and hasattr(torch, "cuda") and torch.cuda.is_initialized()
    return torch if started else None
