"""`neuface compare INPUT`: several methods on the same footage, side by side."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from neuface_engine.cli import options as shared
from neuface_engine.cli.metrics import ROWS
from neuface_engine.cli.output import Output, figure, table
from neuface_engine.cli.track import optimise


def add_to(commands: Any) -> None:
    parser = commands.add_parser(
        "compare",
        help="the encoder alone against NeuFace",
        description="Runs each method on INPUT and prints its metrics; the first method is the base of the ratios.",
    )
    parser.add_argument("input", type=Path, metavar="INPUT")
    parser.add_argument(
        "--methods", default="encoder,neuface", metavar="A,B", help="default: encoder,neuface"
    )
    shared.add_models(parser)
    shared.add_optimisation(parser)
    shared.add_footage(parser)
    shared.add_json(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace, output: Output) -> int:
    import neuface_engine as nf

    methods = [shared.check_method(name.strip()) for name in options.methods.split(",") if name.strip()]
    methods = list(dict.fromkeys(methods)) or ["encoder", "neuface"]
    config = shared.config_of(options)
    models = shared.Models.load(options)
    sequence = shared.load_sequence(options.input, options, output, models.encoder)
    loaded = {name: sequence.seconds.get(name, 0.0) for name in ("decode", "detect")}
    results: dict[str, Any] = {}
    code = 0
    for method in methods:
        outcome = optimise(sequence, config, models, method=method)
        measured = nf.metrics.evaluate(outcome.run.track(), sequence).as_dict()
        seconds = {**loaded, "optimize": outcome.seconds, "total": sum(loaded.values()) + outcome.seconds}
        results[method] = {"metrics": measured, "seconds": seconds}
        if outcome.error is not None:
            output.error(f"{options.input}: {method}: {outcome.error}")
            code = 2
        if outcome.interrupted:
            output.error(f"interrupted during {method}; the figures are of the iterations that were finished")
            code = 130
            break
    output.result(results)
    for line in comparison(results):
        output.line(line)
    return code


def comparison(results: dict[str, Any]) -> list[str]:
    """The table for people: a row a metric, a column a method, and its ratio to the first."""
    methods = list(results)
    base, others = methods[0], methods[1:]
    rows = [["", *methods, *(f"{name} / {base}" for name in others)]]
    for key, label in ROWS:
        values = [results[name]["metrics"].get(key) for name in methods]
        if all(value is None for value in values):
            continue
        ratios = ["-" if v is None or not values[0] else figure(v / values[0]) for v in values[1:]]
        rows.append([label, *map(figure, values), *ratios])
    seconds = [results[name]["seconds"]["optimize"] for name in methods]
    rows.append(["time [s]", *map(figure, seconds), *["" for _ in others]])
    return table(rows)
