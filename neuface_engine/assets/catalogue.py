"""What can be used besides the embedded models: what for, under which names, from where, under which licence."""

from __future__ import annotations

from neuface_engine.assets.detectors import DETECTORS
from neuface_engine.assets.entry import Asset
from neuface_engine.errors import ConfigError

_MPI = "non-commercial research (Max Planck licence, registration)"
_FLAME = "https://flame.is.tue.mpg.de"


def _flame(release: str, files: tuple[str, ...], archive: str, licence: str, name: str) -> Asset:
    return Asset(
        name=name,
        title=f"FLAME {release}",
        kind="head",
        purpose="the parametric head that the encoders of research groups predict",
        files=files,
        url=_FLAME,
        licence=licence,
        use=f"--head {name}",
        steps=(
            f"register at {_FLAME} and accept the licence",
            f"download {archive} and unpack it",
            "neuface assets add FOLDER_OR_FILE",
        ),
        needs=("landmark-embedding",),
    )


CATALOGUE: tuple[Asset, ...] = (
    _flame(
        "2020",
        (
            "flame2020/generic_model.pkl",
            "flame2020/*_model.pkl",
            "generic_model.pkl",
            "generic_model.npz",
            "generic_model.safetensors",
            "female_model.pkl",
            "male_model.pkl",
            "flame_neutral.pkl",
            "flame_female.pkl",
            "flame_male.pkl",
            "flame2020*.pkl",
            "flame2020*.npz",
            "flame2020*.safetensors",
        ),
        "FLAME2020.zip (generic_model.pkl, female_model.pkl, male_model.pkl)",
        _MPI,
        "flame",
    ),
    _flame(
        "2023",
        (
            "flame2023.pkl",
            "flame2023/generic_model.pkl",
            "flame2023_no_jaw.pkl",
            "flame2023.npz",
            "flame2023.safetensors",
        ),
        "FLAME2023.zip (flame2023.pkl)",
        _MPI,
        "flame2023",
    ),
    _flame(
        "2023 Open",
        ("flame2023_open.pkl", "flame2023_open.npz", "flame2023_open.safetensors"),
        "FLAME2023Open.zip (flame2023_Open.pkl)",
        "CC-BY-4.0, commercial use with attribution (read the licence in the archive)",
        "flame2023-open",
    ),
    Asset(
        name="landmark-embedding",
        title="Landmark embedding of FLAME",
        kind="head data",
        purpose="where the 68 landmarks lie on FLAME's surface",
        files=(
            "landmark_embedding.npy",
            "landmark_embedding_with_eyes.npy",
            "flame_static_embedding.pkl",
            "flame_static_embedding_68.pkl",
        ),
        url="https://github.com/yfeng95/DECA (data/landmark_embedding.npy)",
        licence=f"{_MPI}, with DECA",
        use="--head-landmarks FILE, or beside the model",
        steps=("take data/landmark_embedding.npy from DECA's repository", "neuface assets add FILE"),
    ),
    Asset(
        name="mediapipe-embedding",
        title="MediaPipe landmarks on FLAME",
        kind="head data",
        purpose="105 dense landmarks for --dense losses and SMIRK",
        files=("mediapipe_landmark_embedding.npz",),
        url="https://github.com/georgeretsi/smirk (assets/mediapipe_landmark_embedding)",
        licence=f"{_MPI}, with FLAME",
        use="found beside the model",
        steps=(
            "take mediapipe_landmark_embedding.npz from FLAME's or SMIRK's download",
            "neuface assets add FILE",
        ),
    ),
    Asset(
        name="flame-masks",
        title="Regions of FLAME",
        kind="head data",
        purpose="named regions, for jitter and error per region",
        files=("flame_masks.pkl", "flame_masks.npz"),
        url=f"{_FLAME} (FLAME Vertex Masks)",
        licence=_MPI,
        use="found beside the model",
        steps=(f"download FLAME_masks.zip from {_FLAME}", "neuface assets add FLAME_masks.pkl"),
    ),
    Asset(
        name="eyelids",
        title="Eyelid shapes for FLAME",
        kind="head data",
        purpose="eyes that close, for SMIRK",
        files=("l_eyelid.npy", "r_eyelid.npy"),
        url="https://github.com/georgeretsi/smirk (assets/)",
        licence="MIT, with SMIRK",
        use="found beside the model",
        steps=(
            "take assets/l_eyelid.npy and r_eyelid.npy from SMIRK's repository",
            "neuface assets add both files",
        ),
    ),
    Asset(
        name="deca",
        title="DECA",
        kind="encoder",
        purpose="the encoder that the paper re-optimises (NeuFace-D)",
        files=("deca_model.tar", "deca_model.safetensors"),
        url="https://github.com/yfeng95/DECA",
        licence=_MPI,
        use="--encoder deca --head flame",
        steps=(
            "download deca_model.tar as DECA's README says (about 415 MB)",
            "neuface assets add deca_model.tar",
        ),
        needs=("flame", "landmark-embedding"),
    ),
    Asset(
        name="emoca",
        title="EMOCA v1, v2",
        kind="encoder",
        purpose="DECA with an expression network trained on emotion (NeuFace-E)",
        files=(
            "emoca*/detail/checkpoints/**/*.ckpt",
            "emoca*/checkpoints/**/*.ckpt",
            "emoca*.zip",
            "emoca*.ckpt",
            "emoca*.safetensors",
        ),
        url="https://emoca.is.tue.mpg.de",
        licence=_MPI,
        use="--encoder emoca --head flame [--moving coarse|expression|both]",
        steps=(
            "register at https://emoca.is.tue.mpg.de and download EMOCA_v2_lr_mse_20.zip (about 400 MB)",
            "neuface assets add EMOCA_v2_lr_mse_20.zip (or the folder that it unpacks to)",
        ),
        needs=("flame", "landmark-embedding"),
    ),
    Asset(
        name="smirk",
        title="SMIRK",
        kind="encoder",
        purpose="expressive faces from three small networks; 300 shape components and eyelids",
        files=("smirk_em1.pt", "smirk*.pt", "smirk*.safetensors"),
        url="https://github.com/georgeretsi/smirk",
        licence="MIT (FLAME is licensed separately)",
        use="--encoder smirk --head flame",
        steps=("download SMIRK_em1.pt as SMIRK's README says", "neuface assets add SMIRK_em1.pt"),
        needs=("flame", "landmark-embedding"),
    ),
    Asset(
        name="spectre",
        title="SPECTRE",
        kind="encoder",
        purpose="DECA with mouth movements from a network that sees five frames",
        files=("spectre_model.tar", "spectre*.tar", "spectre*.safetensors"),
        url="https://github.com/filby89/spectre",
        licence="CC-BY-NC-SA-4.0, non-commercial",
        use="--encoder spectre --head flame",
        steps=("download spectre_model.tar as SPECTRE's README says", "neuface assets add spectre_model.tar"),
        needs=("flame", "landmark-embedding"),
    ),
    Asset(
        name="mica",
        title="MICA",
        kind="shape prior",
        purpose="metrical identity of a person, as the start and target of the shape",
        files=("mica.tar", "mica*.tar", "mica*.safetensors"),
        url="https://zielon.github.io/mica",
        licence=_MPI,
        use="--shape-prior mica (beside an encoder of FLAME 2020)",
        steps=(
            "register at https://zielon.github.io/mica and download mica.tar",
            "neuface assets add mica.tar",
        ),
        needs=("flame", "landmark-embedding"),
    ),
    *DETECTORS,
)


def asset(name: str) -> Asset:
    """By its name. Raises ConfigError for one that there is not."""
    wanted = name.lower().replace("_", "-").replace(" ", "-")
    wanted = {"flame2020": "flame", "flame-2020": "flame", "flame-2023": "flame2023", "s3fd": "sfd"}.get(
        wanted, wanted
    )
    for entry in CATALOGUE:
        if entry.name == wanted:
            return entry
    raise ConfigError(f"there is no asset {name!r}; there are: {', '.join(a.name for a in CATALOGUE)}")
