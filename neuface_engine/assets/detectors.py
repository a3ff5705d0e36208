"""The catalogue's entries of face-alignment: FAN's weights and those of its face detectors.

They lie where face-alignment looks for them (`landmarks.fan_files.folder`), flat and under exactly these names.
"""

from __future__ import annotations

from neuface_engine.assets.entry import Asset

_BULAT = "https://www.adrianbulat.com/downloads/python-fan/"
_BLAZE = "https://github.com/hollance/BlazeFace-PyTorch/raw/master/"
_OF_FAN = "BSD-3-Clause as face-alignment; trained on 300-W-LP, whose pictures are for research"


def _entry(
    name: str,
    title: str,
    purpose: str,
    url: str,
    licence: str,
    *,
    file: str = "",
    use: str = "",
    needs: tuple[str, ...] = (),
) -> Asset:
    offered = url.rsplit("/", 1)[1]
    file = file or offered
    rename = "" if file == offered else f" and name it {file}"
    return Asset(
        name=name,
        title=title,
        kind="detector",
        purpose=purpose,
        files=(file.lower(),),
        url=url,
        licence=licence,
        use=use or "found by the detector that needs it",
        steps=(f"download {url}{rename}", "neuface assets add FILE (it goes to face-alignment's own folder)"),
        needs=needs,
    )


DETECTORS: tuple[Asset, ...] = (
    _entry(
        "fan",
        "FAN, 2D",
        "68 landmarks whose contour follows the outline that is seen",
        _BULAT + "2DFAN4-11f355bf06.pth.tar",
        _OF_FAN,
        use="--detector fan (fan:open, fan:yunet, ... find the face otherwise than by sfd)",
        needs=("sfd",),
    ),
    _entry(
        "fan3d",
        "FAN, 3D",
        "68 landmarks whose contour lies on the jaw, seen or not",
        _BULAT + "3DFAN4-7835d9f11d.pth.tar",
        _OF_FAN,
        use="--detector fan3d",
        needs=("fan-depth", "sfd"),
    ),
    _entry(
        "fan-depth",
        "Depth for FAN, 3D",
        "the depth of FAN's 3D landmarks",
        _BULAT + "depth-2a464da4ea.pth.tar",
        _OF_FAN,
        use="--detector fan3d",
    ),
    _entry(
        "sfd",
        "S3FD",
        "finds the faces for FAN by default; slow and thorough",
        _BULAT + "s3fd-619a316812.pth",
        "BSD-3-Clause as face-alignment; trained on WIDER FACE, whose pictures are for research",
        use="--detector fan, fan3d",
    ),
    _entry(
        "blazeface",
        "BlazeFace (PyTorch)",
        "finds the faces for FAN; fast, for large faces",
        _BLAZE + "blazeface.pth",
        "Apache-2.0 (weights of MediaPipe)",
        use="--detector fan:blazeface",
        needs=("blazeface-anchors",),
    ),
    _entry(
        "blazeface-anchors",
        "Anchors of BlazeFace",
        "the boxes that BlazeFace begins with",
        _BLAZE + "anchors.npy",
        "Apache-2.0 (weights of MediaPipe)",
        use="--detector fan:blazeface",
    ),
    _entry(
        "retinaface",
        "RetinaFace (MobileNet 0.25)",
        "finds the faces for FAN",
        _BULAT + "retinaface_mobilenet0.25.pth",
        "MIT (Pytorch_Retinaface); trained on WIDER FACE, whose pictures are for research",
        use="--detector fan:retinaface",
    ),
    _entry(
        "yunet",
        "YuNet",
        "finds the faces for FAN; small and fast",
        "https://github.com/opencv/opencv_zoo/raw/main/models/face_detection_yunet/face_detection_yunet_2023mar.onnx",
        "MIT (OpenCV Zoo)",
        use="--detector fan:yunet",
    ),
    _entry(
        "scrfd",
        "SCRFD 2.5G",
        "finds the faces for FAN; needs onnxruntime",
        "https://github.com/yakhyo/facial-analysis/releases/download/v0.0.1/det_2.5g.onnx",
        "InsightFace's weights: non-commercial research",
        file="scrfd_2.5g_bnkps.onnx",
        use="--detector fan:scrfd",
    ),
)
