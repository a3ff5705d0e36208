"""A failure rate that can be proven: plans, the audit's draw, plants, bounds, read-out, certificate, agreement, A/B."""

from __future__ import annotations

from neuface_engine.review.proof.agreement import Agreement, agreement, gwet_ac1, specific_agreement
from neuface_engine.review.proof.audit import Audit, draw_audit, load_audit
from neuface_engine.review.proof.blind import (
    Comparison,
    Trial,
    ab_results,
    draw_ab,
    draw_trials,
    judge_trial,
    open_trials,
)
from neuface_engine.review.proof.bounds import Bound, bound_at_the_end, bound_so_far
from neuface_engine.review.proof.certificate import certify, read_certificate, verify, write_certificate
from neuface_engine.review.proof.clusters import design_effect, effective_sample, intraclass_correlation
from neuface_engine.review.proof.draw import Item, draw_order, population_hash
from neuface_engine.review.proof.evidence import Evidence, gather
from neuface_engine.review.proof.exact import binomial_lower, binomial_upper, hypergeometric_upper, wilson
from neuface_engine.review.proof.mixing import StreamItem, interleave
from neuface_engine.review.proof.plans import Plan, passing_power, plan_words, required_draws, sized
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
from neuface_engine.review.proof.stream import judge_plant, plant_event, review_stream

__all__ = [
    "KINDS",
    "SEVERITIES",
    "Agreement",
    "Audit",
    "Bound",
    "Comparison",
    "Evidence",
    "Item",
    "Plan",
    "Plant",
    "Readout",
    "Sensitivity",
    "StreamItem",
    "Trial",
    "ab_results",
    "agreement",
    "binomial_lower",
    "binomial_upper",
    "bound_at_the_end",
    "bound_so_far",
    "certify",
    "design_effect",
    "draw_ab",
    "draw_audit",
    "draw_order",
    "draw_plants",
    "draw_trials",
    "effective_sample",
    "gather",
    "gwet_ac1",
    "hypergeometric_upper",
    "interleave",
    "intraclass_correlation",
    "judge_plant",
    "judge_trial",
    "load_audit",
    "open_trials",
    "passing_power",
    "plan_words",
    "plant_event",
    "population_hash",
    "practice_plants",
    "read_certificate",
    "readout",
    "required_draws",
    "review_stream",
    "sensitivity_table",
    "sized",
    "specific_agreement",
    "verify",
    "wilson",
    "write_certificate",
]
