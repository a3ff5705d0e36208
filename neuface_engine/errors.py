"""What can go wrong, one class per remedy. Every message is one line: the file, what is wrong, what to do."""

from __future__ import annotations


class NeuFaceError(Exception):
    """Base of all errors caused by input; anything else that escapes is a fault of the software."""


class MediaError(NeuFaceError):
    """A video or image cannot be used: give another file, or repair it."""


class NoFaceError(NeuFaceError):
    """No view of a sequence shows a face: give footage with a visible face."""


class AssetError(NeuFaceError):
    """A model file (face model, encoder, detector) is missing or of the wrong layout: obtain the right one."""


class TrackError(NeuFaceError):
    """A track file is damaged, or was made with another face model: track again, or give that model."""


class ProjectError(NeuFaceError):
    """A project folder is damaged or locked: repair it, or choose another."""


class ConfigError(NeuFaceError):
    """An option has a value that means nothing: correct it."""


class DivergedError(NeuFaceError):
    """The optimisation left the finite numbers: lower the learning rate; the last good iteration is kept."""


class OutOfMemoryError(NeuFaceError):
    """The footage does not fit the machine's memory: take fewer frames or views, or allow more memory."""


class CheckpointError(NeuFaceError):
    """A saved state cannot be gone on from: give the same footage, models and settings, or begin anew."""


def in_short(error: BaseException) -> str:
    """What another library says of a damaged file, in one line of at most 120 characters; else the error's kind."""
    return " ".join(str(error).split())[:120] or type(error).__name__
