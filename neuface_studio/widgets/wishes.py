"""What the drawing thread needs to know of the session, put together for its requests."""

from __future__ import annotations

from neuface_studio.maps import rounded_up
from neuface_studio.scene.heat import HeatWish
from neuface_studio.session import IterationRecord, Session


def heat_wish(session: Session, record: IterationRecord | None) -> HeatWish | None:
    """What the drawing thread needs for the heat map of a state; None where none is on, or it cannot be had."""
    kind = session.layers.drawn.heat
    if record is None or not kind:
        return None
    if kind == "vertex":
        values = None if record.saved else session.gradients.frame(record.map_key, session.frame)
        return HeatWish(kind, values, rounded_up(session.gradients.typical_peak(record.map_key)))
    if kind == "pixel":
        pixels = None if record.saved else session.pixels.get(record.map_key, session.frame)
        return HeatWish(kind, pixels=pixels)
    return HeatWish(kind, before=session.as_drawn(session.before(record)) if kind == "update" else None)
