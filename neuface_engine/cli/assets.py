"""`neuface assets [check|path]`: the embedded files."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from neuface_engine import resources
from neuface_engine.cli import options as shared
from neuface_engine.cli.output import Output
from neuface_engine.errors import AssetError, NeuFaceError


def add_to(commands: Any) -> None:
    parser = commands.add_parser(
        "assets",
        help="check the embedded files, or say where they are",
        description="check: loads every embedded file and prints its fingerprint. path: prints their folder.",
    )
    parser.add_argument("what", nargs="?", choices=("check", "path"), default="check")
    shared.add_json(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace, output: Output) -> int:
    folder = resources.path("open_head.npz").parent
    if options.what == "path":
        output.result({"path": str(folder)})
        output.line(str(folder))
        return 0
    found: dict[str, Any] = {}
    checks: dict[str, Callable[[], tuple[str, str]]] = {
        "open_head.npz": _head,
        "open_encoder.safetensors": _encoder,
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
    output.result({"path": str(folder), "assets": found})
    return 0 if all(entry["ok"] for entry in found.values()) else 2


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
