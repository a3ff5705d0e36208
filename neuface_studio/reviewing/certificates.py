"""The certificate of a project's audit, written and checked from the window."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from neuface_engine.errors import NeuFaceError
from neuface_engine.review import Project

Tell = Callable[[str, str], None]
"""Says a line to the reviewer: level ("good", "warning", "error") and text."""


def write_certificate(project: Project, path: Path, tell: Tell) -> bool:
    """Write JSON and, beside it, PDF; says what they say. False where there is no audit, or the disk refuses."""
    from neuface_engine.review.proof import certificate as engine
    from neuface_engine.review.proof.certificate_pdf import write_pdf

    path = path.with_suffix(".json")
    pdf = path.with_suffix(".pdf")
    try:
        certificate = engine.certify(project)
        engine.write_certificate(certificate, path)
        write_pdf(certificate, pdf, title=project.folder.resolve().name)
    except NeuFaceError as error:
        tell("error", str(error))
        return False
    tell("good", f"Certificate written: {path} and {pdf.name}. It says: {certificate['statement']}")
    return True


def check_certificate(project: Project, path: Path, tell: Tell) -> bool:
    """Work a certificate out again from the project's log; says where it differs. False where it does not hold."""
    from neuface_engine.review.proof import certificate as engine

    try:
        found = engine.verify(project, engine.read_certificate(path))
    except NeuFaceError as error:
        tell("error", str(error))
        return False
    if not found.holds:
        more = len(found.differences) - 1
        tell(
            "error",
            f"{path.name} does NOT follow from this project's logs: {found.differences[0]}"
            + (f"; and {more} more difference{'' if more == 1 else 's'}." if more else "."),
        )
        return False
    tell("good", " ".join((f"{path.name} holds: the logs give the same.", *found.notes)))
    return True
