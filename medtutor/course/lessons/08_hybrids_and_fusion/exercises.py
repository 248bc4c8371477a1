"""Exercises of lesson 08, hybrids and fusion."""

import torch

from ...check import Exercise, Mistake


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
    """A clip whose gaps are wide in the middle, so that "half way" is wrong, and that begins with one, or ends with
    one, or both.
    """
    before, after = generator.permutation([generator.integers(0, 2) * 2, generator.integers(1, 4)])
    gaps, seen = generator.permutation([1, 2, 3]), generator.integers(1, 3, 2)
    # The first frame that was seen, and the last, stand alone: also as the clip's own first or last.
    runs = [before, 1, gaps[0], seen[0], gaps[1], seen[1], gaps[2], 1, after]
    lost = torch.tensor([number % 2 == 0 for number in range(9)]).repeat_interleave(torch.tensor(runs))
    height, width = generator.integers(3, 6, 2)
    # What a network draws of a black frame is no use, and it is not nothing.
    return torch.tensor(generator.normal(size=(len(lost), height, width))) + 2, lost


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


def _mean_of_the_seen(maps, lost):
    return torch.where(lost[:, None, None], maps[~lost].mean(0), maps)


def _next_copied(maps, lost):
    return _held(maps.flip(0), lost.flip(0)).flip(0)


def _between(maps, lost, share_of, ends):
    """The reference with another share of the frame after the gap, and with other ends."""
    seen = (~lost).nonzero()[:, 0].tolist()
    filled = maps.clone()
    for t in lost.nonzero()[:, 0].tolist():
        before, after = [s for s in seen if s < t], [s for s in seen if s > t]
        if before and after:
            filled[t] = maps[before[-1]] + share_of(t, before[-1], after[0]) * (maps[after[0]] - maps[before[-1]])
        else:
            filled[t] = ends(maps, seen, t)
    return filled


def _share(t, first, last):
    return (t - first) / (last - first)


def _nearest_end(maps, seen, t):
    return maps[seen[0] if t < seen[0] else seen[-1]]


def _line_goes_on(maps, seen, t):
    first, last = seen[:2] if t < seen[0] else seen[-2:]
    return maps[first] + _share(t, first, last) * (maps[last] - maps[first])


def interaction(chances):
    """By how much the one part changes what the other does to the log-odds: 0 where the two add up.

    chances (2, 2), each between 0 and 1: chances[i, j] with the image of patient i and the table of patient j -> a
    number
    """
    odds = torch.log(chances / (1 - chances))
    return (odds[1, 1] - odds[0, 1]) - (odds[1, 0] - odds[0, 0])


def _chances(generator):
    while True:
        chances = torch.tensor(generator.uniform(0.05, 0.95, (2, 2)))
        # Not near 0, where single precision says little.
        if interaction(chances).abs() > 0.3:
            return (chances,)


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
    """A table whose gaps a network can read: 0 for what is missing, and behind all columns one more for each, 1 where
    it is missing.

    table (N, columns), missing bool (N, columns); what stands where a value is missing means nothing -> (N, 2 *
    columns)
    """
    return torch.cat([table.masked_fill(missing, 0.0), missing.to(table.dtype)], dim=1)


def _table_with_gaps(generator):
    rows, columns = (int(number) for number in (generator.integers(6, 10), generator.integers(2, 5)))
    # Not standardised: the mean of a column is not 0, so that filling with it shows.
    table = torch.tensor(generator.normal(size=(rows, columns))) + 3
    missing = torch.tensor(generator.random((rows, columns)) < 0.3)
    # Each kind of gap occurs, and what looks like one has been measured.
    missing[:4, 0], missing[4, 0], table[4, 0] = True, False, 0.0
    known = table.masked_fill(missing, torch.nan)
    # A code that many tables have for "missing", nothing, 0, and what somebody has put in.
    kinds = torch.tensor([[-999.0, torch.nan, 0.0]]).double().repeat(columns, 1)
    kinds = torch.cat([kinds, known.nanmean(dim=0).nan_to_num()[:, None]], dim=1)  # (columns, 4)
    which = torch.tensor(generator.integers(0, 4, (rows, columns)))
    which[:4, 0] = torch.arange(4)
    return torch.where(missing, kinds.gather(1, which.T).T, table), missing


def _filled_with_column_means(table, missing):
    return torch.where(missing, table.masked_fill(missing, torch.nan).nanmean(dim=0).nan_to_num(), table)


def _marked(values, missing):
    return torch.cat([values, missing.to(values.dtype)], dim=1)


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
                "you copy the nearest frame that was seen. Asked for is the straight line between the one before and"
                " the one after.",
            ),
            Mistake(
                "half way",
                _half_way,
                "you always take the middle of the two. A lost frame that is nearer to one of them is more like that"
                " one.",
            ),
            Mistake(
                "neighbours that are lost as well",
                _neighbours_seen_or_not,
                "you average the two neighbours, whether they were seen or not. Which are the nearest frames that"
                " *were*?",
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
            Mistake(
                "the line goes on",
                lambda maps, lost: _between(maps, lost, _share, _line_goes_on),
                "at the ends you let the line run on beyond the frames that were seen. There, hold the nearest one.",
            ),
            Mistake(
                "ends left",
                lambda maps, lost: _between(maps, lost, _share, lambda maps, seen, t: maps[t]),
                "before the first frame that was seen, and after the last, nothing is filled. There, hold the nearest"
                " one.",
            ),
            Mistake(
                "ends set to 0",
                lambda maps, lost: _between(maps, lost, _share, lambda maps, seen, t: torch.zeros_like(maps[t])),
                "before the first frame that was seen, and after the last, you put 0. There, hold the nearest one.",
            ),
            Mistake(
                "shares exchanged",
                lambda maps, lost: _between(
                    maps, lost, lambda t, first, last: _share(last + first - t, first, last), _nearest_end
                ),
                "the frame that is farther away gets the larger share. Turn the two shares round.",
            ),
            Mistake(
                "one step too late",
                lambda maps, lost: _between(
                    maps, lost, lambda t, first, last: (t - first - 1) / (last - first - 1 or 1), _nearest_end
                ),
                "the first lost frame of a gap is a copy of the one before it. It is already one step away.",
            ),
            Mistake(
                "the mean of all",
                _mean_of_the_seen,
                "you put in the mean of all frames that were seen. Asked for are the nearest two, one on either side.",
            ),
            Mistake(
                "the next one held",
                _next_copied,
                "you copy the frame after. The frame before the gap says something, too.",
            ),
        ),
        trials=20,  # clips that begin and that end with a frame that was seen are sure to occur
    ),
    Exercise(
        "interaction",
        interaction,
        _chances,
        (
            Mistake(
                "of the chances themselves",
                lambda chances: chances[1, 1] - chances[0, 1] - chances[1, 0] + chances[0, 0],
                "you take differences of probabilities. Near 0 and 1 these shrink whatever the parts do; take the"
                " log-odds, log(p / (1 - p)).",
            ),
            Mistake(
                "of the logarithms",
                lambda chances: (
                    (chances.log()[1, 1] - chances.log()[0, 1]) - (chances.log()[1, 0] - chances.log()[0, 0])
                ),
                "you take the logarithm of p. The log-odds are log(p / (1 - p)): what a logit is.",
            ),
            Mistake(
                "effect of one part",
                lambda chances: _log_odds(chances)[1, 1] - _log_odds(chances)[0, 1],
                "this is what the image does for one of the tables. Does it do the same for the other one?",
            ),
            Mistake(
                "the two effects added",
                lambda chances: (
                    (_log_odds(chances)[1, 1] - _log_odds(chances)[0, 1])
                    + (_log_odds(chances)[1, 0] - _log_odds(chances)[0, 0])
                ),
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
                "the sign is reversed: the image's effect for table 1, minus its effect for table 0.",
            ),
            Mistake(
                "ratio of the odds",
                lambda chances: interaction(chances).exp(),
                "this is 1 where the parts add up: a ratio of odds. Asked for is a difference of log-odds, 0 there.",
            ),
            Mistake(
                "ratio of chances",
                lambda chances: chances[1, 1] * chances[0, 0] / (chances[1, 0] * chances[0, 1]),
                "this is a ratio of probabilities. Take the log-odds, log(p / (1 - p)), and differences of them.",
            ),
            Mistake(
                "without its sign",
                lambda chances: interaction(chances).abs(),
                "the sign is lost. It says whether the image does more with table 1, or less.",
            ),
            Mistake(
                "halved",
                lambda chances: interaction(chances) / 2,
                "this is half of it: a difference of two effects is asked for, no mean.",
            ),
            Mistake(
                "sigmoid for logit",
                lambda chances: (
                    chances.sigmoid()[1, 1]
                    - chances.sigmoid()[0, 1]
                    - chances.sigmoid()[1, 0]
                    + chances.sigmoid()[0, 0]
                ),
                "you take the sigmoid of a probability, which goes from log-odds to probabilities. Go the other way.",
            ),
            Mistake(
                "another base",
                lambda chances: interaction(chances) / torch.tensor(10.0).log(),
                "your logarithm has base 10. A logit is natural.",
            ),
        ),
        trials=20,  # of either sign
    ),
    Exercise(
        "shares_of_two",
        shares_of_two,
        _results,
        (
            Mistake(
                "each alone",
                lambda nothing, image, table, both: (image - nothing, table - nothing),
                "you let each come first. The two shares must add up to what both together add to nothing; these do"
                " not.",
            ),
            Mistake(
                "each last",
                lambda nothing, image, table, both: (both - table, both - image),
                "you let each come last, which is what is lost without it. The two shares must add up to what both"
                " together add to nothing.",
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
                "chance not subtracted",
                lambda nothing, image, table, both: ((image + both - table) / 2, (table + both - image) / 2),
                "what neither part adds, chance, is among your shares. Who comes first adds its result minus that of"
                " nothing.",
            ),
            Mistake(
                "table's share first",
                lambda nothing, image, table, both: shares_of_two(nothing, image, table, both)[::-1],
                "the two are in the other order: the image's share first.",
            ),
            Mistake(
                "the sum, not the mean",
                lambda nothing, image, table, both: tuple(
                    2 * share for share in shares_of_two(nothing, image, table, both)
                ),
                "you add the two orders up. Take their mean: the shares must add up to what both together add to"
                " nothing.",
            ),
            Mistake(
                "in proportion",
                lambda nothing, image, table, both: tuple(
                    (both - nothing) * (part - nothing) / (image + table - 2 * nothing) for part in (image, table)
                ),
                "you divide the whole in proportion to what each does alone. Asked for is the mean of what each adds in"
                " the two orders.",
            ),
            Mistake(
                "parts of 1",
                lambda nothing, image, table, both: tuple(
                    share / (both - nothing) for share in shares_of_two(nothing, image, table, both)
                ),
                "your shares add up to 1. They are to be in the units of the results, and add up to what both together"
                " add to nothing.",
            ),
            Mistake(
                "the rest to the table",
                lambda nothing, image, table, both: (
                    shares_of_two(nothing, image, table, both)[0],
                    both - shares_of_two(nothing, image, table, both)[0],
                ),
                "the image's share is right. What is left is not the result of both without it: part of that is there"
                " without either.",
            ),
            Mistake(
                "one against the other",
                lambda nothing, image, table, both: (image - table, table - image),
                "you hold one source against the other. What does each add to nothing, and what to the other one?",
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
                "a 0 that was put in looks like a 0 that was measured. Say behind the columns which values are"
                " missing.",
            ),
            Mistake(
                "known, not missing",
                lambda table, missing: torch.cat([table.masked_fill(missing, 0.0), (~missing).to(table.dtype)], dim=1),
                "your second half says what is *known*. A network could live with that; asked for is 1 where a value is"
                " missing.",
            ),
            Mistake(
                "gaps left in",
                lambda table, missing: torch.cat([table, missing.to(table.dtype)], dim=1),
                "what stands in the gaps is still there. It is a code such as -999, and to a network it is a very low"
                " value.",
            ),
            Mistake(
                "filled with the column's mean",
                lambda table, missing: torch.cat(
                    [_filled_with_column_means(table, missing), missing.to(table.dtype)], dim=1
                ),
                "you fill with the mean of these rows: then what stands for one patient's gap depends on who else is"
                " there. Put 0.",
            ),
            Mistake(
                "each beside its column",
                lambda table, missing: torch.stack(
                    [table.masked_fill(missing, 0.0), missing.to(table.dtype)], dim=2
                ).flatten(1),
                "you put each mark beside its own column. Asked for are all columns first, and then all marks.",
            ),
            Mistake(
                "marks first",
                lambda table, missing: torch.cat([missing.to(table.dtype), table.masked_fill(missing, 0.0)], dim=1),
                "the marks come first here. Asked for are the columns, and behind them the marks.",
            ),
            Mistake(
                "multiplied by 0",
                lambda table, missing: _marked(table * ~missing, missing),
                "you multiply the gaps by 0. Where nan stands in a gap it stays: 0 times nan is nan. Replace what is"
                " there.",
            ),
            Mistake(
                "-999 alone",
                lambda table, missing: _marked(torch.where(table == -999, 0.0, table), missing),
                "you replace -999. Other files hold other things in their gaps; `missing` says where they are.",
            ),
            Mistake(
                "nan alone",
                lambda table, missing: _marked(table.nan_to_num(0.0), missing),
                "you replace nan. Other files hold other things in their gaps; `missing` says where they are.",
            ),
            Mistake(
                "nan and -999",
                lambda table, missing: _marked(torch.where(table == -999, 0.0, table).nan_to_num(0.0), missing),
                "you replace nan and -999. Some gaps hold what looks like a value; `missing` says where they are.",
            ),
            Mistake(
                "every 0 marked",
                lambda table, missing: _marked(table.masked_fill(missing, 0.0), table.masked_fill(missing, 0.0) == 0),
                "you mark every 0. A 0 may have been measured; `missing` says where the gaps are.",
            ),
            Mistake(
                "one mark a row",
                lambda table, missing: _marked(table.masked_fill(missing, 0.0), missing.any(dim=1, keepdim=True)),
                "you put one mark behind each row. Which of its values is missing? One mark for each column.",
            ),
            Mistake(
                "below each other",
                lambda table, missing: torch.cat([table.masked_fill(missing, 0.0), missing.to(table.dtype)], dim=0),
                "you put the marks below the table, as more patients. They belong behind the columns.",
            ),
        ),
    ),
]
