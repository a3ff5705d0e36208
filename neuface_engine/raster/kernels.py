"""The compiled inner loops: triangle fill, shading and blending.

Coverage is decided in fixed point (1/4096 px) with 64-bit integers and a top-left rule, so that two triangles that
share an edge never both claim a pixel nor leave one out, whatever the order of their vertices. Every kernel releases
the GIL.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

_SHIFT = 12
_ONE = 1 << _SHIFT
_HALF = _ONE >> 1
# Beyond this many pixels from the origin, 64-bit edge functions could overflow: such triangles are left out.
_LIMIT = 32768.0


@njit(nogil=True, cache=True, error_model="numpy")
def fill(points, faces, cull, depth_only, triangle, barycentric, depth):  # type: ignore[no-untyped-def]
    """Z-buffer of one mesh. Larger depth wins; equal depth: the earlier triangle.

    Overwrites depth and, unless ``depth_only``, triangle; barycentric only where there is a triangle.
    """
    height, width = depth.shape
    depth[:, :] = -np.inf
    if not depth_only:
        triangle[:, :] = -1

    count = points.shape[0]
    fixed = np.empty((count, 2), np.int64)
    usable = np.empty(count, np.bool_)
    for v in range(count):
        px, py, pz = points[v, 0], points[v, 1], points[v, 2]
        # Written so that NaN fails the test.
        usable[v] = abs(px) < _LIMIT and abs(py) < _LIMIT and abs(pz) < np.inf
        if usable[v]:
            fixed[v, 0] = math.floor(px * _ONE + 0.5)
            fixed[v, 1] = math.floor(py * _ONE + 0.5)

    for t in range(faces.shape[0]):
        ia, ib, ic = faces[t, 0], faces[t, 1], faces[t, 2]
        if not (usable[ia] and usable[ib] and usable[ic]):
            continue
        ax, ay = fixed[ia, 0], fixed[ia, 1]
        bx, by = fixed[ib, 0], fixed[ib, 1]
        cx, cy = fixed[ic, 0], fixed[ic, 1]
        area = (bx - ax) * (cy - ay) - (cx - ax) * (by - ay)
        if area == 0:
            continue
        # Counter-clockwise seen from outside with y up means a negative area with y down.
        flipped = area < 0
        if flipped:
            bx, by, cx, cy = cx, cy, bx, by
            ib, ic = ic, ib
            area = -area
        elif cull:
            continue

        left = max(0, (min(ax, bx, cx) - _HALF + _ONE - 1) >> _SHIFT)
        right = min(width - 1, (max(ax, bx, cx) - _HALF) >> _SHIFT)
        top = max(0, (min(ay, by, cy) - _HALF + _ONE - 1) >> _SHIFT)
        bottom = min(height - 1, (max(ay, by, cy) - _HALF) >> _SHIFT)
        if left > right or top > bottom:
            continue

        # Edge functions at the first pixel's centre, opposite to a, b, c; they grow linearly with x and y.
        sx, sy = left * _ONE + _HALF, top * _ONE + _HALF
        row_a = (cx - bx) * (sy - by) - (cy - by) * (sx - bx)
        row_b = (ax - cx) * (sy - cy) - (ay - cy) * (sx - cx)
        row_c = (bx - ax) * (sy - ay) - (by - ay) * (sx - ax)
        # Top-left rule: an edge that does not own its pixels needs a strictly positive value.
        bias_a = 0 if (cy < by or (cy == by and cx > bx)) else -1
        bias_b = 0 if (ay < cy or (ay == cy and ax > cx)) else -1
        bias_c = 0 if (by < ay or (by == ay and bx > ax)) else -1
        step_xa, step_xb, step_xc = -(cy - by) * _ONE, -(ay - cy) * _ONE, -(by - ay) * _ONE
        step_ya, step_yb, step_yc = (cx - bx) * _ONE, (ax - cx) * _ONE, (bx - ax) * _ONE

        inverse = 1.0 / area
        za, zb, zc = points[ia, 2], points[ib, 2], points[ic, 2]
        slot_b, slot_c = (2, 1) if flipped else (1, 2)
        for y in range(top, bottom + 1):
            ea, eb, ec = row_a, row_b, row_c
            for x in range(left, right + 1):
                if ((ea + bias_a) | (eb + bias_b) | (ec + bias_c)) >= 0:
                    wb = eb * inverse
                    wc = ec * inverse
                    wa = 1.0 - wb - wc
                    z = wa * za + wb * zb + wc * zc
                    if z > depth[y, x]:
                        depth[y, x] = z
                        if not depth_only:
                            triangle[y, x] = t
                            barycentric[y, x, 0] = wa
                            barycentric[y, x, slot_b] = wb
                            barycentric[y, x, slot_c] = wc
                ea += step_xa
                eb += step_xb
                ec += step_xc
            row_a += step_ya
            row_b += step_yb
            row_c += step_yc


@njit(nogil=True, cache=True, error_model="numpy")
def accumulate_normals(vertices, faces, flip_y, normals):  # type: ignore[no-untyped-def]
    """Area-weighted unit normals of one mesh, y up; 0 without a usable triangle. ``flip_y``: the input has y down."""
    sign = -1.0 if flip_y else 1.0
    normals[:, :] = 0.0
    for t in range(faces.shape[0]):
        ia, ib, ic = faces[t, 0], faces[t, 1], faces[t, 2]
        ux = vertices[ib, 0] - vertices[ia, 0]
        uy = sign * (vertices[ib, 1] - vertices[ia, 1])
        uz = vertices[ib, 2] - vertices[ia, 2]
        wx = vertices[ic, 0] - vertices[ia, 0]
        wy = sign * (vertices[ic, 1] - vertices[ia, 1])
        wz = vertices[ic, 2] - vertices[ia, 2]
        nx = uy * wz - uz * wy
        ny = uz * wx - ux * wz
        nz = ux * wy - uy * wx
        if not abs(nx) + abs(ny) + abs(nz) < np.inf:
            continue
        for corner in range(3):
            v = faces[t, corner]
            normals[v, 0] += nx
            normals[v, 1] += ny
            normals[v, 2] += nz
    for v in range(normals.shape[0]):
        nx, ny, nz = normals[v, 0], normals[v, 1], normals[v, 2]
        length = math.sqrt(nx * nx + ny * ny + nz * nz)
        if length > 0.0:
            normals[v, 0] = nx / length
            normals[v, 1] = ny / length
            normals[v, 2] = nz / length


@njit(nogil=True, cache=True, error_model="numpy")
def batch_normals(meshes, faces, normals):  # type: ignore[no-untyped-def]
    """``accumulate_normals`` of meshes [B, V, 3], y up."""
    for b in range(meshes.shape[0]):
        accumulate_normals(meshes[b], faces, False, normals[b])


@njit(nogil=True, cache=True, error_model="numpy")
def light(normals, diffuse, gloss):  # type: ignore[no-untyped-def]
    """Diffuse and glossy light a vertex receives: a headlight with soft edges and a side light from the upper left."""
    for v in range(normals.shape[0]):
        nx, ny, nz = normals[v, 0], normals[v, 1], normals[v, 2]
        facing = max(0.0, nz)
        side = max(0.0, -0.55 * nx + 0.65 * ny + 0.52 * nz)
        diffuse[v] = 0.16 + 0.46 * facing + 0.42 * side
        # Half vector between the side light and a distant viewer.
        half = max(0.0, -0.315 * nx + 0.373 * ny + 0.873 * nz)
        half *= half
        half *= half
        half *= half
        half *= half
        gloss[v] = 0.16 * half


@njit(nogil=True, cache=True, error_model="numpy")
def blend_shaded(frame, faces, triangle, barycentric, diffuse, gloss, colour, opacity, out):  # type: ignore[no-untyped-def]
    """out = frame with the lit mesh of one colour laid over it."""
    height, width = triangle.shape
    keep = 1.0 - opacity
    for y in range(height):
        for x in range(width):
            t = triangle[y, x]
            if t < 0:
                for channel in range(3):
                    out[y, x, channel] = frame[y, x, channel]
                continue
            ia, ib, ic = faces[t, 0], faces[t, 1], faces[t, 2]
            wa, wb, wc = barycentric[y, x, 0], barycentric[y, x, 1], barycentric[y, x, 2]
            lit = wa * diffuse[ia] + wb * diffuse[ib] + wc * diffuse[ic]
            shine = 255.0 * (wa * gloss[ia] + wb * gloss[ib] + wc * gloss[ic])
            for channel in range(3):
                value = min(255.0, lit * colour[channel] + shine)
                out[y, x, channel] = np.uint8(keep * frame[y, x, channel] + opacity * value + 0.5)


@njit(nogil=True, cache=True, error_model="numpy")
def blend_scalar(  # type: ignore[no-untyped-def]
    frame, faces, triangle, barycentric, diffuse, scalar, low, scale, table, missing, shading, opacity, out
):
    """out = frame with a per-vertex value, looked up in a colour table per pixel, laid over it."""
    height, width = triangle.shape
    keep = 1.0 - opacity
    plain = 1.0 - shading
    for y in range(height):
        for x in range(width):
            t = triangle[y, x]
            if t < 0:
                for channel in range(3):
                    out[y, x, channel] = frame[y, x, channel]
                continue
            ia, ib, ic = faces[t, 0], faces[t, 1], faces[t, 2]
            wa, wb, wc = barycentric[y, x, 0], barycentric[y, x, 1], barycentric[y, x, 2]
            lit = plain + shading * (wa * diffuse[ia] + wb * diffuse[ib] + wc * diffuse[ic])
            level = (wa * scalar[ia] + wb * scalar[ib] + wc * scalar[ic] - low) * scale
            known = not math.isnan(level)
            entry = int(min(1.0, max(0.0, level)) * 255.0 + 0.5) if known else 0
            for channel in range(3):
                base = float(table[entry, channel]) if known else missing
                value = min(255.0, lit * base)
                out[y, x, channel] = np.uint8(keep * frame[y, x, channel] + opacity * value + 0.5)


@njit(nogil=True, cache=True, error_model="numpy")
def blend_wireframe(frame, points, faces, triangle, barycentric, colour, opacity, thickness, out):  # type: ignore[no-untyped-def]
    """out = frame with the edges of the visible triangles drawn over it, about ``thickness`` px wide."""
    height, width = triangle.shape
    for y in range(height):
        for x in range(width):
            t = triangle[y, x]
            strength = 0.0
            if t >= 0:
                distance = np.inf
                ia, ib, ic = faces[t, 0], faces[t, 1], faces[t, 2]
                ux, uy = points[ib, 0] - points[ia, 0], points[ib, 1] - points[ia, 1]
                wx, wy = points[ic, 0] - points[ia, 0], points[ic, 1] - points[ia, 1]
                area = abs(ux * wy - uy * wx)
                for corner in range(3):
                    i, j = faces[t, (corner + 1) % 3], faces[t, (corner + 2) % 3]
                    length = math.hypot(points[j, 0] - points[i, 0], points[j, 1] - points[i, 1])
                    distance = min(distance, barycentric[y, x, corner] * area / max(length, 1e-9))
                strength = opacity * min(1.0, max(0.0, 0.5 * thickness + 0.5 - distance))
            for channel in range(3):
                value = (1.0 - strength) * frame[y, x, channel] + strength * colour[channel]
                out[y, x, channel] = np.uint8(value + 0.5)


@njit(nogil=True, cache=True, error_model="numpy")
def see(points, faces, normals, resolution, bias, minimum_facing, visible):  # type: ignore[no-untyped-def]
    """Which vertices of each mesh [B, V, 3] are seen: turned to the viewer and not behind the mesh's own z-buffer."""
    triangle = np.empty((1, 1), np.int32)
    barycentric = np.empty((1, 1, 3), np.float32)
    depth = np.empty((resolution, resolution), np.float32)
    count = points.shape[1]
    scaled = np.empty((count, 3), np.float32)
    for b in range(points.shape[0]):
        mesh = points[b]
        low_x, low_y, high_x, high_y = np.inf, np.inf, -np.inf, -np.inf
        for v in range(count):
            if abs(mesh[v, 0]) < np.inf and abs(mesh[v, 1]) < np.inf and abs(mesh[v, 2]) < np.inf:
                low_x, high_x = min(low_x, mesh[v, 0]), max(high_x, mesh[v, 0])
                low_y, high_y = min(low_y, mesh[v, 1]), max(high_y, mesh[v, 1])
        extent = max(high_x - low_x, high_y - low_y)
        if not (extent > 0.0 and extent < np.inf):
            visible[b, :] = False
            continue
        # Two free pixels around the mesh, so that every vertex has four neighbouring pixel centres.
        scale = (resolution - 4.0) / extent
        for v in range(count):
            scaled[v, 0] = (mesh[v, 0] - low_x) * scale + 2.0
            scaled[v, 1] = (mesh[v, 1] - low_y) * scale + 2.0
            scaled[v, 2] = mesh[v, 2] * scale
        fill(scaled, faces, True, True, triangle, barycentric, depth)
        accumulate_normals(scaled, faces, True, normals)
        allowance = bias * (resolution - 4.0)
        for v in range(count):
            visible[b, v] = False
            px, py, pz = scaled[v, 0], scaled[v, 1], scaled[v, 2]
            if (
                not (abs(px) < np.inf and abs(py) < np.inf and abs(pz) < np.inf)
                or normals[v, 2] <= minimum_facing
            ):
                continue
            x, y = math.floor(px - 0.5), math.floor(py - 0.5)
            # The farthest of the four pixels around it: a vertex hides only behind a surface that covers its whole
            # neighbourhood, so that steep skin does not hide its own vertices.
            nearest = min(depth[y, x], depth[y, x + 1], depth[y + 1, x], depth[y + 1, x + 1])
            visible[b, v] = pz >= nearest - allowance
