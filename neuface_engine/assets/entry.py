"""What an entry of the catalogue says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["head", "head data", "encoder", "shape prior", "detector"]


@dataclass(frozen=True)
class Asset:
    """One model, or one file of its kind.

    files: names it is distributed under, in lower case, as globs on the end of the path; use: the options of
    `neuface track`; needs: names of the assets without which it does not run; steps: what to do, a line each.
    """

    name: str
    title: str
    kind: Kind
    purpose: str
    files: tuple[str, ...]
    url: str
    licence: str
    use: str
    steps: tuple[str, ...]
    needs: tuple[str, ...] = ()
