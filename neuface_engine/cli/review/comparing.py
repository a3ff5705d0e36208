"""`neuface review agreement | ab`: do reviewers agree, and which of two methods do they prefer, blind."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neuface_engine.cli.output import Output, figure, table
from neuface_engine.cli.review import shared
from neuface_engine.errors import ConfigError

if TYPE_CHECKING:
    from neuface_engine.review import Project
    from neuface_engine.review.proof import Trial


def add_to(parts: Any) -> None:
    shared.add_parser(
        parts,
        "agreement",
        "how far reviewers agree on what several have judged",
        run_agreement,
        description="Of tracks that two reviewers or more have judged: specific agreement on failures and on clean "
        "clips, Gwet's AC1, and the clips on which they differ, to be settled by `verdict --adjudicate`.",
    )
    ab = shared.add_parser(
        parts,
        "ab",
        "blind comparison of two methods: draw it, judge it, see who wins",
        run_ab,
        description="With --draw A B: a trial for each sequence, sides at random, and 10 % trials in which both sides "
        "are the same. With --trial and --choice: one judgement. Else: the result, for each reviewer.",
    )
    shared.add_reviewer(ab)
    ab.add_argument("--draw", nargs=2, metavar=("A", "B"), help="draw a comparison, e.g. neuface encoder")
    ab.add_argument("--count", type=int, metavar="N", help="sequences to draw (default: all)")
    ab.add_argument("--seed", metavar="TEXT", help="of the draw (default: 128 random bits)")
    ab.add_argument(
        "--next",
        action="store_true",
        help="the next trial: its sequence; blind with --clip, else with its sides",
    )
    ab.add_argument(
        "--clip",
        type=Path,
        metavar="FILE.mp4",
        help="write both sides of the next trial as a video, without names",
    )
    ab.add_argument(
        "--tracks",
        action="append",
        default=[],
        metavar="METHOD=FOLDER",
        help="where the tracks of a method lie, SEQUENCE.npz each (default: the project's own); may be repeated",
    )
    ab.add_argument(
        "--head", default="open", metavar="open|FILE", help="the face model of the tracks, for --clip"
    )
    ab.add_argument("--trial", metavar="ID", help="the trial that is judged")
    ab.add_argument("--choice", choices=("left", "right", "tie"), help="which side is better")


def run_agreement(options: argparse.Namespace, output: Output) -> int:
    from neuface_engine.review.proof import agreement

    with shared.opened(options, output, writing=False) as project:
        found = agreement(project.index.events("verdict", "adjudication", "undo"))
        hidden = project.index.hidden_names()
    # Sequences that somebody is still to judge blind are counted, and not named.
    found = replace(
        found, disagreements=tuple(one for one in found.disagreements if one.sequence not in hidden)
    )
    output.result(found.to_json())
    output.line(f"{found.tracks} tracks judged by two reviewers or more")
    if found.tracks:
        rows = [["", "agreement", "95 % interval"]]
        for name, share in (
            ("on failures", found.on_failures),
            ("on clean clips", found.on_clean),
            ("AC1, failure or clean", found.ac1),
            ("AC1, three words", found.ac1_words),
        ):
            rows.append([name, figure(share.value), f"{share.low:.3g} to {share.high:.3g}"])
        for line in table(rows):
            output.line(line)
    for one in found.disagreements:
        words = ", ".join(f"{name}: {verdict}" for name, verdict in one.verdicts.items())
        output.line(f"{one.sequence}: {words}" + (f"; settled: {one.settled}" if one.settled else ""))
    return 0


def _told(project: Project, trial: Trial, options: argparse.Namespace, output: Output) -> dict[str, Any]:
    """What is said of the next trial: with a clip, nothing that tells the sides."""
    if options.clip is None:
        output.line(f"{trial.id} {trial.sequence}: {trial.left} | {trial.right}")
        return {"id": trial.id, "sequence": trial.sequence, "left": trial.left, "right": trial.right}
    from neuface_engine.cli.review.clips import write_pair

    head = None
    if options.head != "open":
        from neuface_engine.face_model import FaceModel

        head = FaceModel.load(options.head)
    write_pair(project, trial, dict(_folder(text) for text in options.tracks), options.clip, head=head)
    output.line(f"{trial.id} {trial.sequence}: {options.clip}")
    return {"id": trial.id, "sequence": trial.sequence, "clip": str(options.clip)}


def _folder(text: str) -> tuple[str, Path]:
    method, _, folder = text.partition("=")
    if not method or not folder:
        raise ConfigError(f"--tracks {text}: write METHOD=FOLDER")
    return method, Path(folder)


def run_ab(options: argparse.Namespace, output: Output) -> int:
    from neuface_engine.review.proof import ab_results, draw_ab, judge_trial, open_trials

    if (options.trial is None) != (options.choice is None):
        raise ConfigError("ab: --trial and --choice belong together; give both")
    if options.clip is not None and not (options.next or options.choice is not None):
        raise ConfigError("ab: --clip shows the next trial; add --next")
    if options.draw is not None and options.choice is not None:
        raise ConfigError("ab: draw first, then judge; give one of --draw and --choice")
    writing = options.draw is not None or options.choice is not None
    with shared.opened(options, output, writing=writing) as project:
        if options.draw is not None:
            trials = draw_ab(
                project,
                *options.draw,
                reviewer=shared.reviewer_of(options),
                seed=options.seed,
                count=options.count,
            )
            output.result({"trials": len(trials), "same": sum(trial.same for trial in trials)})
            output.line(f"{len(trials)} trials, {sum(trial.same for trial in trials)} of them with twins")
            return 0
        if options.choice is not None:
            reviewer = shared.reviewer_of(options)
            trial = next((t for t in open_trials(project, reviewer) if t.id == options.trial), None)
            if trial is None:
                raise ConfigError(f"ab: no open trial {options.trial!r} for {reviewer}; --next names one")
            judge_trial(project, trial, options.choice, reviewer)
        if options.next or options.choice is not None:
            waiting = open_trials(project, shared.reviewer_of(options))
            following = waiting[0] if waiting else None
            value = None if following is None else _told(project, following, options, output)
            output.result({"next": value, "left_to_judge": len(waiting)})
            output.line(f"{len(waiting)} to go")
            return 0
        results = ab_results(project)
    output.result({name: result.to_json() for name, result in results.items()})
    if not results:
        output.line("no comparison is drawn, or nobody has judged it")
        return 0
    rows = [["reviewer", "A", "B", "ties", "A wins", "95 % interval", "sides"]]
    for name, result in results.items():
        low, high = result.interval
        rows.append(
            [
                name,
                f"{result.a} {result.wins_a}",
                f"{result.b} {result.wins_b}",
                str(result.ties),
                figure(result.rate),
                f"{low:.2f} to {high:.2f}",
                "even" if result.sound else f"NOT even (left {result.lefts} of {result.choices})",
            ]
        )
    for line in table(rows):
        output.line(line)
    return 0
