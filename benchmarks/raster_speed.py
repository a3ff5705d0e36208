"""Time of the rasteriser on the open head: python benchmarks/raster_speed.py [--size 256] [--json]

Processor time of one thread in milliseconds a mesh, so that other programs disturb it little: z-buffer, shaded and
scalar overlay, wire, normals, visibility.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable

import numpy as np

from neuface_engine import raster, resources


def milliseconds(work: Callable[[], object], repeats: int) -> float:
    """Median processor time of one call, after one to compile."""
    work()
    spent = []
    for _ in range(repeats):
        started = time.thread_time()
        work()
        spent.append(time.thread_time() - started)
    return round(1e3 * statistics.median(spent), 3)


def measure(size: int, repeats: int) -> dict[str, float]:
    with np.load(resources.path("open_head.npz"), allow_pickle=False) as head:
        vertices, faces = head["v_template"].astype(np.float32), head["f"].astype(np.int32)
    scale = size / 0.3
    points = (vertices * [scale, -scale, scale] + [size / 2, size / 2, 0]).astype(np.float32)
    frame = np.full((size, size, 3), 90, np.uint8)
    out = np.empty_like(frame)
    buffers = raster.empty_buffers(size, size)
    height = vertices[:, 1]
    return {
        "rasterize_ms": milliseconds(
            lambda: raster.rasterize(points, faces, size, size, out=buffers), repeats
        ),
        "shaded_ms": milliseconds(lambda: raster.draw_shaded(frame, points, None, faces, out=out), repeats),
        "scalar_ms": milliseconds(
            lambda: raster.draw_scalar(frame, points, faces, height, vmin=-0.1, vmax=0.1, out=out), repeats
        ),
        "wireframe_ms": milliseconds(lambda: raster.draw_wireframe(frame, points, faces, out=out), repeats),
        "normals_ms": milliseconds(lambda: raster.vertex_normals(vertices, faces), repeats),
        "visibility_ms": milliseconds(lambda: raster.vertex_visibility(points, faces, threads=1), repeats),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", type=int, default=256, help="side of the picture [px]")
    parser.add_argument("--repeats", type=int, default=30)
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    options = parser.parse_args()
    result = {"size_px": options.size, **measure(options.size, options.repeats)}
    if options.json:
        print(json.dumps(result))
    else:
        for name, value in result.items():
            print(f"{name:24s} {value:g}")
