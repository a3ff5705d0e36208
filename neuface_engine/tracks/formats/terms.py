"""What goes with a dataset in words: its terms, and whose work is in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

UNSTATED = "not stated"


def licence_text(name: str, licence: str) -> str:
    """LICENSE.txt."""
    if licence == UNSTATED:
        terms = (
            "Whoever made this dataset has not said under which terms it may be used (neuface export --licence ...).\n"
            "Until they do, it is theirs alone: ask them before you use it or pass it on.\n"
        )
    else:
        terms = f"{licence}\n"
    return (
        f"{name}\n\n{terms}\nThe faces belong to the people that they show. Whether they may be passed on depends on "
        "the terms of the\nfootage and on what these people agreed to; the terms above do not settle that.\n"
    )


def attribution_text(provenances: Iterable[Mapping[str, Any]], attribution: str) -> str:
    """ATTRIBUTION.txt: software, methods, models and detectors, from what the tracks say of themselves."""
    heads: set[tuple[str, str]] = set()
    words: set[str] = set()
    for told in provenances:
        head = told.get("head")
        if isinstance(head, Mapping):
            heads.add((str(head.get("name")), str(head.get("fingerprint"))))
        encoder = told.get("encoder")
        if isinstance(encoder, Mapping):
            words.add(f"encoder: {encoder.get('name')} ({str(encoder.get('fingerprint'))[:12]})")
        for key in ("method", "detector"):
            if told.get(key):
                words.add(f"{key}: {told[key]}")
    lines = [attribution, ""] if attribution else []
    lines += [
        "Tracks made or reviewed with NeuFace Studio, which follows",
        "  Kim Youwang, Lee Hyun, Kim Sung-Bin, Suekyeong Nam, Janghoon Ju, Tae-Hyun Oh:",
        "  A Large-Scale 3D Face Mesh Video Dataset via Neural Re-parameterized Optimization.",
        "",
        *sorted(words),
    ]
    for name, fingerprint in sorted(heads):
        lines.append(f"face model: {name} ({fingerprint[:12]}){_of_head(name)}")
    return "\n".join(lines) + "\n"


def _of_head(name: str) -> str:
    if name == "open":
        return ", from MakeHuman's base mesh and targets, CC0 1.0"
    return ", under the licence of its owner: meshes and parameters of FLAME are for what that licence allows"
