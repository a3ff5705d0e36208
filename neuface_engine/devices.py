"""Where a run computes."""

from __future__ import annotations

import torch

from neuface_engine.errors import ConfigError


def find_device(name: str = "auto") -> torch.device:
    """ "auto" (the fastest there is), "cpu", "cuda", "cuda:1" or "mps". Raises ConfigError for one that is not here."""
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    kind, _, number = str(name).partition(":")
    counts = {"cpu": 1, "cuda": torch.cuda.device_count(), "mps": int(torch.backends.mps.is_available())}
    here = counts.get(kind, 0)
    if here == 0 or (number and not (number.isdecimal() and int(number) < here)):
        raise ConfigError(f"device {name!r} is not available here; give auto or cpu")
    return torch.device(name)
