"""The compiled pixel loop: skin, hair, eyes, teeth and cloth under three lights."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from .surface import BEARD, BROW, CHANNEL, HAIR, LIDS, MOUTH, SEGMENTS

SKIN, EYE, PAINTED = 0, 1, 2
"""Kinds of triangles. A painted one takes its colour from its vertices."""

_LIPS, _SEAM, _CAVITY = CHANNEL["lips"], CHANNEL["mouth_line"], CHANNEL["cavity"]
_ACROSS, _ALONG = CHANNEL["brow_across"], CHANNEL["brow_along"]
_GAP, _UPPER, _HAIR = CHANNEL["lid_gap"], CHANNEL["upper_lid"], CHANNEL["hair"]
_OPEN, _BEARD, _BLUSH = CHANNEL["open"], CHANNEL["beard"], CHANNEL["blush"]
_COUNT = len(CHANNEL)
_GROUPS = np.array([0] * 5 + [LIDS] * 2 + [MOUTH] * 3 + [BROW] * 2 + [BEARD, HAIR], np.uint8)
_OPTIONS = {
    "nogil": True,
    "cache": True,
    "error_model": "numpy",
    "fastmath": {"contract", "reassoc", "arcp", "nsz"},
}

# Order of the scalars handed to the loop.
SCALARS = (
    "brow_density", "brow_width", "beard", "freckles", "blush", "blotches", "gloss", "lid_shade", "lash", "pupil",
    "bald", "hairline", "exposure",
)  # fmt: skip
# Order of the colours, linear.
COLOURS = ("skin", "hair", "brow", "iris", "lips", "ambient")


@njit(inline="always", **_OPTIONS)
def _step(low, high, value):  # type: ignore[no-untyped-def]
    t = min(1.0, max(0.0, (value - low) / (high - low)))
    return t * t * (3.0 - 2.0 * t)


@njit(**_OPTIONS)
def _noise(volume, x, y, z):  # type: ignore[no-untyped-def]
    """Value noise, mean 0, about -1..1, one lattice cell a unit; the volume repeats."""
    size = volume.shape[0]
    fx, fy, fz = math.floor(x), math.floor(y), math.floor(z)
    ix, iy, iz = int(fx) & (size - 1), int(fy) & (size - 1), int(fz) & (size - 1)
    jx, jy, jz = (ix + 1) & (size - 1), (iy + 1) & (size - 1), (iz + 1) & (size - 1)
    tx, ty, tz = x - fx, y - fy, z - fz
    a = volume[ix, iy, iz] * (1 - tx) + volume[jx, iy, iz] * tx
    b = volume[ix, jy, iz] * (1 - tx) + volume[jx, jy, iz] * tx
    c = volume[ix, iy, jz] * (1 - tx) + volume[jx, iy, jz] * tx
    d = volume[ix, jy, jz] * (1 - tx) + volume[jx, jy, jz] * tx
    return (a * (1 - ty) + b * ty) * (1 - tz) + (c * (1 - ty) + d * ty) * tz


@njit(**_OPTIONS)
def smooth(values, faces, out, count):  # type: ignore[no-untyped-def]
    """Mean of a vertex's value and its neighbours'."""
    for v in range(values.shape[0]):
        out[v] = values[v]
        count[v] = 1.0
    for t in range(faces.shape[0]):
        for corner in range(3):
            i, j = faces[t, corner], faces[t, (corner + 1) % 3]
            out[i] += values[j]
            count[i] += 1.0
    for v in range(values.shape[0]):
        out[v] /= count[v]


@njit(**_OPTIONS)
def compose(  # type: ignore[no-untyped-def]
    triangle, barycentric, depth, samples, detailed, faces, base, kind, view, normals, shadow, paint, lattice, features,
    eyes, volume, scalars, colours, lights, light_colours, background, encode, out,
):  # fmt: skip
    """Colour every pixel of ``out`` from ``samples`` x ``samples`` samples.

    ``detailed`` [T] marks triangles whose pattern is finer than a pixel. ``eyes`` [2, 8]: rest centre, posed centre,
    radius, iris' half angle. ``features`` [T]: bits of surface.features.
    """
    brow_density, brow_width, beard, freckles = scalars[0], scalars[1], scalars[2], scalars[3]
    blush, blotches, gloss, lid_shade, lash = scalars[4], scalars[5], scalars[6], scalars[7], scalars[8]
    pupil, bald, hairline, exposure = scalars[9], scalars[10], scalars[11], scalars[12]
    levels = encode.shape[0] - 1
    height, width = out.shape[0], out.shape[1]
    groups = _GROUPS
    field = np.zeros(_COUNT, np.float32)
    albedo = np.empty(3, np.float32)
    colour = np.empty(3, np.float32)
    total = np.empty(3, np.float32)
    half_way = samples // 2
    halves = np.empty((lights.shape[0], 3), np.float32)
    for k in range(lights.shape[0]):
        hx, hy, hz = lights[k, 0], lights[k, 1], lights[k, 2] + 1.0
        length = math.sqrt(hx * hx + hy * hy + hz * hz) + 1e-6
        halves[k, 0], halves[k, 1], halves[k, 2] = hx / length, hy / length, hz / length
    for y in range(height):
        for x in range(width):
            plain, whole = True, True
            near, far = -np.inf, np.inf
            covered = 0
            for j in range(samples):
                for i in range(samples):
                    t = triangle[y * samples + j, x * samples + i]
                    if t < 0:
                        whole = False
                        continue
                    covered += 1
                    if detailed[t]:
                        plain = False
                    z = depth[y * samples + j, x * samples + i]
                    near, far = max(near, z), min(far, z)
            if covered == 0:
                for ch in range(3):
                    out[y, x, ch] = background[y, x, ch]
                continue
            if near - far > 3.0 * samples:
                whole = False
            for ch in range(3):
                total[ch] = 0.0
            # One sample of plain surface, the diagonal's of patterned surface, all where surfaces meet.
            count = samples * samples if not whole else 1 if plain else samples
            for sample in range(count):
                if not whole:
                    j, i = y * samples + sample // samples, x * samples + sample % samples
                elif plain:
                    j, i = y * samples + half_way, x * samples + half_way
                else:
                    j, i = y * samples + sample, x * samples + sample
                t = triangle[j, i]
                if t < 0:
                    for ch in range(3):
                        total[ch] += background[y, x, ch]
                    continue
                ia, ib, ic = faces[t, 0], faces[t, 1], faces[t, 2]
                wa, wb, wc = barycentric[j, i, 0], barycentric[j, i, 1], barycentric[j, i, 2]
                nx = wa * normals[ia, 0] + wb * normals[ib, 0] + wc * normals[ic, 0]
                ny = wa * normals[ia, 1] + wb * normals[ib, 1] + wc * normals[ic, 1]
                nz = wa * normals[ia, 2] + wb * normals[ib, 2] + wc * normals[ic, 2]
                length = math.sqrt(nx * nx + ny * ny + nz * nz) + 1e-9
                nx, ny, nz = nx / length, ny / length, nz / length
                lit = wa * shadow[ia] + wb * shadow[ib] + wc * shadow[ic]
                occlusion = 1.0
                shine, power, strand = 0.0, 40.0, 0.0
                wrap = 0.0
                which = kind[t]

                if which == PAINTED:
                    for ch in range(3):
                        albedo[ch] = wa * paint[ia, ch] + wb * paint[ib, ch] + wc * paint[ic, ch]
                    shine = wa * paint[ia, 3] + wb * paint[ib, 3] + wc * paint[ic, 3]
                    power = 150.0
                else:
                    row = base[t]
                    u, v = max(0.0, wb) * SEGMENTS, max(0.0, wc) * SEGMENTS
                    m, n = min(SEGMENTS - 1, int(u)), min(SEGMENTS - 1, int(v))
                    if m + n > SEGMENTS - 1:
                        n = SEGMENTS - 1 - m
                    u, v = u - m, v - n
                    p00 = m * (2 * SEGMENTS + 3 - m) // 2 + n
                    p10 = (m + 1) * (2 * SEGMENTS + 2 - m) // 2 + n
                    if u + v <= 1.0 or m + n >= SEGMENTS - 1:
                        k0, k1, k2, g1, g2 = p00, p10, p00 + 1, u, v
                    else:
                        k0, k1, k2, g1, g2 = p10 + 1, p00 + 1, p10, 1.0 - u, 1.0 - v
                    g0 = 1.0 - g1 - g2
                    shows = features[row]
                    for k in range(_COUNT):
                        if k < _GAP or shows & groups[k]:
                            field[k] = (
                                g0 * lattice[row, k0, k] + g1 * lattice[row, k1, k] + g2 * lattice[row, k2, k]
                            )
                    mx, my, mz = field[0] * 1000.0, field[1] * 1000.0, field[2] * 1000.0

                if which == EYE:
                    side = 0 if field[0] > 0 else 1
                    rx, ry, rz = field[0] - eyes[side, 0], field[1] - eyes[side, 1], field[2] - eyes[side, 2]
                    length = math.sqrt(rx * rx + ry * ry + rz * rz) + 1e-9
                    rx, ry, rz = rx / length, ry / length, rz / length
                    off = math.acos(min(1.0, max(-1.0, rz))) / eyes[side, 7]
                    qx = wa * view[ia, 0] + wb * view[ib, 0] + wc * view[ic, 0] - eyes[side, 3]
                    qy = wa * view[ia, 1] + wb * view[ib, 1] + wc * view[ic, 1] - eyes[side, 4]
                    qz = wa * view[ia, 2] + wb * view[ib, 2] + wc * view[ic, 2] - eyes[side, 5]
                    length = math.sqrt(qx * qx + qy * qy + qz * qz) + 1e-9
                    nx, ny, nz = qx / length, qy / length, qz / length
                    turn = math.atan2(ry, rx)
                    fibre = _noise(volume, 9.0 * turn, 3.0 * off + 7.0 * side, 3.3)
                    inside = 1.0 - _step(0.93, 1.03, off)
                    red = _step(0.25, 0.75, abs(rx))
                    for ch in range(3):
                        white = (0.66, 0.62, 0.60)[ch] * (1.0 - red * (0.10, 0.28, 0.28)[ch])
                        iris = colours[3, ch] * (0.8 + 0.45 * fibre) * (1.25 - 0.5 * _step(pupil, 1.0, off))
                        iris *= 1.0 - 0.75 * _step(0.78, 1.0, off)
                        iris *= _step(pupil - 0.05, pupil + 0.05, off)
                        albedo[ch] = white * (1 - inside) + iris * inside
                    # The lids and lashes shade the ball from above.
                    occlusion = 0.92 - 0.55 * _step(0.06, 0.42, ry) - 0.25 * _step(0.3, 0.7, abs(rx))
                    shine, power = 0.7, 700.0
                elif which == SKIN:
                    large = _noise(volume, mx / 31.0, my / 31.0, mz / 31.0)
                    middle = _noise(volume, mx / 7.0 + 5.0, my / 7.0, mz / 7.0)
                    fine = _noise(volume, mx / 1.1, my / 1.1 + 9.0, mz / 1.1)
                    tint = 1.0 + blotches * (0.05 * large + 0.035 * middle) + 0.03 * fine
                    flush = blush * (field[_BLUSH] * (1.0 + 0.5 * middle)) + 0.12 * blotches * max(
                        0.0, middle
                    )
                    flush = min(1.0, max(0.0, flush))
                    for ch in range(3):
                        albedo[ch] = colours[0, ch] * tint * (1.0 - flush * (0.03, 0.24, 0.22)[ch])
                    if freckles > 0.02:
                        spot = _noise(volume, mx / 2.3, my / 2.3, mz / 2.3 + 3.0)
                        amount = freckles * 0.55 * field[_BLUSH] * _step(0.42, 0.62, spot)
                        for ch in range(3):
                            albedo[ch] *= 1.0 - amount * (0.35, 0.5, 0.6)[ch]
                    shine = gloss * (0.10 + 0.04 * fine)
                    wrap = 0.25
                    occlusion = 0.18 + 0.82 * min(1.0, field[_OPEN] * 1.18)
                    lids = shows & LIDS and field[_GAP] < 0.012
                    if lids and field[_OPEN] < 0.05:
                        # The lids' hidden folds: plain skin, should one ever show.
                        occlusion = 0.8

                    gap = field[_GAP] * 1000.0
                    above = field[_UPPER] * 1000.0
                    if lids and field[_OPEN] > 0.05:
                        if above > 0.0:
                            shade = lid_shade * (1.0 - _step(2.0, 9.0, gap)) * 0.5
                            for ch in range(3):
                                albedo[ch] *= 1.0 - shade * (0.55, 0.7, 0.7)[ch]
                        rim = 1.0 - _step(0.9, 2.1, gap)
                        if above > 0.0:
                            line = lash * (1.0 - _step(1.5, 2.6, gap))
                        else:
                            line = 0.45 * lash * (1.0 - _step(1.3, 2.1, gap))
                        for ch in range(3):
                            wet = (0.42, 0.22, 0.20)[ch] * (0.5 + colours[0, ch])
                            albedo[ch] = albedo[ch] * (1 - 0.5 * rim) + wet * 0.5 * rim
                            albedo[ch] *= 1.0 - line * 0.9
                        shine = max(shine, 0.25 * rim)

                    edge = field[_LIPS] * 1000.0
                    mouth = _step(-0.9, 0.9, edge + 0.35 * middle) if shows & MOUTH else 0.0
                    if mouth > 0.0:
                        crease = _noise(volume, mx / 0.8, my / 4.0, mz / 4.0)
                        seam = field[_SEAM] * 1000.0
                        dark = 0.25 * (1.0 - _step(0.4, 3.0, abs(seam))) + (0.12 if seam > 0.0 else 0.0)
                        for ch in range(3):
                            lip = colours[4, ch] * (1.0 + 0.10 * crease + 0.06 * middle) * (1.0 - dark)
                            albedo[ch] = albedo[ch] * (1 - mouth) + lip * mouth
                        shine = max(shine, mouth * gloss * (0.34 + 0.12 * crease))
                        power = 40.0 + 80.0 * mouth
                    cave = field[_CAVITY] if shows & MOUTH else 0.0
                    if cave > 0.0:
                        for ch in range(3):
                            flesh = (0.20, 0.035, 0.04)[ch]
                            albedo[ch] = albedo[ch] * (1 - cave) + flesh * cave
                        occlusion = occlusion * (1 - cave) + 0.22 * cave
                        shine *= 1.0 - 0.6 * cave

                    if beard > 0.02 and shows & BEARD and field[_BEARD] > 0.01 and mouth < 0.9:
                        whisker = _noise(volume, mx / 0.9, my / 1.9, mz / 0.9)
                        amount = beard * field[_BEARD] * (1 - mouth) * (0.62 + 0.6 * whisker + 0.25 * middle)
                        amount = min(0.92, max(0.0, amount))
                        for ch in range(3):
                            albedo[ch] = albedo[ch] * (1 - amount) + colours[1, ch] * 1.15 * amount
                        shine *= 1.0 - 0.7 * amount

                    across, along = field[_ACROSS] / brow_width, field[_ALONG]
                    if shows & BROW and abs(across) < 2.4:
                        lean = along * 46.0 - 2.2 * across * (1.1 - along)
                        hairs = _noise(
                            volume, lean / 0.7, across * 1.1 + 3.0, 11.0 + (2.0 if mx > 0 else 0.0)
                        )
                        body = 1.0 - _step(0.35, 1.25, abs(across) + 0.25 * middle)
                        ends = _step(-0.06, 0.12, along) * (1.0 - _step(0.86, 1.06, along))
                        amount = brow_density * body * ends
                        amount = min(0.95, max(0.0, amount * (1.0 + 0.5 * hairs)))
                        for ch in range(3):
                            albedo[ch] = albedo[ch] * (1 - amount) + colours[2, ch] * amount
                        shine *= 1.0 - 0.6 * amount

                    grown = field[_HAIR] * 1000.0 - hairline * 1000.0
                    if bald < 0.5 and shows & HAIR and grown > -9.0:
                        # Strands run from the crown outwards: fine round the head, long down it.
                        around = math.atan2(mx, mz + 20.0)
                        down = math.acos(min(1.0, max(-1.0, (my - 20.0) / 118.0)))
                        sweep = around * 26.0 + 0.25 * middle + 0.8 * large
                        strand = _noise(volume, sweep * 2.3, down * 7.0, 1.0)
                        strand += 0.6 * _noise(volume, sweep * 5.1, down * 11.0, 6.0)
                        cover = _step(-1.5, 6.0, grown + 3.2 * strand + 1.5 * middle)
                        cover = max(cover, 0.45 * _step(-4.0, 4.0, grown))
                        for ch in range(3):
                            tone = colours[1, ch] * max(0.12, 0.85 + 0.42 * strand + 0.15 * large)
                            albedo[ch] = albedo[ch] * (1 - cover) + tone * cover
                        shine = shine * (1 - cover) + 0.16 * cover * max(0.0, 0.6 + 0.5 * strand)
                        power = power * (1 - cover) + 25.0 * cover
                        wrap *= 1.0 - 0.5 * cover
                        occlusion *= 1.0 - 0.25 * cover * _step(0.0, 1.0, -strand)

                sky = 0.65 + 0.35 * ny
                for ch in range(3):
                    colour[ch] = colours[5, ch] * albedo[ch] * sky * occlusion
                for k in range(lights.shape[0]):
                    dot = nx * lights[k, 0] + ny * lights[k, 1] + nz * lights[k, 2]
                    seen = lit if k == 0 else 1.0
                    seen *= 0.35 + 0.65 * occlusion
                    half = max(0.0, nx * halves[k, 0] + ny * halves[k, 1] + nz * halves[k, 2])
                    # Schlick's rational stand-in for half ** power.
                    spark = shine * half / (power - power * half + half) if dot > 0.0 else 0.0
                    for ch in range(3):
                        # Light wanders farther through skin the redder it is.
                        soft = wrap * (1.0, 0.45, 0.3)[ch]
                        diffuse = max(0.0, (dot + soft) / (1.0 + soft))
                        colour[ch] += light_colours[k, ch] * seen * (albedo[ch] * diffuse + spark)
                for ch in range(3):
                    value = colour[ch] * exposure
                    value = value / (1.0 + 0.18 * value)
                    total[ch] += encode[int(min(1.0, max(0.0, value)) * levels)]
            for ch in range(3):
                out[y, x, ch] = np.uint8(total[ch] / count + 0.5)
