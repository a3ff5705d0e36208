"""A sampling plan: what is to be proven, how surely, and with how many draws. It is fixed before the first look."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from scipy.stats import binom, hypergeom

from neuface_engine.errors import ConfigError
from neuface_engine.review.coverage import CoverageRule
from neuface_engine.review.proof.betting import RATIO
from neuface_engine.review.proof.exact import (
    TIE,
    allowed_failing,
    binomial_lower,
    binomial_upper,
    seen_at_most,
)

Kind = Literal["fixed", "betting"]
Order = Literal["sequence", "identity"]

DEFINITION = (
    "A sequence fails if, in any frame or view, the mesh is visibly off the face, of another shape or person, jitters, "
    "is frozen, late or drifting, or has lips, lids or jaw that do not follow the face; unsure is a failure."
)
_MOST_ALLOWED = 3
_ENOUGH_POWER = 0.9


@dataclass(frozen=True)
class Plan:
    """kind        "fixed": `draws` are judged, at most `allowed` may fail; "betting": watched while it grows
    limit          the failure rate to be proven: below it, with this `confidence`
    target         the rate hoped for: the passing power is stated at it, and the bet is on it
    population     sequences in the list; None = what makes them, of which they are independent draws
    order          "sequence": uniform over sequences; "identity": one clip of everybody, then a second, ...
    balance        1 where each identity has as many clips in the list as in the draw; see `draw.balance`
    draws          the sample (fixed), or the most that can be drawn (betting; 0 = no end)
    plants         planted failures, by which the reviewers' sensitivity enters the bound; 0 = they see every failure
    severities     the severities of plants that count
    watched        when a verdict counts
    definition     of a failure, in words
    """

    kind: Kind = "fixed"
    limit: float = 0.001
    confidence: float = 0.95
    target: float = 0.0002
    population: int | None = None
    order: Order = "sequence"
    balance: float = 1.0
    allowed: int = _MOST_ALLOWED
    draws: int = 0
    plants: int = 0
    severities: tuple[int, ...] = (1, 2, 3, 4)
    watched: CoverageRule = field(default_factory=CoverageRule)
    definition: str = DEFINITION

    def __post_init__(self) -> None:
        if self.kind not in ("fixed", "betting") or self.order not in ("sequence", "identity"):
            raise ConfigError(f"plan: no such kind or order ({self.kind}, {self.order}); see docs/proof.md")
        if not 0 < self.target < self.limit < 1:
            raise ConfigError(
                f"plan: 0 < target < limit < 1 is needed, not {self.target:g} and {self.limit:g}; correct them"
            )
        # Below 0.8 the bounds for unequal draws (Hoeffding, 1956) would need another proof.
        if not 0.8 <= self.confidence < 1:
            raise ConfigError(f"plan: a confidence of {self.confidence:g}; give one from 0.8 to below 1")
        if self.kind == "betting" and self.order == "identity":
            raise ConfigError(
                "plan: draws by identity are not alike, which the bet needs; draw by sequence, or take a fixed plan"
            )
        if self.allowed < 0 or self.draws < 0 or self.plants < 0 or not 0 < self.balance <= 1:
            raise ConfigError("plan: a negative number, or a balance outside of 0 to 1; correct it")
        if not set(self.severities) <= {1, 2, 3, 4} or not self.severities:
            raise ConfigError("plan: the severities that count are some of 1, 2, 3, 4; correct them")

    @property
    def ratio(self) -> float:
        """What the bet multiplies a rate by."""
        return self.target / self.limit

    @property
    def alpha(self) -> float:
        return 1 - self.confidence

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "severities": list(self.severities)}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Plan:
        """Raises ConfigError where a field is missing, unknown or means nothing."""
        try:
            known = dict(values)
            known["severities"] = tuple(int(severity) for severity in known["severities"])
            known["watched"] = CoverageRule.of(known["watched"])
            return cls(**known)
        except (TypeError, KeyError, ValueError) as error:
            raise ConfigError(
                f"plan: not a sampling plan of this program ({error}); draw the audit anew"
            ) from None


def required_draws(
    allowed: int = 0,
    *,
    limit: float = 0.001,
    confidence: float = 0.95,
    population: int | None = None,
    plants: int = 0,
    balance: float = 1.0,
) -> int | None:
    """The smallest sample that proves a rate below `limit` with `allowed` failures in it, all `plants` being caught.

    None where no sample does: the list is too small for so many failures, or the plants are too few.
    """

    def proves(draws: int) -> bool:
        alpha = (1 - confidence) / (2 if plants else 1)
        sensitivity = binomial_lower(plants, plants, 1 - alpha) if plants else 1.0
        if population is None or balance < 1:
            return binomial_upper(allowed, draws, 1 - alpha) < limit * sensitivity * balance
        too_many = allowed_failing(limit, population) + 1
        return seen_at_most(allowed, draws, population, too_many, sensitivity) < TIE * alpha

    low, high = allowed + 1, population or 10**9
    if low > high or not proves(high):
        return None
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if proves(middle) else (middle + 1, high)
    return low


def passing_power(allowed: int, draws: int, *, rate: float = 0.0002, population: int | None = None) -> float:
    """The chance that a set which fails at `rate` passes a fixed plan."""
    if population is None:
        return float(binom.cdf(allowed, draws, rate))
    return float(hypergeom.cdf(allowed, population, round(rate * population), draws))


def sized(plan: Plan, *, allowed: int | None = None) -> Plan:
    """The plan with its number of draws; without `allowed` the fewest failures that give 90 % power, up to three.

    Raises ConfigError where the population is too small to prove the limit.
    """
    if plan.kind == "betting":
        return replace(plan, draws=plan.population or 0, allowed=0)
    # Rounds over identities are no simple random sample; the binomial bound covers them (docs/proof.md).
    population = plan.population if plan.order == "sequence" else None
    choices = range(_MOST_ALLOWED + 1) if allowed is None else (allowed,)
    best: Plan | None = None
    for number in choices:
        draws = required_draws(
            number,
            limit=plan.limit,
            confidence=plan.confidence,
            population=population,
            plants=plan.plants,
            balance=plan.balance,
        )
        if draws is None or (plan.population is not None and draws > plan.population):
            continue
        best = replace(plan, allowed=number, draws=draws)
        if passing_power(number, draws, rate=plan.target, population=population) >= _ENOUGH_POWER:
            return best
    if best is None:
        raise ConfigError(
            f"plan: {plan.population} sequences are too few to prove a rate below {100 * plan.limit:g} % with "
            f"{plan.plants} plants; take a higher limit, more plants, or --order sequence"
        )
    return best


__all__ = [
    "DEFINITION",
    "RATIO",
    "Plan",
    "passing_power",
    "required_draws",
    "sized",
]


def plan_words(plan: Plan) -> str:
    """What a plan with its draws takes and gives, in a sentence."""
    limit = f"fewer than {100 * plan.limit:g} % of {plan.population:,} sequences fail"
    if plan.kind == "betting":
        return f"to prove that {limit}: watch it grow, and stop at any time"
    power = passing_power(plan.allowed, plan.draws, rate=plan.target, population=plan.population)
    order = "one clip of each person first, " if plan.order == "identity" else ""
    return (
        f"to prove that {limit}: {order}{plan.draws:,} draws of which {plan.allowed} may fail; "
        f"a set at {100 * plan.target:g} % passes with {100 * power:.0f} %"
    )
