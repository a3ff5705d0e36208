"""How much memory the process has had at most."""

from __future__ import annotations

import sys


def peak_memory_mb() -> float | None:
    """Peak resident memory of this process in MB (10^6 bytes); None where the system does not tell."""
    if sys.platform == "win32":
        return _windows_peak_mb()
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak * (1 if sys.platform == "darwin" else 1024) / 1e6


def _windows_peak_mb() -> float | None:
    import ctypes

    class Counters(ctypes.Structure):
        _fields_ = [
            ("size", ctypes.c_uint32),
            ("page_faults", ctypes.c_uint32),
            *[(name, ctypes.c_size_t) for name in ("peak", "now", "a", "b", "c", "d", "e", "f")],
        ]

    counters = Counters()
    counters.size = ctypes.sizeof(counters)
    try:
        windows = ctypes.windll  # type: ignore[attr-defined,unused-ignore]
        process = ctypes.c_void_p(windows.kernel32.GetCurrentProcess())
        found = windows.psapi.GetProcessMemoryInfo(process, ctypes.byref(counters), counters.size)
    except (AttributeError, OSError):
        return None
    return counters.peak / 1e6 if found else None
