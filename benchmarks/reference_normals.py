"""Mean angle between a track's surface normals and reference normal maps of the same footage, in degrees.

    python benchmarks/reference_normals.py TRACK.npz REFERENCE_FOLDER [--json]

`neuface_engine.metrics.reference_normal_angles` says what the folder holds; `neuface metrics TRACK --reference FOLDER`
gives the same figure among the others.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np

import neuface_engine as nf


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("track", type=Path)
    parser.add_argument("reference", type=Path)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    angles = nf.metrics.reference_normal_angles(nf.FaceTrack.load(options.track), options.reference)
    values = angles[np.isfinite(angles)]
    mean = float(values.mean()) if values.size else None
    if options.json:
        print(json.dumps({"mean_angle_deg": mean, "crops": values.size}))
    else:
        print("no crop could be compared" if mean is None else f"{mean:.2f} deg over {values.size} crops")
    return 0


if __name__ == "__main__":
    sys.exit(main())
