"""A failure rate that can be proven: plans, the audit's draw, plants, bounds, read-out, certificate, agreement, A/B."""

from __future__ import annotations

from neuface_engine.review.proof.audit import Audit, draw_audit, load_audit
from neuface_engine.review.proof.bounds import Bound, bound_at_the_end, bound_so_far
from neuface_engine.review.proof.clusters import design_effect, effective_sample, intraclass_correlation
from neuface_engine.review.proof.draw import Item, draw_order, population_hash
from neuface_engine.review.proof.evidence import Evidence, gather
from neuface_engine.review.proof.exact import binomial_lower, binomial_upper, hypergeometric_upper, wilson
from neuface_engine.review.proof.mixing import StreamItem, interleave
from neuface_engine.review.proof.plans import Plan, passing_power, required_draws, sized
from neuface_engine.review.proof.planting import (
    KINDS,
    SEVERITIES,
    Plant,
    Sensitivity,
    draw_plants,
    practice_plants,
    sensitivity_table,
)
from neuface_engine.review.proof.readout import Readout, readout
from neuface_engine.review.proof.stream import judge_plant, review_stream

__all__ = [
    "KINDS",
    "SEVERITIES",
    "Audit",
    "Bound",
    "Evidence",
    "Item",
    "Plan",
    "Plant",
    "Readout",
    "Sensitivity",
    "StreamItem",
    "binomial_lower",
    "binomial_upper",
    "bound_at_the_end",
    "bound_so_far",
    "design_effect",
    "draw_audit",
    "draw_order",
    "draw_plants",
    "effective_sample",
    "gather",
    "hypergeometric_upper",
    "interleave",
    "intraclass_correlation",
    "judge_plant",
    "load_audit",
    "passing_power",
    "population_hash",
    "practice_plants",
    "readout",
    "required_draws",
    "review_stream",
    "sensitivity_table",
    "sized",
    "wilson",
]
