"""Exercises of lesson 08, hybrids and fusion."""

import torch

from ..check import Exercise, Mistake


def fill_lost(maps, lost):
    """Maps over time in which each lost frame lies on the straight line between the nearest frames that were seen.

    Before the first frame that was seen, and after the last, its map is held.
    maps (T, H, W), lost bool (T,), at least one frame seen -> (T, H, W)
    """
    seen = (~lost).nonzero()[:, 0]
    filled = maps.clone()
    for t in lost.nonzero()[:, 0]:
        before, after = seen[seen < t], seen[seen > t]
        first = before[-1] if len(before) else after[0]
        last = after[0] if len(after) else first
        share = (t - first) / (last - first) if last > first else 0.0
        filled[t] = maps[first] + share * (maps[last] - maps[first])
    return filled


def _clip_with_gaps(generator):
    """A clip whose gaps are wide in the middle, so that "half way" is wrong, and that begins and ends with one."""
    frames, height, width = int(generator.integers(11, 15)), *generator.integers(3, 6, 2)
    lost = torch.zeros(frames, dtype=torch.bool)
    lost[[0, 1, 3, 4, 6, -1]] = True
    # What a network draws of a black frame is no use, and it is not nothing.
    return torch.tensor(generator.normal(size=(frames, height, width))) + 2, lost


def _held(maps, lost):
    filled = maps.clone()
    for t in range(1, len(maps)):
        if lost[t]:
            filled[t] = filled[t - 1]
    return filled


def _nearest(maps, lost):
    seen = (~lost).nonzero()[:, 0]
    filled = maps.clone()
    for t in lost.nonzero()[:, 0]:
        filled[t] = maps[seen[(seen - t).abs().argmin()]]
    return filled


def _half_way(maps, lost):
    seen = (~lost).nonzero()[:, 0]
    filled = maps.clone()
    for t in lost.nonzero()[:, 0]:
        before, after = seen[seen < t], seen[seen > t]
        first = before[-1] if len(before) else after[0]
        last = after[0] if len(after) else first
        filled[t] = (maps[first] + maps[last]) / 2
    return filled


def _neighbours_seen_or_not(maps, lost):
    filled, last = maps.clone(), len(maps) - 1
    for t in lost.nonzero()[:, 0].tolist():
        filled[t] = (maps[max(t - 1, 0)] + maps[min(t + 1, last)]) / 2
    return filled


def _lost_as_zero(maps, lost):
    return maps.masked_fill(lost[:, None, None], 0.0)


def interaction(chances):
    """By how much the one part changes what the other does to the log-odds: 0 where the two add up.

    chances (2, 2), each between 0 and 1: chances[i, j] with the image of patient i and the table of patient j -> a number
    """
    odds = torch.log(chances / (1 - chances))
    return (odds[1, 1] - odds[0, 1]) - (odds[1, 0] - odds[0, 0])


def _chances(generator):
    return (torch.tensor(generator.uniform(0.05, 0.95, (2, 2))),)


def _log_odds(chances):
    return torch.log(chances / (1 - chances))


def shares_of_two(nothing, image, table, both):
    """What image and table have each added to a result: the mean over the two orders in which they can come.

    All four are results, such as an AUC: of neither part, of either alone, of both -> (image's share, table's share)
    """
    of_image = ((image - nothing) + (both - table)) / 2
    of_table = ((table - nothing) + (both - image)) / 2
    return of_image, of_table


def _results(generator):
    # Both together are worth more than the sum, or less; never just the sum.
    nothing, image, table = generator.uniform(0.45, 0.55), *generator.uniform(0.6, 0.8, 2)
    return float(nothing), float(image), float(table), float(generator.uniform(0.82, 0.99))


def known_or_missing(table, missing):
    """A table whose gaps a network can read: 0 for what is missing, and behind all columns one more for each, 1 where it is missing.

    table (N, columns), missing bool (N, columns); what stands where a value is missing means nothing -> (N, 2 * columns)
    """
    return torch.cat([table.masked_fill(missing, 0.0), missing.to(table.dtype)], dim=1)


def _table_with_gaps(generator):
    rows, columns = (int(number) for number in (generator.integers(6, 10), generator.integers(2, 5)))
    # Not standardised: the mean of a column is not 0, so that filling with it shows.
    table = torch.tensor(generator.normal(size=(rows, columns))) + 3
    missing = torch.tensor(generator.random((rows, columns)) < 0.3)
    missing[0, 0], missing[1, 0] = True, False
    return table.masked_fill(missing, -999.0), missing  # a code that many tables have for "missing"


def _filled_with_column_means(table, missing):
    known = (~missing).to(table.dtype)
    return torch.where(missing, (table * known).sum(dim=0) / known.sum(dim=0).clamp(min=1), table)


EXERCISES = [
    Exercise(
        "fill_lost",
        fill_lost,
        _clip_with_gaps,
        (
            Mistake(
                "the last one held",
                _held,
                "you hold the frame before. A frame that was seen *after* the gap says something, too.",
            ),
            Mistake(
                "the nearest one copied",
                _nearest,
                "you copy the nearest frame that was seen. Asked for is the straight line between the one before and the one after.",
            ),
            Mistake(
                "half way",
                _half_way,
                "you always take the middle of the two. A lost frame that is nearer to one of them is more like that one.",
            ),
            Mistake(
                "neighbours that are lost as well",
                _neighbours_seen_or_not,
                "you average the two neighbours, whether they were seen or not. Which are the nearest frames that *were*?",
            ),
            Mistake(
                "lost frames set to 0",
                _lost_as_zero,
                "you set lost frames to 0. They are to come from the frames around them.",
            ),
            Mistake(
                "seen and lost exchanged",
                lambda maps, lost: fill_lost(maps, ~lost),
                "you fill the frames that were seen, from the lost ones. `lost` is true where there is nothing to see.",
            ),
        ),
    ),
    Exercise(
        "interaction",
        interaction,
        _chances,
        (
            Mistake(
                "of the chances themselves",
                lambda chances: chances[1, 1] - chances[0, 1] - chances[1, 0] + chances[0, 0],
                "you take differences of probabilities. Near 0 and 1 these shrink whatever the parts do; take the log-odds, log(p / (1 - p)).",
            ),
            Mistake(
                "of the logarithms",
                lambda chances: (chances.log()[1, 1] - chances.log()[0, 1]) - (chances.log()[1, 0] - chances.log()[0, 0]),
                "you take the logarithm of p. The log-odds are log(p / (1 - p)): what a logit is.",
            ),
            Mistake(
                "effect of one part",
                lambda chances: _log_odds(chances)[1, 1] - _log_odds(chances)[0, 1],
                "this is what the image does for one of the tables. Does it do the same for the other one?",
            ),
            Mistake(
                "the two effects added",
                lambda chances: (_log_odds(chances)[1, 1] - _log_odds(chances)[0, 1]) + (_log_odds(chances)[1, 0] - _log_odds(chances)[0, 0]),
                "you add the image's effects for the two tables. Whether they *differ* is the question.",
            ),
            Mistake(
                "corner to corner",
                lambda chances: _log_odds(chances)[1, 1] - _log_odds(chances)[0, 0],
                "you compare both parts changed with none changed. What would they have done one at a time?",
            ),
            Mistake(
                "the other way round",
                lambda chances: -interaction(chances),
                "the sign is turned round: the image's effect for table 1, minus its effect for table 0.",
            ),
        ),
    ),
    Exercise(
        "shares_of_two",
        shares_of_two,
        _results,
        (
            Mistake(
                "each alone",
                lambda nothing, image, table, both: (image - nothing, table - nothing),
                "you let each come first. The two shares must add up to what both together add to nothing; these do not.",
            ),
            Mistake(
                "each last",
                lambda nothing, image, table, both: (both - table, both - image),
                "you let each come last, which is what is lost without it. The two shares must add up to what both together add to nothing.",
            ),
            Mistake(
                "table first",
                lambda nothing, image, table, both: (both - table, table - nothing),
                "you let the table come first and the image second. The other order is as good: take the mean of both.",
            ),
            Mistake(
                "image first",
                lambda nothing, image, table, both: (image - nothing, both - image),
                "you let the image come first and the table second. The other order is as good: take the mean of both.",
            ),
            Mistake(
                "half each",
                lambda nothing, image, table, both: ((both - nothing) / 2, (both - nothing) / 2),
                "you give either half of all, whatever it can do alone.",
            ),
            Mistake(
                "chance not taken off",
                lambda nothing, image, table, both: ((image + both - table) / 2, (table + both - image) / 2),
                "what neither part adds, chance, is among your shares. Who comes first adds its result minus that of nothing.",
            ),
            Mistake(
                "table's share first",
                lambda nothing, image, table, both: shares_of_two(nothing, image, table, both)[::-1],
                "the two are in the other order: the image's share first.",
            ),
            Mistake(
                "the sum, not the mean",
                lambda nothing, image, table, both: tuple(2 * share for share in shares_of_two(nothing, image, table, both)),
                "you add the two orders up. Take their mean: the shares must add up to what both together add to nothing.",
            ),
        ),
    ),
    Exercise(
        "known_or_missing",
        known_or_missing,
        _table_with_gaps,
        (
            Mistake(
                "no second column",
                lambda table, missing: table.masked_fill(missing, 0.0),
                "a 0 that was put in looks like a 0 that was measured. Say behind the columns which values are missing.",
            ),
            Mistake(
                "known, not missing",
                lambda table, missing: torch.cat([table.masked_fill(missing, 0.0), (~missing).to(table.dtype)], dim=1),
                "your second half says what is *known*. A network could live with that; asked for is 1 where a value is missing.",
            ),
            Mistake(
                "gaps left in",
                lambda table, missing: torch.cat([table, missing.to(table.dtype)], dim=1),
                "what stands in the gaps is still there. It is a code such as -999, and to a network it is a very low value.",
            ),
            Mistake(
                "filled with the column's mean",
                lambda table, missing: torch.cat([_filled_with_column_means(table, missing), missing.to(table.dtype)], dim=1),
                "you fill with the mean of these rows: then what stands for one patient's gap depends on who else is there. Put 0.",
            ),
            Mistake(
                "each beside its column",
                lambda table, missing: torch.stack([table.masked_fill(missing, 0.0), missing.to(table.dtype)], dim=2).flatten(1),
                "you put each mark beside its own column. Asked for are all columns first, and then all marks.",
            ),
            Mistake(
                "marks first",
                lambda table, missing: torch.cat([missing.to(table.dtype), table.masked_fill(missing, 0.0)], dim=1),
                "the marks come first here. Asked for are the columns, and behind them the marks.",
            ),
        ),
    ),
]
