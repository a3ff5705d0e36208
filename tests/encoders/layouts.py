"""Names and shapes of the public checkpoints, written down from their networks' descriptions and not from our code."""

from __future__ import annotations

import re

import torch

Shapes = dict[str, tuple[int, ...]]
POOL = 99_991
"""Numbers by chance that are used again and again; a prime, so that no two rows of a weight are the same."""

# timm's notation: block type, repeats, kernel, stride, expansion, channels
SMALL = (
    "ds_r1_s2_e1_c16 ir_r1_s2_e4.5_c24,ir_r1_s1_e3.67_c24 ir_r1_s2_e4_c40,ir_r2_s1_e6_c40 "
    "ir_r2_s1_e3_c48 ir_r3_s2_e6_c96 cn_c576"
)
LARGE = (
    "ds_r1_s1_e1_c16 ir_r1_s2_e4_c24,ir_r1_s1_e3_c24 ir_r3_s2_e3_c40 ir_r1_s2_e6_c80,ir_r1_s1_e2.5_c80,"
    "ir_r2_s1_e2.3_c80 ir_r2_s1_e6_c112 ir_r3_s2_e6_c160 cn_c960"
)


def batch_norm(name: str, channels: int) -> Shapes:
    parts = ("weight", "bias", "running_mean", "running_var")
    return {f"{name}.{part}": (channels,) for part in parts} | {f"{name}.num_batches_tracked": ()}


def minimal_v3(description: str) -> Shapes:
    """timm's tf_mobilenetv3_*_minimal_100 with features_only."""
    shapes: Shapes = {"conv_stem.weight": (16, 3, 3, 3), **batch_norm("bn1", 16)}
    channels = 16
    for stage, blocks in enumerate(description.split()):
        number = 0
        for block in blocks.split(","):
            kind, outputs = block[:2], int(re.search(r"_c(\d+)", block)[1])
            repeats = int(re.search(r"_r(\d)", block)[1]) if "_r" in block else 1
            expansion = float(re.search(r"_e([\d.]+)", block)[1]) if "_e" in block else 0
            for _ in range(repeats):
                at = f"blocks.{stage}.{number}"
                if kind == "cn":
                    shapes |= {
                        f"{at}.conv.weight": (outputs, channels, 1, 1),
                        **batch_norm(f"{at}.bn1", outputs),
                    }
                elif kind == "ds":
                    shapes |= {
                        f"{at}.conv_dw.weight": (channels, 1, 3, 3),
                        **batch_norm(f"{at}.bn1", channels),
                    }
                    shapes |= {
                        f"{at}.conv_pw.weight": (outputs, channels, 1, 1),
                        **batch_norm(f"{at}.bn2", outputs),
                    }
                else:
                    hidden = int(channels * expansion + 4) // 8 * 8
                    shapes |= {
                        f"{at}.conv_pw.weight": (hidden, channels, 1, 1),
                        **batch_norm(f"{at}.bn1", hidden),
                    }
                    shapes |= {f"{at}.conv_dw.weight": (hidden, 1, 3, 3), **batch_norm(f"{at}.bn2", hidden)}
                    shapes |= {
                        f"{at}.conv_pwl.weight": (outputs, hidden, 1, 1),
                        **batch_norm(f"{at}.bn3", outputs),
                    }
                channels, number = outputs, number + 1
    return shapes


def below(prefix: str, shapes: Shapes) -> Shapes:
    return {f"{prefix}.{name}": shape for name, shape in shapes.items()}


def linear(name: str, inputs: int, outputs: int) -> Shapes:
    return {f"{name}.weight": (outputs, inputs), f"{name}.bias": (outputs,)}


def smirk() -> Shapes:
    """SMIRK_em1.pt, of its generator one weight."""
    return below(
        "smirk_encoder",
        below("pose_encoder.encoder", minimal_v3(SMALL))
        | linear("pose_encoder.pose_cam_layers.0", 576, 6)
        | below("shape_encoder.encoder", minimal_v3(LARGE))
        | linear("shape_encoder.shape_layers.0", 960, 300)
        | below("expression_encoder.encoder", minimal_v3(LARGE))
        | linear("expression_encoder.expression_layers.0", 960, 55),
    ) | {"smirk_generator.encoder1.enc1conv1.weight": (32, 6, 3, 3)}


def mobilenet_v2() -> Shapes:
    """torchvision's mobilenet_v2 with its classifier."""
    shapes: Shapes = {"features.0.0.weight": (32, 3, 3, 3), **batch_norm("features.0.1", 32)}
    channels, layer = 32, 1
    for t, c, n in ((1, 16, 1), (6, 24, 2), (6, 32, 3), (6, 64, 4), (6, 96, 3), (6, 160, 3), (6, 320, 1)):
        for _ in range(n):
            at, hidden, k = f"features.{layer}.conv", channels * t, 0
            if t != 1:
                shapes |= {f"{at}.0.0.weight": (hidden, channels, 1, 1), **batch_norm(f"{at}.0.1", hidden)}
                k = 1
            shapes |= {f"{at}.{k}.0.weight": (hidden, 1, 3, 3), **batch_norm(f"{at}.{k}.1", hidden)}
            shapes |= {f"{at}.{k + 1}.weight": (c, hidden, 1, 1), **batch_norm(f"{at}.{k + 2}", c)}
            channels, layer = c, layer + 1
    shapes |= {f"features.{layer}.0.weight": (1280, 320, 1, 1), **batch_norm(f"features.{layer}.1", 1280)}
    return shapes | linear("classifier.1", 1280, 1000)


def spectre_expression() -> Shapes:
    return (
        below("encoder", mobilenet_v2())
        | {"temporal.0.weight": (256, 1280, 5), "temporal.0.bias": (256,)}
        | batch_norm("temporal.1", 256)
        | linear("layers.0", 256, 53)
    )


def mica() -> dict[str, Shapes]:
    """mica.tar; of FLAME's buffers the mean face."""
    arcface: Shapes = {"conv1.weight": (64, 3, 3, 3), **batch_norm("bn1", 64), "prelu.weight": (64,)}
    inputs = 64
    for layer, (count, outputs) in enumerate(((3, 64), (13, 128), (30, 256), (3, 512)), 1):
        for block in range(count):
            at = f"layer{layer}.{block}"
            arcface |= {**batch_norm(f"{at}.bn1", inputs), f"{at}.conv1.weight": (outputs, inputs, 3, 3)}
            arcface |= {**batch_norm(f"{at}.bn2", outputs), f"{at}.prelu.weight": (outputs,)}
            arcface |= {f"{at}.conv2.weight": (outputs, outputs, 3, 3), **batch_norm(f"{at}.bn3", outputs)}
            if block == 0:
                arcface |= {f"{at}.downsample.0.weight": (outputs, inputs, 1, 1)}
                arcface |= batch_norm(f"{at}.downsample.1", outputs)
            inputs = outputs
    arcface |= batch_norm("bn2", 512) | linear("fc", 512 * 49, 512) | batch_norm("features", 512)
    mapping = linear("regressor.network.0", 512, 300) | linear("regressor.output", 300, 300)
    for layer in (1, 2, 3):
        mapping |= linear(f"regressor.network.{layer}", 300, 300)
    return {"arcface": arcface, "flameModel": mapping | {"generator.v_template": (5023, 3)}}


def weights(shapes: Shapes, *, dtype: torch.dtype = torch.float32) -> dict[str, torch.Tensor]:
    """Made fast: variances and scales 1 (of a residual branch less), the rest as large as keeps the signal's size."""
    made, pool = {}, torch.randn(POOL, generator=torch.Generator().manual_seed(0))
    for name, shape in shapes.items():
        count = int(torch.tensor(shape).prod()) if shape else 1
        if name.endswith("num_batches_tracked"):
            made[name] = torch.tensor(7)
        elif name.endswith(("running_var", "prelu.weight")) or (name.endswith("weight") and len(shape) == 1):
            made[name] = torch.full(shape, 0.2 if name.endswith("bn3.weight") else 1.0, dtype=dtype)
        else:
            fan = max(1, count // shape[0]) if len(shape) > 1 else 1e4
            values = pool.repeat(count // POOL + 1)[:count] * (2 / fan) ** 0.5
            made[name] = values.reshape(shape).to(dtype)
    return made
