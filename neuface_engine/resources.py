"""Where the files live that the software carries: inside the wheel, or at the top of a checkout."""

from __future__ import annotations

from pathlib import Path

from neuface_engine.errors import AssetError

_PACKAGE = Path(__file__).resolve().parent
_FOLDERS = (_PACKAGE / "resources", _PACKAGE.parent / "resources")


def path(name: str) -> Path:
    """Absolute path of the embedded file or folder `name` (e.g. "open_head.npz").

    Raises AssetError where the installation lacks it.
    """
    for folder in _FOLDERS:
        if (folder / name).exists():
            return folder / name
    raise AssetError(f"{name}: this installation lacks the embedded file; install neuface-studio again")
