"""EMOCA's folder: NAME/cfg.yaml and NAME/detail/checkpoints/deca-epoch=10-val_loss/dataloader_idx_0=3.25.ckpt.

The name of the measure in the file's name holds a slash, so that a checkpoint lies in a folder made of its first half.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path

from neuface_engine.errors import AssetError

STAGES = ("detail", "coarse")
"""Of the training, the later one first: folders, and the top keys of cfg.yaml."""
MAX_FILES = 5000
LEVELS_UP = 5


@dataclass(frozen=True)
class Settings:
    """What cfg.yaml says of the networks. jaw_pose, head_pose: whether E_expression gives them; shared: both networks
    have one backbone; mediapipe: trained on MediaPipe's landmarks."""

    n_shape: int = 100
    n_expression: int = 50
    jaw_pose: bool = True
    head_pose: bool = False
    shared: bool = False
    mediapipe: bool = False

    @property
    def outputs(self) -> int:
        """Width of E_expression."""
        return self.n_expression + 3 * self.jaw_pose + 3 * self.head_pose

    def words(self) -> str:
        gives = ["expression", *["head pose"] * self.head_pose, *["jaw"] * self.jaw_pose]
        backbone = "one backbone" if self.shared else "two backbones"
        return f"{backbone}, {' and '.join(gives)} from E_expression"


def find_checkpoint(path: Path, *, remedy: str) -> Path:
    """The file itself, or the best one in a folder: of the later stage, then of the smallest measure in its name.

    Raises AssetError where there is none.
    """
    if not path.is_dir():
        return path
    found = []
    for number, file in enumerate(path.rglob("*.ckpt")):
        if number >= MAX_FILES:
            break
        if file.is_file():
            found.append(file)
    if not found:
        raise AssetError(f"{path}: holds no .ckpt file, also not in the folders below; {remedy}")
    return min(found, key=lambda file: (_stage(file.relative_to(path)), _measure(file), str(file)))


def _stage(path: Path) -> int:
    parts = [part.lower() for part in path.parts]
    return next((i for i, stage in enumerate(STAGES) if stage in parts), len(STAGES))


def _measure(path: Path) -> float:
    number = re.search(r"=(\d+\.\d+)(?:-v\d+)?$", path.stem)
    return float(number[1]) if number else math.inf


def read_settings(checkpoint: Path, *, shared: bool, outputs: int | None) -> Settings:
    """As the cfg.yaml above a checkpoint says; where it is silent, as the weights tell: whether E_expression holds a
    second copy of the coarse network (`shared`), and its width."""
    given = _named_values(checkpoint)
    n_expression = _number(given.get("n_exp"), 50)
    told = outputs - n_expression if outputs is not None else 3
    jaw, head = _truth(given.get("exp_deca_jaw_pose")), _truth(given.get("exp_deca_global_pose"))
    if jaw is None:
        jaw = told == 6 or (told == 3 and not head)
    if head is None:
        head = told == 6 or (told == 3 and not jaw)
    return Settings(
        n_shape=_number(given.get("n_shape"), 100),
        n_expression=n_expression,
        jaw_pose=jaw,
        head_pose=head,
        shared=shared,
        mediapipe=given.get("flame_mediapipe_lmk_embedding_path", "null") not in ("null", "None", "~"),
    )


def _named_values(checkpoint: Path) -> dict[str, str]:
    """`model` of the later stage in the nearest cfg.yaml above; empty where there is none that can be read."""
    for folder in list(checkpoint.parents)[:LEVELS_UP]:
        file = folder / "cfg.yaml"
        if not file.is_file():
            continue
        try:
            leaves = _leaves(file.read_text(encoding="utf-8", errors="replace")[:1_000_000])
        except OSError:
            return {}
        for stage in (*STAGES, None):
            start = (stage, "model") if stage else ("model",)
            values = {path[-1]: value for path, value in leaves if path[:-1] == start}
            if values:
                return values
        return {}
    return {}


def _leaves(text: str) -> list[tuple[tuple[str, ...], str]]:
    """(keys, value) of `key: value` lines in the block form that OmegaConf writes; whatever else is passed over."""
    found: list[tuple[tuple[str, ...], str]] = []
    open_keys: list[tuple[int, str]] = []
    for line in text.splitlines():
        match = re.fullmatch(r"( *)([A-Za-z_]\w*):(?:\s+(.*))?", line.rstrip())
        if match is None:
            continue
        indent, key, value = len(match[1]), match[2], (match[3] or "").strip()
        open_keys = [entry for entry in open_keys if entry[0] < indent]
        if value:
            found.append(((*(name for _, name in open_keys), key), value.strip("'\"")))
        else:
            open_keys.append((indent, key))
    return found


def _number(text: str | None, default: int) -> int:
    return int(text) if text is not None and re.fullmatch(r"[1-9]\d{0,3}", text) else default


def _truth(text: str | None) -> bool | None:
    return {"true": True, "false": False}.get((text or "").lower())
