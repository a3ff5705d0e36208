"""`neuface assets`: the embedded files, and the models that a user brings."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from neuface_engine import resources
from neuface_engine.cli.output import Output
from neuface_engine.errors import AssetError, NeuFaceError
from neuface_engine.weights import weights_fingerprint

_ACTIONS = {
    "check": "load every embedded file, and look at yours (default)",
    "path": "print the folder of the embedded files",
    "list": "what can be used, what is there and whether it is sound",
    "add": "copy a model into the folder of assets",
    "convert": "write a model as a file without pickles",
    "how": "say step by step how a model is obtained",
}


def add_to(commands: Any) -> None:
    parser = commands.add_parser(
        "assets",
        help="check the embedded files; list, add and convert models of yours",
        description="What the software carries, and the models of others that it can use (docs/models.md).",
    )
    _add_json(parser, default=False)
    actions = parser.add_subparsers(dest="what", metavar="ACTION")
    for name, words in _ACTIONS.items():
        action = actions.add_parser(name, help=words, description=words[0].upper() + words[1:] + ".")
        _add_json(action, default=argparse.SUPPRESS)
        if name == "add":
            action.add_argument(
                "files", nargs="+", type=Path, metavar="FILE", help="files, folders or zip files"
            )
        elif name == "convert":
            action.add_argument(
                "file", type=Path, metavar="IN", help="a FLAME model, or an encoder's checkpoint"
            )
            action.add_argument(
                "--out",
                type=Path,
                required=True,
                metavar="OUT",
                help="OUT.safetensors, or OUT.npz for a face model",
            )
            action.add_argument(
                "--head-landmarks", type=Path, metavar="FILE", help="landmark embedding to put into the file"
            )
            action.add_argument("--head-release", metavar="NAME", help="which FLAME it is, e.g. 2020")
        elif name == "how":
            action.add_argument("name", metavar="NAME", help="a name of `neuface assets list`")
    parser.set_defaults(run=run, what=None)


def _add_json(parser: argparse.ArgumentParser, *, default: Any) -> None:
    parser.add_argument(
        "--json", action="store_true", default=default, help="print one JSON object on stdout"
    )


def run(options: argparse.Namespace, output: Output) -> int:
    actions: dict[str, Callable[[argparse.Namespace, Output], int]] = {
        "check": _check,
        "path": _path,
        "list": _list,
        "add": _add,
        "convert": _convert,
        "how": _how,
    }
    return actions[options.what or "check"](options, output)


def _path(options: argparse.Namespace, output: Output) -> int:
    from neuface_engine.assets import assets_folder

    embedded = resources.path("open_head.npz").parent
    output.result({"path": str(embedded), "folder": str(assets_folder())})
    output.line(str(embedded))
    output.note(f"models of yours go to {assets_folder()} (NEUFACE_ASSETS names another folder)")
    return 0


def _list(options: argparse.Namespace, output: Output) -> int:
    from neuface_engine.assets import assets_folder, survey

    states = survey()
    output.result({"folder": str(assets_folder()), "assets": {s.asset.name: _as_json(s) for s in states}})
    output.line(f"{assets_folder()}")
    for state in states:
        output.line(f"  {state.asset.name:<20} {state.status:<11} {state.detail or state.words}")
        if state.status == "incomplete":
            output.line(f"  {'':<20} {'':<11} {state.words}")
    return 0


def _how(options: argparse.Namespace, output: Output) -> int:
    from neuface_engine.assets.catalogue import asset
    from neuface_engine.assets.folder import home_of

    entry = asset(options.name)
    output.result(
        {
            "name": entry.name,
            "title": entry.title,
            "purpose": entry.purpose,
            "url": entry.url,
            "licence": entry.licence,
            "steps": list(entry.steps),
            "use": entry.use,
            "needs": list(entry.needs),
            "folder": str(home_of(entry)),
        }
    )
    output.line(f"{entry.title}: {entry.purpose}")
    output.line(f"  from     {entry.url}")
    output.line(f"  licence  {entry.licence}")
    for number, step in enumerate(entry.steps, 1):
        output.line(f"  {number}. {step}")
    output.line(f"  folder   {home_of(entry)}")
    if entry.needs:
        output.line(f"  needs    {', '.join(entry.needs)}")
    output.line(f"  then     neuface track INPUT {entry.use}")
    return 0


def _add(options: argparse.Namespace, output: Output) -> int:
    from neuface_engine.assets.adding import add

    added = [add(path) for path in options.files]
    for state in added:
        output.line(f"{state.path}  {state.asset.title}: {state.detail}")
    output.result({"added": {str(state.path): _as_json(state) for state in added}})
    return 0


def _convert(options: argparse.Namespace, output: Output) -> int:
    from neuface_engine.assets.converting import convert

    words = convert(options.file, options.out, landmarks=options.head_landmarks, release=options.head_release)
    output.result({"input": str(options.file), "output": str(options.out), "content": words})
    output.line(f"{options.out}  {words}")
    return 0


def _as_json(state: Any) -> dict[str, Any]:
    from neuface_engine.assets.folder import home_of

    return {
        "folder": str(home_of(state.asset)),
        "status": state.status,
        "words": state.words,
        "detail": state.detail,
        "path": None if state.path is None else str(state.path),
        "kind": state.asset.kind,
        "licence": state.asset.licence,
        "url": state.asset.url,
        "use": state.asset.use,
    }


# --- check ---------------------------------------------------------------------------------------------------


def _check(options: argparse.Namespace, output: Output) -> int:
    from neuface_engine.assets import assets_folder, survey

    found: dict[str, Any] = {}
    checks: dict[str, Callable[[], tuple[str, str]]] = {
        "open_head.npz": _head,
        "open_encoder.safetensors": _encoder,
        "open_identity.safetensors": _identity,
        "open_detector.safetensors": _detector,
        "demo": _demo,
    }
    for name, check in checks.items():
        try:
            words, fingerprint = check()
            found[name] = {"ok": True, "path": str(resources.path(name)), "fingerprint": fingerprint}
            output.line(f"{name:<26} ok   {words}")
        except NeuFaceError as error:
            output.error(str(error))
            found[name] = {"ok": False, "error": str(error)}
            output.line(f"{name:<26} BAD  {error}")
    yours = [state for state in survey() if state.status != "missing"]
    for state in yours:
        output.line(f"{state.asset.name:<26} {state.status:<11} {state.detail or state.words}")
        if state.status == "damaged":
            output.error(state.words)
    output.result(
        {
            "path": str(resources.path("open_head.npz").parent),
            "assets": found,
            "folder": str(assets_folder()),
            "yours": {state.asset.name: _as_json(state) for state in yours},
        }
    )
    sound = all(entry["ok"] for entry in found.values()) and all(s.status != "damaged" for s in yours)
    return 0 if sound else 2


def _head() -> tuple[str, str]:
    from neuface_engine import FaceModel

    head = FaceModel.load("open")
    return f"{head.num_vertices} vertices, fingerprint {head.fingerprint[:12]}", head.fingerprint


def _encoder() -> tuple[str, str]:
    from neuface_engine import FaceModel, load_encoder

    encoder, head = load_encoder("open"), FaceModel.load("open")
    if encoder.head_fingerprint not in (None, head.fingerprint):
        raise AssetError(
            "open_encoder.safetensors: trained on another release of open_head.npz; install neuface-studio again"
        )
    return f"crops of {encoder.input_size} px, fingerprint {encoder.fingerprint[:12]}", encoder.fingerprint


def _identity() -> tuple[str, str]:
    from neuface_engine import load_encoder

    identity = load_encoder("open").identity
    assert identity is not None
    numbers = identity.numbers
    fingerprint = weights_fingerprint(numbers)
    return f"{len(numbers.mean)} directions, fingerprint {fingerprint[:12]}", fingerprint


def _detector() -> tuple[str, str]:
    from neuface_engine import landmarks

    detector = landmarks.load_detector("open")
    return f"version {detector.version}", detector.version


def _demo() -> tuple[str, str]:
    from neuface_engine.video import cache, find_views
    from neuface_engine.video.ground_truth import load_ground_truth

    folder = resources.path("demo")
    views = find_views(folder)
    hashes = [cache.file_hash(view.files[0]) for view in views]
    truth = load_ground_truth(folder, tuple(view.name for view in views), 1)
    known = "with ground truth" if truth is not None else "without ground truth"
    return f"{len(views)} views, {known}", cache.key(*hashes)
