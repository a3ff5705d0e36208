"""From what a file told to a FaceTrack: frames and views in order, crops, camera, landmarks, provenance."""

from __future__ import annotations

import platform
from collections.abc import Sequence as Several
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from neuface_engine.errors import ConfigError, TrackError
from neuface_engine.face_model import FaceModel, FaceParameters
from neuface_engine.tracks.importers import placing
from neuface_engine.tracks.importers.reading import Pinhole, Reading
from neuface_engine.tracks.lens import Lens
from neuface_engine.tracks.meshes import MeshTrack
from neuface_engine.tracks.recorded import frame_to_crop
from neuface_engine.tracks.track import FaceTrack

if TYPE_CHECKING:
    from neuface_engine.video import Sequence

DEFAULT_FPS = 25.0
NO_PLACE = "where the crops lay in the video is not known without --sequence: the picture is the crop"
_PER_FRAME = ("rotation", "translation", "focal", "centre", "neck", "world")
GAP = 100  # frames that may be missing for each one that is there


@dataclass(frozen=True)
class Known:
    """What the user says, or the footage: it goes before what the file tells. None = not said."""

    fps: float | None = None
    views: tuple[str, ...] | None = None
    image_size: tuple[int, int] | None = None
    first_frame: int | None = None
    sequence: Sequence | None = None


def assemble(reading: Reading, head: FaceModel, known: Known) -> FaceTrack:
    """Raises TrackError and ConfigError where file, footage and what was said do not fit together."""
    reading = named(filled(numbered_from(reading, known)), known)
    sequence = chosen(reading, known)
    frames, count = len(reading.frames), reading.num_views
    parameters = {name: torch.from_numpy(array) for name, array in reading.parameters.items()}
    parameters.setdefault("camera", torch.tensor([8.0, 0.0, 0.0]).expand(frames, count, 3).clone())
    theta = FaceParameters(**parameters)
    try:
        head = head.sized(theta.shape.shape[-1], theta.expression.shape[-1])
    except Exception as error:
        raise TrackError(f"{reading.path}: {error}") from None
    notes = list(reading.notes)
    lens: Lens | None = None
    if reading.pinhole is not None:
        theta, lens, place = _pinhole(reading, theta, head, sequence, known, notes)
    else:
        theta, place = _weak(reading, theta, head, sequence, known, notes)
    landmarks = _landmarks(reading, place, sequence, notes)
    if theta.eyelids is not None and not head.has_eyelids:
        notes.append("the head has no eyelid shapes: the tracker's eyelids are kept but not drawn")
    return FaceTrack(
        parameters=theta,
        views=reading.views or ("view",),
        fps=frame_rate(reading, sequence, known, notes),
        frame_indices=reading.frames,
        crop_transforms=place.transforms,
        crop_size=place.size,
        image_sizes=place.image_sizes,
        detected=torch.from_numpy(_detected(reading)),
        landmarks_2d=landmarks,
        provenance=provenance(reading, sequence, notes, head),
        given_head=head,
        lens=lens,
    )


def mesh_track(
    reading: Reading,
    triangles: NDArray[np.integer],
    place: placing.Place,
    sequence: Sequence | None,
    known: Known,
    notes: list[str],
    *,
    detected: NDArray[np.bool_] | None = None,
    **rest: Any,
) -> MeshTrack:
    """The track of a reading whose "shape" are meshes [F, V, N x 3]; NaN where there is no face.

    `detected` [F, V]: where it is not the reading's own. `rest`: what else a MeshTrack has. Its provenance is empty,
    for it is made of all the notes.
    """
    seen = _detected(reading) if detected is None else detected
    meshes = reading.parameters["shape"].reshape(*seen.shape, -1, 3)
    return MeshTrack(
        meshes=torch.from_numpy(np.where(seen[..., None, None], meshes, np.nan).astype(np.float32)),
        triangles=triangles.astype(np.int32),
        views=reading.views or ("view",),
        fps=frame_rate(reading, sequence, known, notes),
        frame_indices=reading.frames,
        crop_transforms=place.transforms,
        crop_size=place.size,
        image_sizes=place.image_sizes,
        detected=torch.from_numpy(seen),
        landmarks_2d=_landmarks(reading, place, sequence, notes),
        provenance={},
        **rest,
    )


def numbered_from(reading: Reading, known: Known) -> Reading:
    """Frames counted as the footage counts them, from 0."""
    first = known.first_frame
    notes: tuple[str, ...] = ()
    if first is None and reading.exact_frames:
        return reading
    if first is None:
        total = None if known.sequence is None else known.sequence.num_frames
        first = int(
            reading.frames[0] == 1
            and reading.frames[-1] == len(reading.frames)
            and total != reading.frames[-1] + 1
        )
        if first:
            notes = ("its frames count from 1: frame 1 is taken as the video's first",)
    if first > reading.frames[0]:
        raise ConfigError(
            f"{reading.path}: begins with frame {reading.frames[0]}; --first-frame is at most that"
        )
    return replace(reading, frames=reading.frames - first).noted(*notes)


def filled(reading: Reading) -> Reading:
    """Without gaps: missing frames hold the nearest earlier values and count as frames without a face."""
    frames = reading.frames
    every = np.arange(frames[0], frames[-1] + 1)
    if len(every) == len(frames) or reading.exact_frames:
        return reading
    if len(every) > GAP * len(frames) + 1000:
        raise TrackError(
            f"{reading.path}: frames {frames[0]} to {frames[-1]}, of which it has {len(frames)}; correct their numbers"
        )
    source = np.searchsorted(frames, every, side="right") - 1

    def stretched(array: Any) -> Any:
        return None if array is None else array[source]

    pinhole = reading.pinhole
    if pinhole is not None:
        parts = {name: stretched(getattr(pinhole, name)) for name in _PER_FRAME}
        pinhole = replace(pinhole, **parts)
    return replace(
        reading,
        parameters={name: stretched(array) for name, array in reading.parameters.items()},
        frames=every,
        pinhole=pinhole,
        crop_transforms=stretched(reading.crop_transforms),
        landmarks=stretched(reading.landmarks),
        detected=_detected(reading)[source] & np.isin(every, frames)[:, None],
    ).noted(f"{len(every) - len(frames)} frames are missing; they count as frames without a face")


def named(reading: Reading, known: Known) -> Reading:
    """With view names: the file's, those said, or the footage's."""
    count = reading.num_views
    if reading.views is not None:
        return reading
    names = known.views
    if names is None and known.sequence is not None:
        if len(known.sequence.views) != count:
            raise ConfigError(
                f"{reading.path}: {count} view; say with --views which of {', '.join(known.sequence.views)} it is"
            )
        names = known.sequence.views
    if names is None:
        names = ("view",) if count == 1 else tuple(f"view_{v}" for v in range(count))
    if len(names) != count or len(set(names)) != count:
        raise ConfigError(f"{reading.path}: has {count} views, {len(names)} were named; correct --views")
    return replace(reading, views=tuple(names))


def chosen(reading: Reading, known: Known) -> Sequence | None:
    """The frames and views of the footage that the reading is of."""
    sequence = known.sequence
    if sequence is None or reading.views is None:
        return None
    missing = [name for name in reading.views if name not in sequence.views]
    if missing:
        raise ConfigError(
            f"{reading.path}: view {missing[0]!r} is not in {sequence.path}; it has {', '.join(sequence.views)}"
        )
    if reading.frames[-1] >= sequence.num_frames:
        raise ConfigError(
            f"{reading.path}: has frame {reading.frames[-1]}, {sequence.path} ends at {sequence.num_frames - 1}; "
            "give its own footage, or --first-frame"
        )
    return sequence.select(
        frames=reading.frames.tolist(), views=[sequence.views.index(n) for n in reading.views]
    )


def picture_points(sequence: Sequence) -> NDArray[np.float64]:
    """Its landmarks in frame pixels [F, V, 68, 2]."""
    from neuface_engine.video import crops

    inside = crops.denormalise(sequence.landmarks.numpy(), sequence.crop_size)
    return crops.apply(crops.invert(sequence.crop_transforms), inside)


def _sizes(reading: Reading, sequence: Sequence | None, known: Known) -> tuple[tuple[int, int], ...] | None:
    told = reading.image_sizes
    if sequence is not None:
        if told is not None and told != sequence.image_sizes and reading.crop_transforms is None:
            raise ConfigError(
                f"{reading.path}: made on pictures of {told[0][0]} x {told[0][1]}, {sequence.path} has "
                f"{sequence.image_sizes[0][0]} x {sequence.image_sizes[0][1]}; give the footage it was made on"
            )
        return sequence.image_sizes
    return told or ((known.image_size,) * reading.num_views if known.image_size else None)


def _pinhole(
    reading: Reading,
    theta: FaceParameters,
    head: FaceModel,
    sequence: Sequence | None,
    known: Known,
    notes: list[str],
) -> tuple[FaceParameters, Lens, placing.Place]:
    assert reading.pinhole is not None
    pinhole, frames = reading.pinhole, len(reading.frames)
    side = reading.crop_size
    if side is None:  # the camera is the video's
        sizes = _sizes(reading, sequence, known)
        assert sizes is not None
        place = placing.whole_picture(frames, sizes)
        theta, lens = placing.lens_of(pinhole, theta, head, reading.path)
        return placing.nearest_weak_perspective(theta, head, lens, place), lens, place
    own = placing.whole_picture(frames, ((side, side),) * reading.num_views)
    theta, lens = placing.lens_of(pinhole, theta, head, reading.path)
    if sequence is None:
        notes.append(
            "the camera is that of the picture which the tracker cut out; its place in the video is not known"
        )
        return placing.nearest_weak_perspective(theta, head, lens, own), lens, own
    if reading.landmarks is not None and np.isfinite(reading.landmarks).all():
        inside = reading.landmarks.astype(np.float64)
    else:
        seen = lens.pixels(head.landmarks(theta).numpy())[..., :2]
        inside = frame_to_crop(seen, own.transforms, own.size).astype(np.float64)
    place, note = placing.crops_from_landmarks(
        reading, inside, picture_points(sequence), sequence.image_sizes, side
    )
    notes.append(note)
    theta, lens = placing.lens_of(placing.moved(pinhole, place.transforms), theta, head, reading.path)
    return placing.nearest_weak_perspective(theta, head, lens, place), lens, place


def _weak(
    reading: Reading,
    theta: FaceParameters,
    head: FaceModel,
    sequence: Sequence | None,
    known: Known,
    notes: list[str],
) -> tuple[FaceParameters, placing.Place]:
    frames, size = len(reading.frames), reading.crop_size or 224
    sizes = _sizes(reading, sequence, known)
    has_camera = "camera" in reading.parameters
    if reading.crop_transforms is not None and has_camera:
        if sizes is None:
            raise ConfigError(
                f"{reading.path}: does not tell the size of the pictures; give --sequence FOOTAGE or --image-size WxH"
            )
        return theta, placing.Place(reading.crop_transforms, size, sizes)
    if sequence is None:
        if not has_camera:
            notes.append("without --sequence the camera is a guess: the mesh cannot be laid upon the video")
        else:
            notes.append(NO_PLACE)
        return theta, placing.whole_picture(frames, ((size, size),) * reading.num_views)
    if not has_camera:
        place = placing.Place(sequence.crop_transforms, sequence.crop_size, sequence.image_sizes)
        camera = placing.fitted_camera(head.landmarks(theta).detach(), sequence.landmarks)
        notes.append("the camera was fitted to the landmarks of the footage")
        return theta.replace(camera=camera), place
    if reading.landmarks is not None and np.isfinite(reading.landmarks).all():
        inside = reading.landmarks.astype(np.float64)
    else:
        inside = placing.projected(theta, head)
    place, note = placing.crops_from_landmarks(
        reading, inside, picture_points(sequence), sequence.image_sizes, size
    )
    notes.append(note)
    return theta, place


def _landmarks(
    reading: Reading, place: placing.Place, sequence: Sequence | None, notes: list[str]
) -> torch.Tensor:
    if reading.landmarks is not None:
        return torch.from_numpy(reading.landmarks)
    if sequence is not None:
        return torch.from_numpy(frame_to_crop(picture_points(sequence), place.transforms, place.size))
    notes.append("no detected landmarks: there is no NME and no aperture ratio; give --sequence FOOTAGE")
    return torch.full((len(reading.frames), reading.num_views, 68, 2), float("nan"))


def _detected(reading: Reading) -> NDArray[np.bool_]:
    if reading.detected is not None:
        return reading.detected
    return np.ones((len(reading.frames), reading.num_views), np.bool_)


def frame_rate(reading: Reading, sequence: Sequence | None, known: Known, notes: list[str]) -> float:
    """What was said, the footage's, the file's, or 25 with a note."""
    told = known.fps or (sequence.fps if sequence is not None else None) or reading.fps
    if told is None:
        notes.append(f"the frame rate is not known; {DEFAULT_FPS:g} is taken (--fps says another)")
        return DEFAULT_FPS
    return float(told)


def provenance(
    reading: Reading, sequence: Sequence | None, notes: Several[str], head: FaceModel | None
) -> dict[str, Any]:
    """Who made it, from which file, and what was assumed."""
    from neuface_engine import __version__

    values: dict[str, Any] = {
        "software": {"neuface-studio": __version__, "python": platform.python_version()},
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "method": f"import: {reading.software}",
        "imported": {"software": reading.software, "path": str(reading.path.resolve())},
        "warnings": list(notes),
    }
    if head is not None:
        values["head"] = {"name": head.name, "fingerprint": head.fingerprint}
    if sequence is not None:
        values["detector"] = sequence.detector
        values["source"] = {
            "name": sequence.name,
            "path": str(sequence.path.resolve()),
            "content_hash": sequence.content_hash,
        }
    return values


def stacked(readings: Several[Reading], names: tuple[str, ...]) -> Reading:
    """Readings of one view each as one of several, over the frames that all have. Raises ConfigError."""
    first = readings[0]
    if len(names) != len(readings) or any(reading.num_views != 1 for reading in readings):
        raise ConfigError(f"{first.path}: several results need one name each with --views, and one view each")
    if (
        len(
            {
                (r.software, r.pinhole is None, r.crop_size, r.crop_transforms is None, r.landmarks is None)
                for r in readings
            }
        )
        > 1
    ):
        raise ConfigError(
            f"{first.path}: the results of the views are of different kinds; import them one by one"
        )
    frames = first.frames
    for reading in readings[1:]:
        frames = np.intersect1d(frames, reading.frames)
    if not len(frames):
        raise ConfigError(f"{first.path}: no frame is in all of the {len(readings)} results")
    rows = [np.searchsorted(reading.frames, frames) for reading in readings]

    def join(arrays: Several[Any]) -> Any:
        if arrays[0] is None:
            return None
        try:
            return np.concatenate([array[row] for array, row in zip(arrays, rows, strict=True)], axis=1)
        except ValueError:
            raise ConfigError(f"{first.path}: the views have codes of different length") from None

    kinds = set.intersection(*(set(reading.parameters) for reading in readings))
    pinhole = None
    if first.pinhole is not None:
        parts = {name: join([getattr(reading.pinhole, name) for reading in readings]) for name in _PER_FRAME}
        pinhole = Pinhole(**parts, on_root=first.pinhole.on_root)
    sizes = None
    if first.image_sizes is not None:
        sizes = tuple(size for reading in readings for size in reading.image_sizes or ())
    return replace(
        first,
        parameters={kind: join([reading.parameters[kind] for reading in readings]) for kind in kinds},
        frames=frames,
        views=names,
        pinhole=pinhole,
        image_sizes=sizes,
        crop_transforms=join([reading.crop_transforms for reading in readings]),
        landmarks=join([reading.landmarks for reading in readings]),
        detected=join([_detected(reading) for reading in readings]),
        notes=tuple(dict.fromkeys(note for reading in readings for note in reading.notes)),
    )
