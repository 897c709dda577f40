"""Memory of a program that knows nothing of Stowage, looked at from outside: its process tree and the GPUs' driver."""

import ctypes
import os
import threading
import time

SAMPLE_SECONDS = 0.02
# Walking all of /proc is not free: descendants are looked for less often than those that are known are sampled.
FIND_SECONDS = 0.25
GPU_SAMPLE_SECONDS = 0.1
HEARTBEAT_SECONDS = 5.0
PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h


class OutsideSampler:
    """Peaks of one program while it runs, and heartbeats for the engine.

    A cpu device is a process: its peak is the VmData of the process that has most. The host has the private and shared
    resident memory of all processes of the tree together. A GPU has what its driver says is used.
    """

    def __init__(self, events, gpus) -> None:
        self.cell_id = None
        self._events = events
        self._driver = Driver.open(gpus)
        self._lock = threading.Lock()
        self._is_running = False
        self._members = []
        self._process_peak = 0
        self._tree_peaks = {"RssAnon": 0, "RssShmem": 0}
        self._gpu_peaks = {}
        self._least_available = None

    def start(self) -> None:
        threading.Thread(target=self._loop, name="outside-sampler", daemon=True).start()

    def begin(self, cell_id) -> None:
        """A program is about to be started."""
        with self._lock:
            self.cell_id, self._is_running, self._members = cell_id, True, []
            self._process_peak = 0
            self._tree_peaks = dict.fromkeys(self._tree_peaks, 0)
            self._gpu_peaks = {}
            self._least_available = None

    def end(self) -> dict:
        """It has ended: its peaks, as a `MemorySample`."""
        with self._lock:
            self._is_running = False
            peaks = self._gpu_peaks if self._driver is not None else {0: self._process_peak}
            return {
                "devices": [
                    {
                        "device": device,
                        "peakBytes": peak,
                        "peakAllocatedBytes": None,
                        "peakReservedBytes": None,
                    }
                    for device, peak in sorted(peaks.items())
                ],
                "peakRssAnonBytes": self._tree_peaks["RssAnon"],
                "peakRssShmemBytes": self._tree_peaks["RssShmem"],
            }

    def least_available(self):
        """Least bytes that the host had left while it ran; None where the system does not tell."""
        with self._lock:
            return self._least_available

    def gpu_peak(self) -> int:
        """Most that a GPU had in use so far; 0 without GPUs."""
        with self._lock:
            return max(self._gpu_peaks.values(), default=0)

    def _loop(self) -> None:
        next_find = next_gpu = next_heartbeat = 0.0
        while True:
            time.sleep(SAMPLE_SECONDS)
            now = time.monotonic()
            with self._lock:
                if self._is_running:
                    if now >= next_find or not self._members:
                        next_find = now + FIND_SECONDS
                        self._members = descendants()
                        self._sample_host()
                    self._sample()
                    if self._driver is not None and now >= next_gpu:
                        next_gpu = now + GPU_SAMPLE_SECONDS
                        self._sample_gpus()
                peak = max(self._gpu_peaks.values(), default=self._process_peak)
            if now >= next_heartbeat:
                next_heartbeat = now + HEARTBEAT_SECONDS
                self._events.emit("heartbeat", cellId=self.cell_id, peakBytes=peak)

    def _sample(self) -> None:
        sums = dict.fromkeys(self._tree_peaks, 0)
        for pid in self._members:
            status = read_file(f"/proc/{pid}/status")
            self._process_peak = max(self._process_peak, field(status, "VmData"))
            for name in sums:
                sums[name] += field(status, name)
        for name, value in sums.items():
            self._tree_peaks[name] = max(self._tree_peaks[name], value)

    def _sample_host(self) -> None:
        available = field(read_file("/proc/meminfo"), "MemAvailable")
        if available > 0 and available < (self._least_available or available + 1):
            self._least_available = available

    def _sample_gpus(self) -> None:
        for device, used in self._driver.used_bytes().items():
            self._gpu_peaks[device] = max(self._gpu_peaks.get(device, 0), used)


def adopt_orphans() -> None:
    """Makes this process the parent of every descendant whose own parent dies: ranks outlive their launchers."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER) failed")


def descendants() -> list:
    """The processes that descend from this one."""
    children = {}
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as file:
                fields = file.read().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[0] in ("Z", "X"):
            continue
        children.setdefault(int(fields[1]), []).append(int(name))
    found, waiting = [], list(children.get(os.getpid(), []))
    while waiting:
        pid = waiting.pop()
        found.append(pid)
        waiting.extend(children.get(pid, []))
    return found


def kernel_kills() -> int:
    """Counted by the kernel for the control group of this process (version 2, then 1); 0 where it does not tell."""
    for line in read_file("/proc/self/cgroup").splitlines():
        number, controllers, path = line.split(":", 2)
        if number == "0":
            events = read_file(f"/sys/fs/cgroup{path}/memory.events")
        elif controllers == "memory":
            events = read_file(f"/sys/fs/cgroup/memory{path}/memory.oom_control")
        else:
            continue
        for entry in events.splitlines():
            if entry.startswith("oom_kill "):
                return int(entry.split()[1])
    return 0


def read_file(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""  # gone


def field(status: str, name: str) -> int:
    """Bytes of a line such as `VmData:   1234 kB`; 0 where there is none."""
    start = status.find(f"\n{name}:")
    if start < 0:
        return 0
    return int(status[start + len(name) + 2 : status.index("kB", start)]) * 1024


class Driver:
    """NVML, by ctypes: it needs no package, and makes no context on the GPU."""

    class Memory(ctypes.Structure):
        _fields_ = [(name, ctypes.c_ulonglong) for name in ("total", "free", "used")]

    def __init__(self, library, handles) -> None:
        self._library, self._handles = library, handles

    @classmethod
    def open(cls, gpus):
        """The driver for these GPUs, in the order of the bus; None where there are none to look at."""
        if not gpus:
            return None
        try:
            library = ctypes.CDLL("libnvidia-ml.so.1")
        except OSError:
            return None
        if library.nvmlInit_v2() != 0:
            return None
        handles = []
        for index in gpus:
            handle = ctypes.c_void_p()
            if library.nvmlDeviceGetHandleByIndex_v2(index, ctypes.byref(handle)) != 0:
                return None
            handles.append(handle)
        return cls(library, handles)

    def used_bytes(self) -> dict:
        """Place among the GPUs of the session to bytes in use."""
        used = {}
        for place, handle in enumerate(self._handles):
            memory = self.Memory()
            if self._library.nvmlDeviceGetMemoryInfo(handle, ctypes.byref(memory)) == 0:
                used[place] = memory.used
        return used
