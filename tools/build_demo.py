"""Build resources/demo: a talking open head seen by seven static, synchronised cameras, with its ground truth.

    python tools/build_demo.py [--out resources/demo]

Everything follows from SEED and the head, so that a new build of the same head gives the same frames. The cameras are
true pinholes 1.2 m from the head; the tracker's weak-perspective model approximates them, as on real footage.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import av
import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from synthetic_heads import HeadStyle, Light, Perspective, SyntheticRenderer

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))

import neuface_engine as nf  # noqa: E402  (the checkout, not an installed copy)

Array = NDArray[np.float64]

SEED = 31
FRAMES = 60
FPS = 25
WIDTH, HEIGHT = 320, 400
DISTANCE = 1.2
PIXELS_PER_METRE = 1240.0
TARGET = np.array([0.0, -0.022, 0.025])
FULL = 3.0
"""Expression coefficient of a fully activated unit."""

# Azimuth (towards the subject's left) and elevation of the cameras [deg]; names as in MEAD.
VIEWS = {
    "down": (0, -25),
    "front": (0, 0),
    "left_30": (30, 0),
    "left_60": (60, 0),
    "right_30": (-30, 0),
    "right_60": (-60, 0),
    "top": (0, 25),
}

# Jaw angle [deg] and activations of what the mouth does for a sound.
SOUNDS: dict[str, tuple[float, dict[str, float]]] = {
    "-": (0.3, {"mouthShrugLower": 0.35}),
    "m": (0.0, {"mouthPressLeft": 0.4, "mouthPressRight": 0.4, "mouthShrugLower": 0.4}),
    "a": (13.0, {"mouthLowerDownLeft": 0.25, "mouthLowerDownRight": 0.25}),
    "e": (
        6.0,
        {"mouthSmileLeft": 0.4, "mouthSmileRight": 0.35, "mouthUpperUpLeft": 0.2, "mouthUpperUpRight": 0.2},
    ),
    "i": (
        3.5,
        {
            "mouthStretchLeft": 0.35,
            "mouthStretchRight": 0.35,
            "mouthSmileLeft": 0.25,
            "mouthSmileRight": 0.25,
        },
    ),
    "o": (9.0, {"mouthFunnel": 0.55, "mouthPucker": 0.2}),
    "u": (4.0, {"mouthPucker": 0.65, "mouthFunnel": 0.25}),
    "f": (3.0, {"mouthRollLower": 0.45, "mouthUpperUpLeft": 0.15, "mouthUpperUpRight": 0.15}),
    "l": (7.0, {"mouthStretchLeft": 0.12, "mouthStretchRight": 0.12}),
    "s": (
        2.0,
        {
            "mouthLowerDownLeft": 0.25,
            "mouthLowerDownRight": 0.25,
            "mouthStretchLeft": 0.2,
            "mouthStretchRight": 0.2,
        },
    ),
}
# "hello, my face moves; seven ways", a sound and the frame it is reached in.
SPEECH = (
    ("-", 0), ("e", 4), ("l", 7), ("o", 10), ("u", 13), ("-", 16), ("m", 18), ("a", 21), ("i", 24), ("f", 26),
    ("e", 29), ("s", 32), ("m", 34), ("u", 37), ("f", 39), ("s", 41), ("e", 44), ("f", 46), ("l", 48), ("u", 50),
    ("e", 53), ("s", 55), ("m", 58), ("-", 60),
)  # fmt: skip


def expression_and_jaw(names: tuple[str, ...]) -> tuple[Array, Array]:
    """Speech, two blinks, a brow raise and a smile at the end: expression [F, n], jaw axis-angle [F, 3] rad."""
    index = {name: i for i, name in enumerate(names)}
    knots = np.array([frame for _, frame in SPEECH], float)
    time_line = np.arange(FRAMES)
    units = np.zeros((FRAMES, len(names)))
    for name in sorted({unit for _, sound in SOUNDS.values() for unit in sound}):
        values = [SOUNDS[letter][1].get(name, 0.0) for letter, _ in SPEECH]
        units[:, index[name]] = np.interp(time_line, knots, values)
    jaw = np.interp(time_line, knots, [SOUNDS[letter][0] for letter, _ in SPEECH])

    def bump(centre: float, width: float) -> Array:
        return np.exp(-(((time_line - centre) / width) ** 2))

    for side in ("Left", "Right"):
        units[:, index[f"mouthSmile{side}"]] += 0.30 * bump(58, 7) + 0.08
        units[:, index[f"cheekSquint{side}"]] += 0.25 * bump(58, 7)
        units[:, index[f"eyeWide{side}"]] += 0.15
        units[:, index[f"browOuterUp{side}"]] += 0.45 * bump(22, 5)
        units[:, index[f"browDown{side}"]] += 0.30 * bump(41, 5)
    units[:, index["browInnerUp"]] += 0.6 * bump(23, 6) + 0.15 * bump(8, 4)
    units = gaussian_filter1d(units, 1.1, axis=0, mode="nearest")
    jaw = gaussian_filter1d(jaw, 1.1, mode="nearest")
    for side in ("Left", "Right"):  # lids are faster than speech
        units[:, index[f"eyeBlink{side}"]] = np.clip(bump(15, 1.9) + bump(47, 1.9), 0, 1) * 0.95
    return FULL * np.clip(units, 0, 1), np.radians(np.stack([jaw, 0 * jaw, 0 * jaw], axis=1))


def head_motion(rng: np.random.Generator) -> tuple[Array, Array]:
    """Small smooth motion of the head in the world: axis-angle [F, 3] rad, translation [F, 3] m."""
    drift = gaussian_filter1d(rng.standard_normal((FRAMES + 40, 6)), 9, axis=0)[20:-20]
    drift /= drift.std(axis=0)
    nod = 0.03 * np.sin(2 * np.pi * np.arange(FRAMES) / 27.0)
    rotation = drift[:, :3] * np.radians([2.5, 4.0, 1.5])
    rotation[:, 0] += nod
    return rotation, drift[:, 3:] * [0.003, 0.002, 0.002]


def camera_rotation(azimuth_deg: float, elevation_deg: float) -> Array:
    """World to view, [3, 3]: rows are the camera's right, its up, and the direction from the head to it."""
    a, e = np.radians(azimuth_deg), np.radians(elevation_deg)
    towards = np.array([np.sin(a) * np.cos(e), np.sin(e), np.cos(a) * np.cos(e)])
    right = np.array([np.cos(a), 0.0, -np.sin(a)])
    return np.stack([right, np.cross(towards, right), towards])


def person(rng: np.random.Generator, size: int) -> tuple[Array, HeadStyle]:
    """Who it is: shape [size], and the looks."""
    shape = np.clip(rng.normal(0, 0.9, size), -2, 2)
    style = HeadStyle(
        skin=(0.88, 0.69, 0.58),
        hair=(0.16, 0.10, 0.065),
        brow=(0.13, 0.085, 0.06),
        iris=(0.34, 0.40, 0.30),
        lips=(0.74, 0.45, 0.42),
        cloth=(0.16, 0.30, 0.42),
        freckles=0.35,
        beard=0.25,
        gloss=0.35,
        ambient=(0.27, 0.28, 0.31),
        lights=(
            Light((-0.50, 0.45, 0.74), (0.92, 0.89, 0.85)),
            Light((0.75, 0.15, 0.64), (0.34, 0.36, 0.40)),
            Light((0.10, 0.55, -0.83), (0.45, 0.44, 0.42)),
        ),
        background=((0.64, 0.67, 0.70), (0.38, 0.42, 0.47)),
        noise=0.004,
        seed=SEED,
    )
    return shape, style


def write_video(path: Path, frames: list[NDArray[np.uint8]]) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.codec_context.thread_count = 1  # the same bytes on every machine
        stream.options = {"crf": "19", "preset": "slow", "g": "25"}
        for image in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())


def build(out: Path) -> None:
    torch.set_num_threads(1)
    started = time.perf_counter()
    rng = np.random.default_rng(SEED)
    head = nf.FaceModel.load("open")
    renderer = SyntheticRenderer(nf.resources.path("open_head.npz"))
    expression, jaw = expression_and_jaw(tuple(head.expression_names))
    shape, style = person(rng, 100)
    rotation, translation = head_motion(rng)

    parameters = nf.FaceParameters(
        shape=torch.tensor(shape, dtype=torch.float32).expand(FRAMES, -1),
        expression=torch.tensor(expression, dtype=torch.float32),
        pose=torch.tensor(np.concatenate([rotation, jaw], axis=1), dtype=torch.float32),
        camera=torch.zeros(FRAMES, 3),
    )
    with torch.no_grad():
        world = head(parameters).vertices.double().numpy() + translation[:, None]

    cameras = {view: camera_rotation(*angles) for view, angles in VIEWS.items()}
    lens = Perspective(PIXELS_PER_METRE * DISTANCE, WIDTH / 2, HEIGHT / 2, DISTANCE)
    out.mkdir(parents=True, exist_ok=True)
    for view, turn in cameras.items():
        backdrop = renderer.background(style, HEIGHT, WIDTH, np.random.default_rng([SEED, len(view)]))
        images = [
            renderer.render(
                (world[f] - TARGET) @ turn.T,
                lens,
                style,
                size=(HEIGHT, WIDTH),
                rng=np.random.default_rng([SEED, f]),
                world_to_view=turn,
                background=backdrop,
            )
            for f in range(FRAMES)
        ]
        write_video(out / f"{view}.mp4", images)
        print(
            f"{view}: {(out / f'{view}.mp4').stat().st_size / 1e3:.0f} kB, {time.perf_counter() - started:.0f} s"
        )

    write_ground_truth(out / "ground_truth.npz", head, shape, expression, jaw, rotation, translation, cameras)
    (out / "README.md").write_text(README, encoding="utf-8")


def write_ground_truth(
    path: Path,
    head: nf.FaceModel,
    shape: Array,
    expression: Array,
    jaw: Array,
    rotation: Array,
    translation: Array,
    cameras: dict[str, Array],
) -> None:
    """Parameters in FLAME's terms for every view, and the cameras they were seen through (README.md names the keys)."""
    to_matrix, to_axis = nf.rotations.axis_angle_to_matrix, nf.rotations.matrix_to_axis_angle
    turns = np.stack(list(cameras.values()))
    seen = turns[None] @ to_matrix(torch.tensor(rotation)).numpy()[:, None]
    head_rotation = to_axis(torch.tensor(seen)).numpy()

    # In a view the head's own decoding with that pose differs from the truth by a translation: the camera's.
    pose = np.concatenate([head_rotation, np.broadcast_to(jaw[:, None], head_rotation.shape)], axis=-1)
    parameters = nf.FaceParameters(
        shape=torch.tensor(shape).expand(*pose.shape[:2], -1).float(),
        expression=torch.tensor(expression)[:, None].expand(-1, pose.shape[1], -1).float(),
        pose=torch.tensor(pose).float(),
        camera=torch.zeros(*pose.shape[:2], 3),
    )
    with torch.no_grad():
        decoded = head.landmarks(parameters, kind="static").double().numpy()
        at_rest = head.landmarks(
            nf.FaceParameters(
                shape=parameters.shape[:, 0],
                expression=parameters.expression[:, 0],
                pose=torch.tensor(np.concatenate([rotation, jaw], axis=1)).float(),
                camera=parameters.camera[:, 0],
            ),
            kind="static",
        ).double()
    seen_landmarks = np.einsum("vij,fnj->fvni", turns, at_rest.numpy() + translation[:, None] - TARGET)
    offset = (seen_landmarks - decoded).mean(axis=2)
    scale = PIXELS_PER_METRE / (WIDTH / 2) * DISTANCE / (DISTANCE - seen_landmarks[..., 2].mean(axis=2))
    camera = np.stack([scale, offset[..., 0], offset[..., 1]], axis=-1)
    arrays = {
        "shape": shape,
        "expression": expression,
        "jaw": jaw,
        "head_rotation": head_rotation,
        "pose": pose,
        "camera": camera,
        "world_rotation": rotation,
        "world_translation": translation,
        "camera_rotation": turns,
        "camera_target": TARGET,
        "camera_distance": np.array(DISTANCE),
        "camera_focal_px": np.array(PIXELS_PER_METRE * DISTANCE),
        "camera_centre_px": np.array([WIDTH / 2, HEIGHT / 2]),
    }
    np.savez_compressed(
        path,
        views=np.array(list(cameras)),
        fps=np.array(float(FPS)),
        head_fingerprint=np.array(head.fingerprint),
        licence=np.array("CC0-1.0"),
        **{name: np.asarray(value, np.float32) for name, value in arrays.items()},
    )


README = """# Demo sequence

Seven synchronised views of a talking open head, rendered by `tools/build_demo.py`. Nobody real is shown. CC0-1.0.

`<view>.mp4`: 60 frames, 25 fps, 320 x 400 px, H.264. Static pinhole cameras 1.2 m from the head (so: mild perspective,
which the tracker's weak-perspective camera only approximates); `left_*` stand on the subject's left, `top` 25 degrees
above, `down` 25 degrees below. Hair, teeth and shirt are not part of the head's mesh.

`ground_truth.npz`, float32, metres and radians; F frames, V views in the order of `views`:

- `shape` [100], `expression` [F, 50], `jaw` [F, 3]: parameters of the open head; with it they give the true vertices.
- `head_rotation` [F, V, 3]: axis-angle of the head in the view's axes (x right, y up, z to the camera), as in
  FaceParameters.pose. `pose` [F, V, 6]: head_rotation and jaw.
- `camera` [F, V, 3]: weak perspective (s, tx, ty) at the depth of the face; with (u, v) = project(points, camera),
  x_px = W/2 (1 + u), y_px = H/2 + v W/2.
- `world_rotation`, `world_translation` [F, 3]: motion of the head in the world.
- `camera_rotation` [V, 3, 3], `camera_target` [3], `camera_distance`: x_view = R (x_world - target), the pinhole stands
  at (0, 0, distance).
- `camera_focal_px`, `camera_centre_px` [2]: x_px = cx + f x / (distance - z), y_px = cy - f y / (distance - z).
- `views` [V], `fps`, `licence`, `head_fingerprint`: names, rate, terms, and the head's `FaceModel.fingerprint`.
"""


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=REPOSITORY / "resources" / "demo")
    build(parser.parse_args().out)
