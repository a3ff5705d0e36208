"""The parametric head: FLAME layout, skinning, landmarks, rotations, projection."""

from neuface_engine.face_model import rotations
from neuface_engine.face_model.camera import project, project_depth
from neuface_engine.face_model.model import FaceModel, Mesh
from neuface_engine.face_model.parameters import FaceParameters

__all__ = ["FaceModel", "FaceParameters", "Mesh", "project", "project_depth", "rotations"]
