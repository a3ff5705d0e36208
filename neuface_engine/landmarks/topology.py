"""Landmark layouts: the 478 points of the MediaPipe face mesh and the 68 points of iBUG."""

from __future__ import annotations

NUM_MEDIAPIPE = 478

_CONTOUR = (127, 234, 132, 58, 172, 136, 150, 176, 152, 400, 379, 365, 397, 288, 361, 454, 356)
_BROWS = (70, 63, 105, 66, 107, 336, 296, 334, 293, 300)
_NOSE = (168, 197, 5, 4, 75, 97, 2, 326, 305)
_EYES = (33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380)
_OUTER_LIPS = (61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181)
_INNER_LIPS = (78, 82, 13, 312, 308, 317, 14, 87)

MEDIAPIPE_TO_IBUG68: tuple[int, ...] = _CONTOUR + _BROWS + _NOSE + _EYES + _OUTER_LIPS + _INNER_LIPS
"""For each of the 68 iBUG points the MediaPipe point at the same place (subject's right to left)."""

MEDIAPIPE_EYE_OUTER_CORNERS = (33, 263)
"""Outer corners of the subject's right and left eye; their line gives the roll of a face."""

LIDS: tuple[tuple[int, int], ...] = ((37, 41), (38, 40), (43, 47), (44, 46))
LIPS: tuple[tuple[int, int], ...] = ((61, 67), (62, 66), (63, 65))
"""Upper and lower landmark of the 68, across the openings of the eyes and of the mouth (inner lips)."""
