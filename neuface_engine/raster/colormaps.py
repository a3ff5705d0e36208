"""Colour maps for per-vertex values, as 256-entry tables.

Each map is stored as 17 equally spaced knots, joined linearly: within 9/255 of the published tables.
inferno, viridis, magma: S. van der Walt and N. Smith (CC0). turbo: A. Mikhailov, Google (Apache-2.0).
coolwarm: K. Moreland's diverging map. grey: the level itself.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

_KNOTS = {
    "inferno": "000004 0b0724 210c4a 3d0965 57106e 71196e 8a226a a32c61 bc3754 d24644 e45a31 f1731d f98e09 fcac11 "
    "f9cb35 f2ea69 fcffa4",
    "viridis": "440154 48186a 472d7b 424086 3b528b 33638d 2c728e 26828e 21918c 1fa088 28ae80 3fbc73 5ec962 84d44b "
    "addc30 d8e219 fde725",
    "magma": "000004 0a0822 1d1147 36106b 51127c 6a1c81 832681 9c2e7f b73779 d0416f e75263 f56b5c fc8961 fea772 "
    "fec488 fde2a3 fcfdbf",
    "turbo": "30123b 4040a2 466be3 4294ff 28bceb 18ddc2 32f298 6dfe62 a4fc3c cdec34 eecf3a fdac34 fb7e21 eb500e "
    "d02f05 a91601 7a0403",
    "grey": "000000 101010 202020 303030 404040 505050 606060 707070 808080 8f8f8f 9f9f9f afafaf bfbfbf cfcfcf dfdfdf "
    "efefef ffffff",
    "coolwarm": "3b4cc0 4e68d8 6282ea 779af7 8db0fe a3c2fe b9d0f9 ccd9ed dddcdc ecd3c5 f5c4ac f7b093 f4987a eb7d62 "
    "dd5f4b ca3b37 b40426",
}

COLORMAPS: tuple[str, ...] = tuple(_KNOTS)


@cache
def colormap(name: str) -> NDArray[np.uint8]:
    """Table of a colour map: uint8 [256, 3] RGB, row 0 for the lowest value, row 255 for the highest.

    Raises ValueError for an unknown name; ``COLORMAPS`` lists the known ones.
    """
    if name not in _KNOTS:
        raise ValueError(f"unknown colour map '{name}'; choose one of {', '.join(COLORMAPS)}")
    knots = np.array([list(bytes.fromhex(colour)) for colour in _KNOTS[name].split()], dtype=np.float64)
    position = np.linspace(0.0, len(knots) - 1.0, 256)
    channels = [np.interp(position, np.arange(len(knots)), knots[:, channel]) for channel in range(3)]
    table = np.round(np.stack(channels, axis=1)).astype(np.uint8)
    table.setflags(write=False)
    return table
