"""Files that are known by their published sha256: what a user has is then what everybody has. Never required."""

from __future__ import annotations

from pathlib import Path

from neuface_engine.face_model.releases import KNOWN_FILES, file_sha256

HASHED_BYTES = 200_000_000
"""Larger files (DECA's) are not read through for a hash alone."""

PUBLISHED = {
    "26b234e3cc31a5de226bcba4321bb5d7343a2ad48234c028b57a1c2f8c2d22d0": "SMIRK_em1.pt",
    "8095348eeafce5a02f6bd8765146307f9567a3f03b316d788a2e47336d667954": "landmark_embedding.npy",
    "8863363013fc6fe3752d4318ea02a1784970200616a54b785920cdd0568816fc": "mediapipe_landmark_embedding.npz",
    "ccefbe1ac0774ff78c68caf2c627b4abc067a6555ebeb0be5d5b0812366ab492": "FLAME_masks.pkl",
    "fa50997166c2f884fbfc577d99fe8707966763fc3d83a1870bb786df6cc9410d": "l_eyelid.npy",
    "dd78776fed765be4468889dd7d5b54b4bf61c8efbb2869b5b91409ce798aad8d": "r_eyelid.npy",
    **{digest: f"generic_model.pkl of FLAME {release}" for digest, (release, _) in KNOWN_FILES.items()},
}


def is_known(path: Path) -> bool:
    """Whether a file's bytes are those of a published one; False for one that is too large to be asked for."""
    if not path.is_file() or path.stat().st_size > HASHED_BYTES:
        return False
    return file_sha256(path) in PUBLISHED
