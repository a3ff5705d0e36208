"""Talking heads of known geometry that the open head cannot show exactly: MakeHuman people, dented and stretched.

A build-time tool, not part of the installed software.
"""

from .clip import build_clip
from .person import PEOPLE, Anatomy, Person, read_anatomy

__all__ = ["PEOPLE", "Anatomy", "Person", "build_clip", "read_anatomy"]
