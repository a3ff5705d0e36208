"""Shared aliases."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

Array = NDArray[Any]
SKIN, LEFT_EYE, RIGHT_EYE = 0, 1, 2
