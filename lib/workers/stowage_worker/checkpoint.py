"""The tensors of a folder of safetensors files, mapped and never read whole."""

import json
import mmap
import os
import warnings
from pathlib import Path

import torch

INDEX = "model.safetensors.index.json"
DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}


class Checkpoint:
    """Names to tensors that are views of their files.

    The mapping is shared and read-only: it is no private memory of the process, so that a limit on data segments does
    not count it, and only the pages of the slices that are copied are read. (What `safe_open` maps is private.)
    """

    def __init__(self, files) -> None:
        self._views = {}
        for path in files:
            self._views.update(_views_of(path))

    def __contains__(self, name: str) -> bool:
        return name in self._views

    def tensor(self, name: str) -> torch.Tensor:
        """The whole tensor; to copy a slice of it reads that slice."""
        mapping, start, stop, dtype, shape = self._views[name]
        if start == stop:
            return torch.empty(shape, dtype=dtype)
        _will_need(mapping, start, stop)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that it must not be written to
            flat = torch.frombuffer(
                memoryview(mapping)[start:stop], dtype=dtype, count=(stop - start) // dtype.itemsize
            )
        return flat.view(shape)


def checkpoint_files(folder) -> list:
    """The safetensors files that `from_pretrained` would read; empty where the weights are pickled."""
    folder = Path(folder)
    single = folder / "model.safetensors"
    if single.exists():
        return [single]
    index = folder / INDEX
    if not index.exists():
        return []
    names = json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()
    return [folder / name for name in sorted(set(names))]


def _views_of(path):
    """Name to (mapping, start, stop, dtype, shape) of one file."""
    with open(path, "rb") as file:
        mapping = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    header, data = _read_header(mapping)
    header.pop("__metadata__", None)
    for name, entry in header.items():
        if entry["dtype"] not in DTYPES:
            raise ValueError(f"{os.path.basename(path)}: {name} has the dtype {entry['dtype']}")
        start, stop = entry["data_offsets"]
        yield name, (mapping, data + start, data + stop, DTYPES[entry["dtype"]], entry["shape"])


def file_metadata(path) -> dict:
    """The texts that the header of a file has beside its tensors."""
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        return json.loads(file.read(length)).get("__metadata__", {})


def _read_header(mapping):
    """The JSON object, and where the data begin."""
    length = int.from_bytes(mapping[:8], "little")
    return json.loads(mapping[8 : 8 + length]), 8 + length


def _will_need(mapping, start: int, stop: int) -> None:
    """Asks for the pages in large pieces: by faults alone a disk is read in small ones."""
    if hasattr(mmap, "MADV_WILLNEED"):
        start -= start % mmap.PAGESIZE
        mapping.madvise(mmap.MADV_WILLNEED, start, stop - start)
