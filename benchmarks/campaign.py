"""Repeated review campaigns with known failures: python benchmarks/campaign.py [--repeats 20000] [--json]

For every bound of docs/proof.md: how often it was right, and what it claims. The exact false acceptance of the bet,
with no chance in it, comes last, and one whole campaign of 5,000 sequences through a project's logs.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from neuface_engine.review import Project, Verdict
from neuface_engine.review.proof import (
    Item,
    Plan,
    certify,
    draw_audit,
    plant_event,
    readout,
    required_draws,
    sized,
    verify,
)
from neuface_engine.review.proof import simulation as simulate
from neuface_engine.review.proof.betting import draws_to_accept

WATCHED = {"frames": 1.0, "views": ["front"], "of_views": 1, "seconds": 30.0, "sufficient": True}


def bounds(repeats: int, seed: int) -> list[dict[str, Any]]:
    """One row for each bound and setting: {"bound", "setting", "claimed", "held", "campaigns"}."""
    few = max(repeats // 40, 50)
    rows: list[dict[str, Any]] = []

    def row(bound: str, setting: str, held: float, campaigns: int) -> None:
        rows.append(
            {"bound": bound, "setting": setting, "claimed": 0.95, "held": held, "campaigns": campaigns}
        )

    for allowed, draws in enumerate((2995, 4742, 6294, 7752)):
        held = simulate.clopper_pearson_holds(0.001, draws, 0.95, repeats, seed + len(rows))
        row("Clopper-Pearson", f"0.1 % fail, {draws:,} draws (c = {allowed})", held, repeats)
    for failing, population, draws in ((1, 500, 476), (5, 5000, 2254), (5, 5000, 3287), (100, 20000, 1500)):
        held = simulate.hypergeometric_holds(failing, population, draws, 0.95, repeats, seed + len(rows))
        row("hypergeometric", f"{failing} of {population:,} fail, {draws:,} draws", held, repeats)
    for sensitivity in (1.0, 0.97, 0.8):
        plan = Plan(draws=3826, plants=100)
        held = simulate.folded_holds(plan, 0.001, sensitivity, repeats, seed + len(rows))
        row("with 100 plants", f"0.1 % fail, {100 * sensitivity:.0f} % seen, 3,826 draws", held, repeats)
        plan = Plan(draws=3716, plants=100, population=5000)
        held = simulate.folded_holds(plan, 0.001, sensitivity, repeats, seed + len(rows))
        row("with 100 plants, list", f"5 of 5,000 fail, {100 * sensitivity:.0f} % seen", held, repeats)
    for rate in (0.0002, 0.001, 0.02):
        held = simulate.betting_holds(rate, 0.95, repeats, seed + len(rows))
        row("betting, at every moment", f"{100 * rate:g} % fail, until 200 failures", held, repeats)
    for failing, population in ((1, 500), (5, 5000), (50, 5000)):
        held = simulate.betting_on_list_holds(failing, population, 0.95, few, seed + len(rows))
        row("betting on a list, at every moment", f"{failing} of {population:,} fail", held, few)
    plan = Plan(kind="betting", limit=0.05, target=0.01, population=300, draws=300, plants=60)
    held = simulate.folded_at_any_time_holds(plan, 15, 0.85, few, seed + len(rows))
    row("betting on a list with plants, 12 looks", "15 of 300 fail, 85 % seen", held, few)
    clips, failing_clips = [10] * 100, np.zeros(1000, bool)
    failing_clips[:10] = True
    held = simulate.rounds_hold(clips, failing_clips, 300, 0.95, few)
    row("rounds over people", "100 people, 10 clips each; one fails always", held, few)
    failing_clips = np.random.default_rng(seed).permutation(failing_clips)
    held = simulate.rounds_hold(clips, failing_clips, 300, 0.95, few)
    row("rounds over people", "the same, failures at random", held, few)
    clips, failing_clips = [2] * 100 + [40] * 10, np.zeros(600, bool)
    failing_clips[-40:] = True
    held = simulate.rounds_hold(clips, failing_clips, 220, 0.95, few)
    row("rounds over people, uneven", "2 or 40 clips; one with 40 fails always", held, few)
    held = simulate.spending_holds(0.001, 8192, 0.95, few, seed + len(rows))
    row("rounds over people, at every moment", "0.1 % fail, 8,192 draws", held, few)
    return rows


def plans() -> dict[str, Any]:
    """The figures that the plans rest on."""
    return {
        "fixed": {str(c): required_draws(c) for c in range(4)},
        "list_of_500": required_draws(0, population=500),
        "with_100_plants": required_draws(0, plants=100),
        "bet": {str(k): draws_to_accept(k) for k in range(4)},
        "lists": {
            f"{n}": {"draws": plan.draws, "allowed": plan.allowed}
            for n in (500, 1000, 5000, 20000, 100000)
            for plan in [sized(Plan(population=n))]
        },
    }


def exact_false_acceptance(limit: float = 0.001, failures: int = 200) -> float:
    """The chance that the bet is won where exactly `limit` fail: a sum over the failures between clean draws."""
    from scipy.stats import nbinom

    needed = np.array([draws_to_accept(k, limit=limit) - k for k in range(failures)])
    alive, won = np.zeros(failures), 0.0
    alive[0] = 1.0
    for k, steps in enumerate(np.diff(np.r_[0, needed])):
        alive = np.convolve(alive, nbinom.pmf(np.arange(failures), steps, 1 - limit))[:failures]
        won += float(alive[: k + 1].sum())
        alive[: k + 1] = 0.0
    return won


def campaign(sequences: int, seed: int) -> dict[str, Any]:
    """One campaign through a project's logs: draw, verdicts, plants, read-out, certificate, check."""
    rng = np.random.default_rng(seed)
    failing = set(rng.choice(sequences, max(sequences // 250, 1), replace=False).tolist())
    items = [Item(f"{i:05d}", f"{i:064x}") for i in range(sequences)]
    spent: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder, Project.create(Path(folder) / "lab") as project:
        begun = time.perf_counter()
        plan = Plan(limit=0.01, target=0.004, plants=96)
        audit = draw_audit(project, reviewer="anna", plan=plan, items=items, seed=f"{seed}")
        spent["draw_s"] = time.perf_counter() - begun
        begun = time.perf_counter()
        events: list[Any] = [
            Verdict(
                item.name,
                "reject" if int(item.name) in failing else "accept",
                item.track_hash,
                ("anna", "bert")[number % 2],
                coverage=WATCHED,
            )
            for number, item in enumerate(audit.draws)
        ]
        events += [plant_event(plant, "reject", "anna") for plant in audit.plants]
        project.log.append(*events)
        spent["log_s"] = time.perf_counter() - begun
        begun = time.perf_counter()
        now = readout(project)
        spent["readout_s"] = time.perf_counter() - begun
        begun = time.perf_counter()
        certificate = certify(project)
        spent["certify_s"] = time.perf_counter() - begun
        holds = verify(project, certificate).holds
    found = sum(int(item.name) in failing for item in audit.draws)
    return {
        "sequences": sequences,
        "failing": len(failing),
        "draws": len(audit.draws),
        "failing_drawn": found,
        "failures_in_certificate": certificate["draws"]["failures"],
        "at_most": certificate["bound"]["failing"],
        "readout_agrees": now.bound is not None and now.bound.failing == certificate["bound"]["failing"],
        "certificate_holds": holds,
        **{name: round(seconds, 3) for name, seconds in spent.items()},
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=20000, help="campaigns for each bound")
    parser.add_argument(
        "--sequences", type=int, default=5000, help="in the campaign through a project's logs"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    options = parser.parse_args()
    result = {
        "plans": plans(),
        "bounds": bounds(options.repeats, options.seed),
        "bet_false_acceptance_exact": exact_false_acceptance(),
        "campaign": campaign(options.sequences, options.seed),
    }
    if options.json:
        print(json.dumps(result))
    else:
        print(json.dumps(result["plans"], indent=1))
        for entry in result["bounds"]:
            print(
                f"{entry['bound']:42s} {entry['setting']:44s} claims {entry['claimed']:.1%} "
                f"held {entry['held']:.2%} of {entry['campaigns']:,}"
            )
        print(f"false acceptance of the bet at exactly 0.1 %: {result['bet_false_acceptance_exact']:.4%}")
        for name, value in result["campaign"].items():
            print(f"{name:26s} {value}")
