"""Limits of this process that the kernel keeps."""

import resource


def limit_data_segment(limit_bytes: int) -> None:
    """Caps VmData, so that torch on CPU runs out of memory as it would on a full device."""
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    soft = limit_bytes if hard == resource.RLIM_INFINITY else min(limit_bytes, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))
