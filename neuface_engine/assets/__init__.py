"""Models that users bring: what can be used, what is there, and whether it is sound."""

from neuface_engine.assets.catalogue import CATALOGUE, Asset
from neuface_engine.assets.folder import assets_folder, locate
from neuface_engine.assets.states import AssetState, survey

__all__ = ["CATALOGUE", "Asset", "AssetState", "assets_folder", "locate", "survey"]
