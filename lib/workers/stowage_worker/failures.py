"""Tells running out of memory from every other failure."""

# Texts of torch on CUDA and CPU, of cuBLAS and cuDNN, of DeepSpeed's workspace, of the C++ runtime and of the kernel.
# Taken from their sources. bitsandbytes prints CUDA's own "out of memory".
OUT_OF_MEMORY_TEXTS = (
    "out of memory",
    "can't allocate memory",
    "cannot allocate memory",
    "not enough memory: you tried to allocate",
    "std::bad_alloc",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
    "cudaErrorMemoryAllocation",
    "workspace is null",
    "workspace can't be allocated",
    "we need an `offload_dir` to dispatch this model",
    "had weights offloaded to the disk",
    "unable to mmap",
    "unable to allocate",
    "can't start new thread",
)


def failure_of(error: BaseException) -> dict:
    """What an event says of an exception."""
    status = "oom" if is_out_of_memory(error) else "crashed"
    return {"status": status, "message": describe(error)}


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception, or one that it was raised from, means that memory ran out."""
    seen = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        text = str(error).lower()
        known = any(fragment.lower() in text for fragment in OUT_OF_MEMORY_TEXTS)
        if known or isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
            return True
        error = error.__cause__ or error.__context__
    return False


def describe(error: BaseException) -> str:
    """One line: the type and the first line of the text."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0] if lines else ''}"[:2000]
