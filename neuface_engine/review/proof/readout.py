"""The read-out beside the queue: what is proven at this moment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from neuface_engine.review.events import PLANT_JUDGED
from neuface_engine.review.proof.audit import DRAWN, load_audit
from neuface_engine.review.proof.bounds import Bound, bound_at_the_end, bound_so_far
from neuface_engine.review.proof.clusters import DEFAULT_ICC, effective_sample
from neuface_engine.review.proof.draw import person
from neuface_engine.review.proof.evidence import Evidence, gather

if TYPE_CHECKING:
    from neuface_engine.review.project import Project


@dataclass(frozen=True)
class Readout:
    """draws      in the sample; judged, failures, unwatched (verdicts that do not count), passed_over, plants so far
    stated        clean draws of which only the reviewers' word says that they were watched
    bound         what is proven, at the plan's confidence, whenever one looks; None before an audit is drawn
    final         every draw of a fixed plan and every plant is judged: the bound is the exact one
    remaining     clean draws that are still needed for the plan's limit; None where no number of them is enough
    effective     independent clips that the judged draws are worth at an ICC of 0.2
    lines         all this in words, the most important first
    """

    draws: int = 0
    judged: int = 0
    failures: int = 0
    unwatched: int = 0
    stated: int = 0
    passed_over: int = 0
    plants: int = 0
    plants_judged: int = 0
    plants_caught: int = 0
    bound: Bound | None = None
    confidence: float = 0.95
    limit: float = 0.001
    passes: bool = False
    final: bool = False
    remaining: int | None = None
    effective: float = 0.0
    lines: tuple[str, ...] = ("No audit is drawn: nothing is proven about what nobody looked at.",)


def readout(project: Project) -> Readout:
    """What is proven about a project now. Raises ProjectError where the list of its audit is missing or changed."""
    audit = load_audit(project)
    if audit is None:
        return Readout()
    return readout_of(
        gather(audit, project.index.events("verdict", "adjudication", "undo", PLANT_JUDGED, DRAWN))
    )


def readout_of(evidence: Evidence) -> Readout:
    """The same from evidence."""
    audit, plan = evidence.audit, evidence.audit.plan
    outcomes, plants = evidence.outcomes, evidence.judged_plants
    judged = evidence.count("clean") + evidence.count("failure")
    complete = judged == plan.draws and len(plants) == len(audit.plants)
    final = plan.kind == "fixed" and complete
    bound = current_bound(evidence)
    looked_at = [
        person(item)
        for item, state in zip(audit.order, evidence.states, strict=False)
        if state in ("clean", "failure")
    ]
    people = dict.fromkeys(looked_at, 0)
    for name in looked_at:
        people[name] += 1
    result = Readout(
        draws=plan.draws,
        judged=judged,
        failures=evidence.count("failure"),
        unwatched=evidence.count("unwatched"),
        stated=evidence.watched.get("stated", 0),
        passed_over=sum(outcomes) - sum(state == "failure" for state in evidence.states[: len(outcomes)]),
        plants=len(audit.plants),
        plants_judged=len(plants),
        plants_caught=sum(caught for _, caught in plants),
        bound=bound,
        confidence=plan.confidence,
        limit=plan.limit,
        passes=bound.passes,
        final=final,
        remaining=clean_draws_needed(evidence, bound),
        effective=effective_sample(list(people.values()), DEFAULT_ICC) if people else 0.0,
    )
    return _in_words(result, evidence, len(people))


def current_bound(evidence: Evidence) -> Bound:
    """Of a fixed plan that is judged to its end the exact bound, before that the one that holds at every moment."""
    plan = evidence.audit.plan
    judged = evidence.count("clean") + evidence.count("failure")
    if plan.kind == "fixed" and judged == plan.draws and None not in evidence.caught:
        return bound_at_the_end(plan, evidence.outcomes, evidence.caught_so_far)
    return bound_so_far(plan, evidence.outcomes, evidence.caught_so_far, found=evidence.count("failure"))


def clean_draws_needed(evidence: Evidence, bound: Bound) -> int | None:
    """Draws still to be judged until the limit is proven, if all are clean and all plants that are left are caught."""
    plan = evidence.audit.plan
    if bound.passes:
        return 0
    all_caught = [bool(caught) for caught in (True if c is None else c for c in evidence.caught)]
    if plan.kind == "fixed":
        failures = evidence.count("failure")
        clean = [True] * failures + [False] * (plan.draws - failures)
        enough = bound_at_the_end(plan, clean, all_caught).passes
        return plan.draws - evidence.count("clean") - failures if enough else None
    hoped = [state == "failure" for state in evidence.states]
    if not hoped or not bound_so_far(plan, hoped, all_caught).passes:
        return None
    low, high = 1, len(hoped)
    while low < high:
        middle = (low + high) // 2
        if bound_so_far(plan, hoped[:middle], all_caught).passes:
            high = middle
        else:
            low = middle + 1
    return sum(state not in ("clean", "failure") for state in evidence.states[:low])


def percent(rate: float) -> str:
    """Two significant digits, rounded up: what is proven is never said smaller than it is."""
    from math import ceil, floor, log10

    if rate <= 0:
        return "0 %"
    if rate >= 1:
        return "100 %"
    step = 10.0 ** (floor(log10(100 * rate)) - 2)
    return f"{ceil(100 * rate / step - 1e-9) * step:.3g} %"


def percent_down(share: float) -> str:
    """One decimal, rounded down, for what is proven to be at least so large."""
    return f"{int(1000 * share + 1e-9) / 10:g} %"


def _in_words(result: Readout, evidence: Evidence, people: int) -> Readout:
    from dataclasses import replace

    plan, bound = evidence.audit.plan, result.bound
    assert bound is not None
    of_list = f" ({bound.failing:,} of {plan.population:,})" if bound.failing is not None else ""
    proven = "proven" if result.final else "so far proven"
    lines = [
        f"{proven}: at most {percent(bound.rate)}{of_list} fail, with {100 * plan.confidence:g} % confidence"
    ]
    limit = f"{100 * plan.limit:g} %"
    if result.passes:
        lines.append(f"the limit is met: fewer than {limit} fail")
    elif result.remaining is None:
        lines.append(f"this audit cannot prove fewer than {limit} any more; repair, and draw a new one")
    elif plan.kind == "fixed":
        spare = plan.allowed - result.failures
        lines.append(f"{result.remaining:,} draws to go for {limit}; {max(spare, 0)} more may fail")
    else:
        lines.append(f"{result.remaining:,} clean draws more prove fewer than {limit}")
    of = f" of {result.draws:,}" if plan.kind == "fixed" else ""
    lines.append(f"{result.judged:,}{of} draws judged, {_number(result.failures, 'failure')}")
    if result.passed_over:
        lines.append(f"{result.passed_over:,} passed over on the way: each counts as a failure until judged")
    if result.unwatched:
        lines.append(f"{result.unwatched:,} accepted without being watched: these do not count")
    if result.stated:
        lines.append(
            f"{result.stated:,} of {evidence.count('clean'):,} clean draws were watched by the reviewers' word alone; "
            f"{evidence.count('clean') - result.stated:,} were measured"
        )
    if result.plants:
        lines.append(
            f"{result.plants_caught} of {result.plants_judged} planted failures caught ({result.plants} in all): "
            f"at least {percent_down(bound.sensitivity)} of failures are seen"
        )
    else:
        lines.append("no planted failures: that reviewers see every failure is taken for granted")
    if 0 < people < result.judged:
        lines.append(
            f"{people:,} people in {result.judged:,} draws, worth {result.effective:,.0f} independent clips"
        )
    return replace(result, lines=tuple(lines))


def _number(count: int, word: str) -> str:
    return f"{count:,} {word}" + ("" if count == 1 else "s")
