"""What the verdicts so far say about the tracks to come: a logistic regression on the measures, with its reasons."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neuface_engine.review.flags import number
from neuface_engine.review.thresholds import CHECKS

ENOUGH, ENOUGH_FAILURES = 30, 5  # verdicts, and rejects (and as many accepts), before anything is learned
FOLDS = 5
STRENGTH = 0.3  # inverse weight of the penalty: with some dozens of verdicts, few features may speak loudly
PARAMETER = "parameter_"
NOT_FEATURES = ("frames", "views")
Measures = Mapping[str, float | None]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Reason:
    """A measure's say: `weight` per standard deviation of the measure, > 0 = more of it means more failures."""

    measure: str
    weight: float

    @property
    def text(self) -> str:
        """ "landmark error (NME): more is worse (+0.82)"."""
        title = TITLES.get(self.measure, self.measure.replace("_", " "))
        return f"{title}: {'more' if self.weight > 0 else 'less'} is worse ({self.weight:+.2f})"


TITLES = {check.measure: check.title for check in CHECKS}


@dataclass(frozen=True)
class Learned:
    """A fitted order, or the sentence why there is none.

    usable    it is better than chance: the lower end of the AUC's 95 % interval is above one half
    message   one sentence with the numbers
    auc, auc_low, auc_high    cross-validated; NaN where nothing was fitted
    reasons   the measures by the size of their weight, largest first
    """

    usable: bool
    message: str
    verdicts: int
    failures: int
    auc: float = math.nan
    auc_low: float = math.nan
    auc_high: float = math.nan
    reasons: tuple[Reason, ...] = ()
    model: _Model | None = None

    def probability(self, rows: Sequence[Measures]) -> Floats:
        """[n]: how likely a reviewer rejects each of these, 0..1; all one half where nothing was learned."""
        return np.full(len(rows), 0.5) if self.model is None else self.model(rows)

    @property
    def features(self) -> tuple[str, ...]:
        """The measures that it looks at."""
        return () if self.model is None else self.model.features

    def chances(self, figures: Floats) -> Floats:
        """`probability` of sequences given as a table [n, feature]; NaN = not known."""
        return np.full(len(figures), 0.5) if self.model is None else self.model.of_table(figures)


@dataclass(frozen=True)
class _Model:
    features: tuple[str, ...]
    centre: Floats
    spread: Floats
    weights: Floats
    bias: float

    def __call__(self, rows: Sequence[Measures]) -> Floats:
        return self._of(_matrix(rows, self.features))

    def of_table(self, figures: Floats) -> Floats:
        return self._of(_tamed(figures))

    def _of(self, values: Floats) -> Floats:
        values = (values - self.centre) / self.spread
        values = np.where(np.isfinite(values), values, 0.0)  # what is not known says nothing
        return np.asarray(1 / (1 + np.exp(-(values @ self.weights + self.bias))))


def learn(rows: Sequence[Measures], failed: Sequence[bool], *, seed: int = 0) -> Learned:
    """Fits the order to judged sequences: their measures and whether each failed (rejected or unsure).

    Features are all measures but the clip's own parameters, on a logarithmic scale where they are never negative,
    standardised; ridge penalty, classes weighted equally. The AUC is that of 5-fold cross-validation (seeded) with
    the interval of Hanley and McNeil (1982).
    """
    from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]
    from sklearn.metrics import roc_auc_score  # type: ignore[import-untyped]
    from sklearn.model_selection import StratifiedKFold, cross_val_predict  # type: ignore[import-untyped]
    from sklearn.pipeline import make_pipeline  # type: ignore[import-untyped]
    from sklearn.preprocessing import StandardScaler  # type: ignore[import-untyped]

    target = np.asarray(failed, bool)
    count, failures = len(target), int(target.sum())
    rarer = min(failures, count - failures)
    if count < ENOUGH or rarer < ENOUGH_FAILURES:
        return Learned(
            False,
            f"Not enough to learn from: {count} verdicts, {failures} of them failures; it takes {ENOUGH} verdicts with "
            f"at least {ENOUGH_FAILURES} of each kind.",
            count,
            failures,
        )
    names = _features(rows)
    if not names:
        return Learned(False, "Nothing to learn from: the measures are all alike.", count, failures)
    values = _matrix(rows, names)
    filled = np.where(np.isfinite(values), values, np.nanmedian(values, axis=0))

    def model() -> LogisticRegression:
        return LogisticRegression(C=STRENGTH, class_weight="balanced", max_iter=2000)

    folds = StratifiedKFold(min(FOLDS, rarer), shuffle=True, random_state=seed)
    guesses = cross_val_predict(
        make_pipeline(StandardScaler(), model()), filled, target, cv=folds, method="decision_function"
    )
    auc = float(roc_auc_score(target, guesses))
    low, high = auc_interval(auc, failures, count - failures)
    centre, spread = filled.mean(0), np.maximum(filled.std(0), 1e-12)
    fitted = model().fit((filled - centre) / spread, target)
    weights = fitted.coef_[0]
    order = np.argsort(-np.abs(weights))
    usable = low > 0.5
    figures = (
        f"AUC {auc:.2f} ({low:.2f} to {high:.2f}), cross-validated on {count} verdicts, {failures} failures"
    )
    return Learned(
        usable,
        f"Learned order: {figures}." if usable else f"No better than chance yet: {figures}.",
        count,
        failures,
        auc,
        low,
        high,
        tuple(Reason(names[i], float(weights[i])) for i in order),
        _Model(names, centre, spread, weights, float(fitted.intercept_[0])),
    )


def auc_interval(auc: float, positives: int, negatives: int) -> tuple[float, float]:
    """95 % interval of an area under the ROC curve (Hanley and McNeil, Radiology 143, 1982, equation 2), in 0..1."""
    one, two = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    variance = (auc * (1 - auc) + (positives - 1) * (one - auc**2) + (negatives - 1) * (two - auc**2)) / (
        positives * negatives
    )
    reach = 1.96 * math.sqrt(max(variance, 0.0))
    return max(0.0, auc - reach), min(1.0, auc + reach)


def _features(rows: Sequence[Measures]) -> tuple[str, ...]:
    """Measures known of at least half of the rows, and not alike in all."""
    names = sorted(
        {name for row in rows for name in row if not name.startswith(PARAMETER)} - set(NOT_FEATURES)
    )
    values = _matrix(rows, tuple(names))
    known = np.isfinite(values)
    spread = np.nanmax(np.where(known, values, -np.inf), 0) - np.nanmin(np.where(known, values, np.inf), 0)
    return tuple(n for i, n in enumerate(names) if known[:, i].mean() >= 0.5 and spread[i] > 1e-9)


def _matrix(rows: Sequence[Measures], names: tuple[str, ...]) -> Floats:
    """[row, feature]; NaN = not known. Measures are never negative: log(1 + x) tames their long tails."""
    values = np.array([[number(row, name) for name in names] for row in rows], float).reshape(
        len(rows), len(names)
    )
    return _tamed(values)


def _tamed(values: Floats) -> Floats:
    return np.asarray(np.sign(values) * np.log1p(np.abs(values)))
