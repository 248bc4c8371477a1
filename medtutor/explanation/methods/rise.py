"""Which parts of the image the score rises with, when they are left and the rest is covered at random."""

import math

import torch
import torch.nn.functional as F

from ..draws import generator
from .method import MEAN, MOST, SEED, Method, Option, at_once, baseline


def _rise(seen, x, target, layer, options):
    spatial, samples, cells = x.shape[2:], options["samples"], options["cells"]
    base, draws, rows = baseline(x, options["baseline"]), generator(options["seed"]), []
    for image, cover, label in zip(x.split(1), base.split(1), target.split(1)):
        left = torch.rand(samples, 1, *[cells] * len(spatial), generator=draws) < options["share"]
        places = torch.rand(samples, len(spatial), generator=draws)
        portions = [*zip(left.split(at_once(x)), places.split(at_once(x)))]
        scores = []
        with torch.no_grad():
            for part in portions:
                masks = _masks(*part, spatial).to(x)
                scores.append(seen.net(masks * image + (1 - masks) * cover)[:, label].flatten().double().cpu())
        above = torch.cat(scores)
        above -= above.mean()  # so a pixel that does nothing gets nothing, whatever the score is
        found = sum(
            torch.einsum("n,n...->...", some, _masks(*part, spatial).double())
            for some, part in zip(above.split(at_once(x)), portions)
        )
        rows.append((found / (samples * options["share"] * x.shape[1])).to(x).expand(1, *x.shape[1:]))
    return torch.cat(rows)


def _masks(left, places, spatial):
    """Masks (n, 1, *spatial) in 0…1: coarse ones enlarged smoothly, and cut out at random places.

    left    bool (n, 1, cells, …): which cells are left
    places  (n, dims) in 0…1: where they are cut out, within one cell
    """
    cells = left.shape[2:]
    sides = [math.ceil(side / count) for side, count in zip(spatial, cells)]  # of a cell, in pixels
    large = F.interpolate(
        left.float(),
        tuple((count + 1) * side for count, side in zip(cells, sides)),
        mode="bilinear" if len(spatial) == 2 else "trilinear",
    )
    starts = (places * torch.tensor(sides)).long().tolist()
    return torch.stack(
        [
            mask[(slice(None), *(slice(at, at + side) for at, side in zip(start, spatial)))]
            for mask, start in zip(large, starts)
        ]
    )


RISE = Method(
    "RISE",
    "How far the score lies above its mean where a pixel is left, over images covered at random but for smooth spots.",
    "Petsiuk et al., BMVC 2018, arXiv:1806.07421",
    _rise,
    signed=True,
    live=False,
    needs_gradient=False,
    options=(
        Option("samples", 500, "random masks", 10, 2000, 10, most=MOST),
        Option("cells", 7, "of a coarse mask along each side", 2, 14, 1, most=16),
        Option("share", 0.5, "of the cells that are left", 0.1, 0.9, 0.05, most=0.9),
        MEAN,
        SEED,
    ),
)
