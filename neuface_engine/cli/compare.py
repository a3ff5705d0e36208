"""`neuface compare INPUT`: several methods on the same footage, side by side (Table 2, Table S1, Fig. S3)."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neuface_engine.cli import footage
from neuface_engine.cli import options as shared
from neuface_engine.cli.metrics import ROWS
from neuface_engine.cli.optimise import Outcome, optimise
from neuface_engine.cli.output import Output, figure, table
from neuface_engine.errors import ConfigError
from neuface_engine.files import check_folder

if TYPE_CHECKING:
    from neuface_engine.optimization import NeuFaceConfig

METHODS = ("encoder", "flame-fitting", "neuface")
ABLATION: dict[str, dict[str, float]] = {
    "landmark": {"multiview_weight": 0.0, "photometric_weight": 0.0, "temporal_weight": 0.0},
    "landmark+multiview": {"temporal_weight": 0.0},
    "landmark+temporal": {"multiview_weight": 0.0, "photometric_weight": 0.0},
    "landmark+multiview+temporal": {},
}
"""The rows of Table S1: which terms of Eq. (1) NeuFace leaves out. The priors stay as they are."""

DENSITY = (
    ("image", "image gradient, pixels"),
    ("vertex", "mesh gradient, vertices"),
    ("update", "update, vertices"),
    ("face_update", "update without head turn"),
)
"""Key of `gradient_maps.spreads` and what it is called in a table."""


def add_to(commands: Any) -> None:
    parser = commands.add_parser(
        "compare",
        help="the encoder alone, FLAME fitting and NeuFace on the same footage",
        description="Runs each method on INPUT and prints its metrics; the first one is the base of the ratios.",
    )
    parser.add_argument("input", type=Path, metavar="INPUT")
    parser.add_argument(
        "--methods", metavar="A,B", help=f"some of {','.join(METHODS)} (default: all, none with --ablate)"
    )
    parser.add_argument(
        "--ablate",
        action="store_true",
        help="NeuFace without its temporal term, its multi-view term, and both",
    )
    parser.add_argument(
        "--figure", type=Path, metavar="FILE.png", help="draw the cross-view distance of each view as bars"
    )
    shared.add_models(parser)
    shared.add_optimisation(parser)
    shared.add_footage(parser)
    shared.add_json(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace, output: Output) -> int:
    import neuface_engine as nf

    planned = list(_planned(options))
    if options.figure and options.figure.suffix.lower() != ".png":
        raise ConfigError(f"--figure {options.figure}: give a name that ends in .png")
    models = shared.Models.load(options)
    sequence = shared.load_sequence(
        footage.one_source(options.input, options), options, output, models.encoder
    )
    if options.figure and sequence.num_views < 2:
        raise ConfigError("--figure: a cross-view distance takes two views or more")
    if options.figure:
        check_folder(options.figure.parent, ConfigError)
    loaded = {name: sequence.seconds.get(name, 0.0) for name in ("decode", "detect")}
    results: dict[str, Any] = {}
    code = 0
    for name, method, config in planned:
        outcome = optimise(sequence, config, models, output, method=method)
        measured = nf.metrics.evaluate(outcome.run.track(), sequence).as_dict()
        results[name] = _entry(outcome, measured, loaded)
        results[name]["gradients"] = _gradients(outcome)
        if outcome.error is not None:
            output.error(f"{options.input}: {name}: {outcome.error}")
            code = 2
        if outcome.interrupted:
            output.error(f"interrupted during {name}; the figures are of the iterations that were finished")
            code = 130
            break
    if options.figure:
        from neuface_engine.cli.bars import draw_bars

        per_view = {name: entry["metrics"]["cvd_mm_per_view"] for name, entry in results.items()}
        draw_bars(options.figure, per_view, title="Cross-view vertex distance per view", unit="mm")
        output.note(f"{options.figure} written")
    output.result(results)
    for line in (*comparison(results), "", *density(results)):
        output.line(line)
    return code


def _planned(options: argparse.Namespace) -> Iterator[tuple[str, str, NeuFaceConfig]]:
    """Name, method and settings of each column."""
    given = options.methods if options.methods is not None else "" if options.ablate else ",".join(METHODS)
    methods = list(dict.fromkeys(shared.check_method(m.strip()) for m in given.split(",") if m.strip()))
    if not methods and not options.ablate:
        raise ConfigError(f"--methods is empty; give some of {','.join(METHODS)}")
    for method in methods:
        yield method, method, shared.config_of(options, method)
    if options.ablate:
        whole = shared.config_of(options, "neuface")
        for name, without in ABLATION.items():
            yield name, "neuface", replace(whole, **without)  # type: ignore[arg-type]


def _entry(outcome: Outcome, measured: dict[str, Any], loaded: dict[str, float]) -> dict[str, Any]:
    return {
        "metrics": measured,
        "seconds": {**loaded, "optimize": outcome.seconds, "total": sum(loaded.values()) + outcome.seconds},
        "iterations": outcome.iterations,
        "stop_reason": outcome.stop_reason,
    }


def _gradients(outcome: Outcome) -> dict[str, dict[str, float]] | None:
    """How evenly the gradients of the last state and its last update are spread; None for a run that broke off."""
    from neuface_engine.optimization.gradient_maps import spreads

    if outcome.error is not None or outcome.interrupted:
        return None
    return {
        name: {"gini": spread.gini, "share_of_90_percent": spread.share}
        for name, spread in spreads(outcome.run).items()
    }


def comparison(results: dict[str, Any]) -> list[str]:
    """The table for people: a row a method as in Table 2; below, each method's ratio to the first, and NeuFace's to
    FLAME fitting where both are there."""
    methods = list(results)
    shown = [
        (key, label)
        for key, label in ROWS
        if any(results[m]["metrics"].get(key) is not None for m in methods)
    ]
    values = {m: [results[m]["metrics"].get(key) for key, _ in shown] for m in methods}
    rows = [["", *(label for _, label in shown), "iterations", "time [s]"]]
    for m in methods:
        entry = results[m]
        rows.append(
            [m, *map(figure, values[m]), str(entry["iterations"]), figure(entry["seconds"]["optimize"])]
        )
    pairs = [(m, methods[0]) for m in methods[1:]]
    if {"neuface", "flame-fitting"} <= set(methods[1:]):
        pairs.append(("neuface", "flame-fitting"))
    for m, base in pairs:
        ratios = [
            "-" if a is None or not b else figure(a / b) for a, b in zip(values[m], values[base], strict=True)
        ]
        rows.append([f"{m} / {base}", *ratios, "", ""])
    return table(rows)


def density(results: dict[str, Any]) -> list[str]:
    """The table of how dense gradients and updates are (Fig. 3)."""
    rows = [["share that holds 90 % of the mass (Gini)", *(label for _, label in DENSITY)]]
    for method, entry in results.items():
        spreads = entry["gradients"] or {}
        cells = [spreads.get(key) for key, _ in DENSITY]
        rows.append(
            [
                method,
                *(
                    "-" if c is None else f"{figure(100 * c['share_of_90_percent'])} % ({c['gini']:.3f})"
                    for c in cells
                ),
            ]
        )
    return table(rows)
