"""Right answers of lesson 08."""

from itertools import permutations
from math import log

import numpy as np
import torch
from scipy.interpolate import interp1d
from scipy.special import logit

from . import right


@right("fill_lost")
def pixel_by_pixel(maps, lost):
    time, seen, filled = np.arange(len(maps)), np.flatnonzero(~lost.numpy()), maps.numpy().copy()
    for i in range(maps.shape[1]):
        for j in range(maps.shape[2]):
            filled[:, i, j] = np.interp(time, seen, filled[seen, i, j])
    return filled


@right("fill_lost")
def by_scipy(maps, lost):
    seen = torch.where(~lost)[0].numpy()
    known = maps[seen].numpy()
    line = interp1d(seen, known, axis=0, bounds_error=False, fill_value=(known[0], known[-1]))
    return line(np.arange(len(maps)))


@right("fill_lost")
def by_searchsorted(maps, lost):
    seen, time = (~lost).nonzero().flatten(), torch.arange(len(maps))
    after = seen[torch.searchsorted(seen, time).clamp(max=len(seen) - 1)]
    before = seen[(torch.searchsorted(seen, time, right=True) - 1).clamp(min=0)]
    share = ((time - before) / (after - before).clamp(min=1)).clamp(0, 1)[:, None, None]
    return torch.lerp(maps[before], maps[after], share)


@right("fill_lost")
def by_walking(maps, lost):
    frames = list(maps)
    for t in range(len(frames)):
        if lost[t]:
            a, b = t, t
            while a >= 0 and lost[a]:
                a -= 1
            while b < len(frames) and lost[b]:
                b += 1
            if a < 0 or b == len(frames):
                frames[t] = maps[b] if a < 0 else maps[a]
            else:
                frames[t] = ((b - t) * maps[a] + (t - a) * maps[b]) / (b - a)
    return frames


@right("interaction")
def by_torch(chances):
    return torch.logit(chances).diff(dim=0).diff(dim=1)[0, 0]


@right("interaction")
def by_logits_of_scipy(chances):
    L = logit(chances.numpy())
    return L[0, 0] + L[1, 1] - L[0, 1] - L[1, 0]


@right("interaction")
def by_the_ratio_of_the_odds(chances):
    (a, b), (c, d) = chances.tolist()
    return log(d / (1 - d) * a / (1 - a) / (b / (1 - b) * c / (1 - c)))


@right("interaction")
def by_contrasts(chances):
    contrast = torch.tensor([-1.0, 1.0])
    return contrast @ (chances.log() - torch.log1p(-chances)) @ contrast


@right("shares_of_two")
def by_all_orders(nothing, image, table, both):
    value = {(): nothing, ("image",): image, ("table",): table, ("image", "table"): both}
    shares = {"image": 0.0, "table": 0.0}
    for order in permutations(shares):
        for place, part in enumerate(order):
            with_it, before = tuple(sorted(order[: place + 1])), tuple(sorted(order[:place]))
            shares[part] += (value[with_it] - value[before]) / 2
    return shares["image"], shares["table"]


@right("shares_of_two")
def by_dividing_what_is_left(nothing, image, table, both):
    surplus = both - image - table + nothing
    return np.array([image, table]) - nothing + surplus / 2


@right("shares_of_two")
def by_the_difference(nothing, image, table, both):
    return torch.tensor([both - nothing + image - table, both - nothing + table - image]) / 2


@right("known_or_missing")
def by_numpy(table, missing):
    return np.hstack([np.where(missing, 0, table), missing])


@right("known_or_missing")
def in_place_on_a_copy(table, missing):
    known = table.clone()
    known[missing] = 0
    return torch.hstack([known, missing.float()])


@right("known_or_missing")
def row_by_row(table, missing):
    rows = []
    for values, gaps in zip(table.tolist(), missing.tolist()):
        rows.append([0.0 if gap else value for value, gap in zip(values, gaps)] + [int(gap) for gap in gaps])
    return rows


@right("known_or_missing")
def by_not_a_number(table, missing):
    table = torch.where(missing, torch.nan, table)
    return torch.cat((torch.nan_to_num(table), torch.isnan(table)), dim=1)
