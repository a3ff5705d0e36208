"""FaceModel: FLAME's linear blend skinning, batched over any leading dimensions.

Li et al., "Learning a model of facial shape and expression from 4D scans", 2017. Of FLAME's joints the head
orientation (root), the jaw and, where given, the eyes move; the neck stays straight, as in DECA.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import torch
from torch import Tensor, nn

from neuface_engine.arguments import expect, expect_path
from neuface_engine.errors import ConfigError
from neuface_engine.face_model.assets import HeadArrays, LandmarkTable, read_open_head
from neuface_engine.face_model.flame import read_flame
from neuface_engine.face_model.parameters import FaceParameters
from neuface_engine.face_model.rotations import axis_angle_to_matrix

LandmarkKind = Literal["dynamic", "static", "mediapipe"]
Space = Literal["posed", "canonical"]
ROOT, JAW, LEFT_EYE, RIGHT_EYE = 0, 2, 3, 4
CONTOUR_YAW_LIMIT = 39  # degrees: rows of FLAME's dynamic contour table


@dataclass(frozen=True)
class Mesh:
    """vertices [..., V, 3]; landmarks [..., 68, 3]: dynamic = the contour follows the yaw, static = fixed; metres."""

    vertices: Tensor
    landmarks_dynamic: Tensor
    landmarks_static: Tensor


class _Surface(nn.Module):
    """The vertices of the head, or a subset of them: everything that skinning needs, restricted to their rows."""

    basis: Tensor
    template: Tensor
    pose_basis: Tensor
    weights: Tensor

    def __init__(self, head: HeadArrays, vertices: np.ndarray) -> None:
        super().__init__()
        bases = np.concatenate([head.shape_basis[vertices], head.expression_basis[vertices]], axis=2)
        buffers = {
            "template": head.v_template[vertices],
            "basis": bases.reshape(-1, bases.shape[2]).T,  # [n_shape + n_expression, 3N]
            "pose_basis": head.pose_basis[vertices].reshape(-1, 36).T,  # [36, 3N]
            "weights": head.weights[vertices],
        }
        if head.eyelids is not None:
            buffers["eyelids"] = head.eyelids[:, vertices].reshape(2, -1)  # [2, 3N]
        for name, array in buffers.items():
            self.register_buffer(name, torch.from_numpy(np.ascontiguousarray(array)), persistent=False)

    def forward(
        self, coefficients: Tensor, moving: dict[int, Tensor], joints: Tensor, lids: Tensor | None = None
    ) -> Tensor:
        """Canonical vertices [B, N, 3].

        coefficients [B, n], moving: rotation minus identity [B, 3, 3] of each joint that moves, joints [B, 5, 3],
        lids [B, 2]: how far the left and the right lid are closed.
        """
        flat = torch.addmm(self.template.flatten(), coefficients, self.basis)
        for joint, change in moving.items():
            flat = flat + change.flatten(1) @ self.pose_basis[9 * (joint - 1) : 9 * joint]
        vertices = flat.unflatten(1, (-1, 3))
        skinned = vertices
        for joint, change in moving.items():  # the moving joints are leaves: their displacements add up
            weight = self.weights[:, joint, None]
            skinned = skinned + weight * ((vertices - joints[:, joint, None]) @ change.transpose(1, 2))
        if lids is not None:
            skinned = skinned + (lids @ self.get_buffer("eyelids")).unflatten(1, (-1, 3))
        return skinned


class FaceModel(nn.Module):
    """A parametric head in FLAME's layout: FaceParameters -> Mesh, metres, differentiable.

    x points to the subject's left, y up, z out of the face.
    """

    joint_template: Tensor
    joint_basis: Tensor

    def __init__(self, head: HeadArrays, *, whole: HeadArrays | None = None) -> None:
        super().__init__()
        self.name = head.name
        self.arrays, self._whole = head, whole or head
        self.fingerprint = head.fingerprint()
        self.release = head.release
        self.n_shape, self.n_expression = head.shape_basis.shape[2], head.expression_basis.shape[2]
        self.expression_names = head.expression_names
        self.regions = {name: torch.from_numpy(mask.copy()) for name, mask in head.regions.items()}
        self.faces = torch.from_numpy(head.faces)
        self.skin_faces = self.faces if head.part is None else self.faces[torch.from_numpy(head.part == 0)]
        self._surface = _Surface(head, np.arange(len(head.v_template)))
        bases = np.concatenate([head.shape_basis, head.expression_basis], axis=2)
        joint_template = head.joint_regressor @ head.v_template
        joint_basis = np.einsum("jv,vck->kjc", head.joint_regressor, bases)
        self.register_buffer("joint_template", torch.from_numpy(joint_template), persistent=False)
        self.register_buffer("joint_basis", torch.from_numpy(joint_basis), persistent=False)
        self._landmarks = nn.ModuleDict({"dynamic": _Landmarks(head, head.static, contour=head.contour)})
        self._landmarks["static"] = _Landmarks(head, head.full)
        if head.mediapipe is not None:
            self._landmarks["mediapipe"] = _Landmarks(head, head.mediapipe)
        self.mediapipe_numbers: Tensor | None = None
        if head.mediapipe_numbers is not None:
            self.mediapipe_numbers = torch.from_numpy(head.mediapipe_numbers)

    @classmethod
    def load(
        cls,
        path: str | Path = "open",
        *,
        landmarks: str | Path | None = None,
        eyelids: str | Path | None = None,
        release: str | None = None,
        n_shape: int = 100,
        n_expression: int = 50,
    ) -> FaceModel:
        """ "open" for the embedded head; a FLAME .pkl, .npz or .safetensors, or the folder of one; "flame",
        "flame2023", "flame2023-open" for what lies in the folder of assets.

        landmarks: its landmark embedding, eyelids: the folder of its eyelid shapes, where they do not lie beside it;
        release: which FLAME it is ("2020", "2023", ...), where its name does not tell. Of its components the first
        n_shape and n_expression are taken; a run takes as many as its encoder says. Raises AssetError, naming the
        file and the remedy, and ConfigError for a release that there is not, or files for the embedded head.
        """
        expect_path(path, "path", '"open" or the path of a FLAME file')
        if str(path) == "open":
            if (landmarks, eyelids, release) != (None, None, None):
                raise ConfigError(
                    "the head 'open' brings landmarks and eyelids of its own; leave out landmarks, eyelids and release"
                )
            whole = read_open_head()
            return cls(whole.sized(n_shape, n_expression), whole=whole)
        from neuface_engine.assets.folder import head_file

        path = head_file(Path(path))
        head = read_flame(
            path,
            None if landmarks is None else Path(landmarks),
            eyelids=None if eyelids is None else Path(eyelids),
            release=release,
        )
        return cls(head.sized(n_shape, n_expression), whole=head)

    def sized(self, n_shape: int, n_expression: int) -> FaceModel:
        """This head with so many components: itself, where it has as many. Raises AssetError where it has fewer."""
        if (n_shape, n_expression) == (self.n_shape, self.n_expression):
            return self
        return FaceModel(self._whole.sized(n_shape, n_expression), whole=self._whole)

    @property
    def has_eyelids(self) -> bool:
        """Whether the head can close its lids."""
        return self.arrays.eyelids is not None

    @property
    def num_vertices(self) -> int:
        return len(self._surface.template)

    def forward(self, parameters: FaceParameters) -> Mesh:
        face = self.decode(parameters)
        return Mesh(face.vertices(), face.landmarks("dynamic"), face.landmarks("static"))

    def decode(self, parameters: FaceParameters) -> Decoded:
        """The face that `parameters` describe; its vertices and landmarks are computed when asked for."""
        return Decoded(self, parameters)

    def vertices(self, parameters: FaceParameters, *, space: Space = "posed") -> Tensor:
        """[..., V, 3]; "canonical" leaves the head orientation out (the jaw stays)."""
        return self.decode(parameters).vertices(space)

    def pose(self, parameters: FaceParameters, points: Tensor) -> Tensor:
        """Canonical points [..., N, 3] of these faces turned by the head orientation, about the root joint."""
        rotation = axis_angle_to_matrix(parameters.head_rotation)
        root = self.joint_template[ROOT] + (
            torch.cat([parameters.shape, parameters.expression], dim=-1) @ self.joint_basis[:, ROOT]
        )
        return (points - root[..., None, :]) @ rotation.transpose(-1, -2) + root[..., None, :]

    def canonical_vertices(self, parameters: FaceParameters) -> Tensor:
        return self.vertices(parameters, space="canonical")

    def landmarks(
        self, parameters: FaceParameters, *, kind: LandmarkKind = "dynamic", space: Space = "posed"
    ) -> Tensor:
        """[..., 68, 3] (478 for "mediapipe", or as many as `mediapipe_numbers`) without skinning the rest of the head.

        "dynamic": the 17 contour points follow the yaw in steps of one degree up to 39 (FLAME's table).
        """
        return self.decode(parameters).landmarks(kind, space)

    @property
    def has_dense_landmarks(self) -> bool:
        """Whether the head knows where MediaPipe's 478 landmarks lie."""
        return "mediapipe" in self._landmarks

    def landmark_table(self, kind: LandmarkKind) -> _Landmarks:
        """The table of one kind of landmarks. Raises ValueError where the head has none."""
        if kind not in self._landmarks:
            raise ValueError(
                f"the head {self.name!r} has no landmarks {kind!r}; give {' or '.join(self._landmarks)}"
            )
        table = self._landmarks[kind]
        assert isinstance(table, _Landmarks)
        return table


class Decoded:
    """One batch of faces. Landmarks are read off the vertices where these are known already, else skinned alone."""

    def __init__(self, model: FaceModel, parameters: FaceParameters) -> None:
        expect(parameters, FaceParameters, "parameters", "FaceParameters")
        self.parameters = parameters
        self._model, self._batch = model, parameters.batch_shape
        flat = parameters.map(lambda t: t.reshape(-1, t.shape[-1]))
        if flat.shape.shape[1] != model.n_shape or flat.expression.shape[1] != model.n_expression:
            raise ValueError(
                f"parameters have {flat.shape.shape[1]} shape and {flat.expression.shape[1]} expression "
                f"coefficients; the head {model.name!r} has {model.n_shape} and {model.n_expression}"
            )
        dtypes = {model.joint_basis.dtype, *(tensor.dtype for _, tensor in parameters.items())}
        if len(dtypes) > 1 and torch.float64 in dtypes:
            raise TypeError(
                f"head and parameters are of different types ({', '.join(sorted(map(str, dtypes)))}); convert with "
                "parameters.to(torch.float32), or with head.double() and parameters.to(torch.float64)"
            )
        self.coefficients = torch.cat([flat.shape, flat.expression], dim=1)
        self.joints = model.joint_template + torch.einsum("bk,kjc->bjc", self.coefficients, model.joint_basis)
        self.rotation = axis_angle_to_matrix(flat.head_rotation)
        identity = torch.eye(3, dtype=self.rotation.dtype, device=self.rotation.device)
        self.moving = {JAW: axis_angle_to_matrix(flat.jaw) - identity}
        if flat.eyes is not None:
            self.moving[LEFT_EYE] = axis_angle_to_matrix(flat.eyes[:, :3]) - identity
            self.moving[RIGHT_EYE] = axis_angle_to_matrix(flat.eyes[:, 3:]) - identity
        self.lids = flat.eyelids if model.has_eyelids else None
        self._vertices: Tensor | None = None
        self._canonical: Tensor | None = None

    def vertices(self, space: Space = "posed") -> Tensor:
        """[..., V, 3] metres."""
        _check_space(space)
        if self._canonical is None:
            flat = self._model._surface(self.coefficients, self.moving, self.joints, self.lids)
            self._canonical = self._finish(flat, "canonical")
            # Everything else hangs on the tensor that is handed out, so that gradients towards it are complete.
            self._vertices = self._canonical.reshape(flat.shape)
        if space == "canonical" or self._vertices is None:
            return self._canonical
        return self._finish(self._vertices, space)

    def landmarks(self, kind: LandmarkKind = "dynamic", space: Space = "posed") -> Tensor:
        """[..., 68 or 478, 3] metres."""
        _check_space(space)
        table = self._model.landmark_table(kind)
        corners, barycentric = table.corners(self)
        if self._vertices is None:
            vertices = table.surface(self.coefficients, self.moving, self.joints, self.lids)
        else:
            vertices, corners = self._vertices, table.used[corners]
        index = corners.expand(len(vertices), -1, -1).flatten(1)[..., None].expand(-1, -1, 3)
        triangles = vertices.gather(1, index).unflatten(1, (-1, 3))
        return self._finish((triangles * barycentric[..., None]).sum(2), space)

    def _finish(self, points: Tensor, space: Space) -> Tensor:
        if space == "posed":
            root = self.joints[:, None, ROOT]
            points = (points - root) @ self.rotation.transpose(1, 2) + root
        return points.reshape(*self._batch, -1, 3)

    def contour_rows(self) -> Tensor:
        """Row of the dynamic contour table for the head's yaw (FLAME: 0..39 deg, then -1..-39 deg)."""
        r = self.rotation.detach()
        yaw = torch.rad2deg(torch.atan2(-r[:, 2, 0], torch.hypot(r[:, 0, 0], r[:, 1, 0])))
        rows = yaw.clamp(max=CONTOUR_YAW_LIMIT).round().long()
        return torch.where(rows < 0, (CONTOUR_YAW_LIMIT - rows).clamp(max=2 * CONTOUR_YAW_LIMIT), rows)


def _check_space(space: Space) -> None:
    if space not in get_args(Space):
        raise ValueError(f"space is {space!r}; give {' or '.join(get_args(Space))}")


class _Landmarks(nn.Module):
    """A table of surface points over the vertices that it uses."""

    fixed_corners: Tensor
    fixed_barycentric: Tensor
    contour_corners: Tensor
    contour_barycentric: Tensor
    used: Tensor

    def __init__(
        self, head: HeadArrays, fixed: LandmarkTable, *, contour: LandmarkTable | None = None
    ) -> None:
        super().__init__()
        tables = [fixed] if contour is None else [fixed, contour]
        corners = [head.faces[table.faces] for table in tables]  # [..., K, 3] vertex numbers
        used = np.unique(np.concatenate([c.ravel() for c in corners]))
        self.surface = _Surface(head, used)
        local = [torch.from_numpy(np.searchsorted(used, c)) for c in corners]
        self.register_buffer("used", torch.from_numpy(used), persistent=False)
        self.register_buffer("fixed_corners", local[0], persistent=False)
        self.register_buffer("fixed_barycentric", torch.from_numpy(fixed.barycentric), persistent=False)
        if contour is not None:
            self.register_buffer("contour_corners", local[1], persistent=False)
            self.register_buffer(
                "contour_barycentric", torch.from_numpy(contour.barycentric), persistent=False
            )

    def corners(self, decoded: Decoded) -> tuple[Tensor, Tensor]:
        """Corner numbers among `used` and barycentrics, [1 or B, K, 3]; the contour comes first, as in iBUG's 68."""
        corners, barycentric = self.fixed_corners[None], self.fixed_barycentric[None]
        if hasattr(self, "contour_corners"):
            rows = decoded.contour_rows()
            batch = len(rows)
            corners = torch.cat([self.contour_corners[rows], corners.expand(batch, -1, -1)], dim=1)
            barycentric = torch.cat(
                [self.contour_barycentric[rows], barycentric.expand(batch, -1, -1)], dim=1
            )
        return corners, barycentric
