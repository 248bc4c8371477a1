"""Experiments about a model at work: is it noticed when the images become others?"""

from dataclasses import replace

import numpy as np
import torch

from ...clinic.monitoring import (
    DETECTORS,
    PREVALENCE,
    SCANNER,
    SIGNALS,
    draw_streams,
    followed,
    limit_in_advance,
    rescanned,
    signals_of,
)
from ...data.dataset import Split
from ...explanation.familiar import known
from ...metrics.drift import first_alarm
from ..evidence import contrast

TRAIN, USUAL = 2000, 1000  # images that the network learns from, and those that say what is usual; the rest come in
STREAMS, BEFORE, AFTER = 200, 300, 200  # images before and after the change
SIZE = 0.3  # of a change of scanner, as `degrade` takes it
HALVED = 0.5  # the prevalence, times this
CASES = 1000  # average run length of the whole monitor
SOON = (50, 100, 200)  # images in which an alarm comes in time
WINDOW = 50  # of KS
KINDS = {"scanner": SCANNER} | {change: (change,) for change in (*SCANNER, PREVALENCE)}


def drift_in_time(data, seeds, train):
    """A monitor of four signals, whose limits were chosen in advance, on streams of real images that change.

    Yields contrasts of the share of streams in which it alarms within so many images after the change, minus the share
    in which it alarms within as many where nothing changed: averaged over the changes of scanner, of each change, of
    each signal alone, and of both detectors.
    """
    for dataset in data.values():
        of = [train("cnn", apart(dataset, seed), seed, measure=noticed) for seed in seeds]
        for detector in DETECTORS:
            for followed_of in ("all", *SIGNALS):
                for name, changes in KINDS.items():
                    for soon in SOON:
                        yield _share(of, detector, followed_of, changes, name, soon)


def _share(trainings, detector, signal, changes, name, soon):
    """Changed against unchanged, averaged over changes."""
    start = f"{detector}, {signal}"
    arms = [
        [float(np.mean([each.values[f"{start}, {what}, {soon}"] for what in of])) for each in trainings]
        for of in (changes, ("unchanged",))
    ]
    row = f"{detector} of {'all signals' if signal == 'all' else signal}"
    keys = {"detector": detector, "signal": signal, "change": name, "soon": soon}
    return contrast(row, f"{name}, {soon} images", *zip(("changed", "unchanged"), arms), **keys)


def apart(dataset, seed):
    """The training images dealt out anew: some to learn from, some that say what is usual (val), and some that come in
    later (test). The published val and test images, which are otherwise, are not read.
    """
    order = np.random.default_rng(seed).permutation(len(dataset.train))
    parts = np.split(order, [TRAIN, TRAIN + USUAL])
    return replace(dataset, **{name: _part(dataset.train, rows) for name, rows in zip(("train", "val", "test"), parts)})


def _part(split, rows):
    return Split(split.images[torch.as_tensor(rows)], split.labels[torch.as_tensor(rows)])


def noticed(run, dataset):
    """{"detector, signal, change, soon": share of streams with an alarm so soon after the change, among those without
    one before}; "unchanged" where nothing changes; signal "all": the first alarm of any, each with a quarter of the
    false alarms.
    """
    seed, pool = run.recipe.seed, dataset.test
    familiar = known(run, dataset.val.images)
    usual = signals_of(run, dataset.val.images, familiar) | {"features": familiar.usual.double().numpy()}
    plain = signals_of(run, pool.images, familiar)
    labels = pool.labels.flatten().numpy()
    share = HALVED * float(labels.mean())
    length = BEFORE + max(AFTER, *SOON)
    streams = draw_streams(labels, length, BEFORE, count=STREAMS, seed=seed)
    mixed = draw_streams(labels, length, BEFORE, prevalence=share, count=STREAMS, seed=seed).changed
    values = {"unchanged": {name: plain[name][streams.quiet] for name in SIGNALS}}
    values[PREVALENCE] = {name: plain[name][mixed] for name in SIGNALS}
    for kind in SCANNER:
        other = signals_of(run, rescanned(pool.images, kind, SIZE, seed), familiar)
        values[kind] = {
            name: np.concatenate(
                [plain[name][streams.quiet[:, :BEFORE]], other[name][streams.quiet[:, BEFORE:]]], axis=1
            )
            for name in SIGNALS
        }
    found = {}
    for detector in DETECTORS:
        for change, each in values.items():
            alarms = {}
            for cases, suffix in ((CASES, ""), (CASES * len(SIGNALS), " of all")):
                for name in SIGNALS:
                    limit = limit_in_advance(detector, usual[name], cases, window=WINDOW, seed=seed)
                    alarms[name + suffix] = first_alarm(
                        followed(detector, each[name], usual[name], window=WINDOW), limit
                    )
            alarms["all"] = np.min([alarms[f"{name} of all"] for name in SIGNALS], axis=0)
            for name in ("all", *SIGNALS):
                left = alarms[name][alarms[name] > BEFORE]
                for soon in SOON:
                    shares = float((left <= BEFORE + soon).mean()) if len(left) else 0.0
                    found[f"{detector}, {name}, {change}, {soon}"] = shares
            found[f"{detector}, {change}, quiet before"] = float((alarms["all"] > BEFORE).mean())
    return found
