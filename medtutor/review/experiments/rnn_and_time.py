"""Experiments about time: what order is worth, on drawn clips and on real slices."""

from functools import cache

import numpy as np
import torch

from ...data import load
from ...data.phantoms import cine
from ...models import HEADS
from ...models.randomness import seeded
from ...models.recurrent import FEATURES
from ...training.heads import features_of, fit_head
from ..cases import PerCase, log_odds
from ..evidence import between

BLIND = ("single_frame", "mean_frames", "max_min_frames", "fourier")
SEEING = ("lstm", "gru", "bilstm", "temporal_conv")
SHUFFLED = "lstm on shuffled frames"
HEAD_EPOCHS = 25


def order_of_frames(data, seeds, train):
    """What the order of the frames is worth for the ejection fraction, and for the direction of time.

    Yields contrasts of R² on `cine_ejection`, between models trained whole, and of test AUC on
    `cine_filling`, between heads that read the features of one encoder.
    """
    ejection = data["cine_ejection"]
    of = {
        name: [train(name, ejection, seed, measure=share_explained) for seed in seeds]
        for name in (*BLIND, *SEEING, "conv_lstm")
    }
    for name in of:
        if name != "lstm":
            yield between(f"lstm against {name}", "ejection R²", ("lstm", of["lstm"], "r2"), (name, of[name], "r2"))
    yield between("bilstm against lstm", "ejection R²", ("bilstm", of["bilstm"], "r2"), ("lstm", of["lstm"], "r2"))
    for name, trainings in of.items():
        yield between(
            name, "all frames against half the film cut off", ("all", trainings, "r2"), ("cut", trainings, "r2 cut")
        )
        for way in ("held", "black"):
            yield between(name, f"cut against {way}", ("cut", trainings, "r2 cut"), (way, trainings, f"r2 {way}"))
        yield between(
            name,
            "as filmed against shuffled, ejection R²",
            ("as filmed", trainings, "r2"),
            ("shuffled", trainings, "r2 shuffled"),
        )
    heads = [train("max_min_frames", ejection, seed, measure=direction_of_time) for seed in seeds]
    for name in (*BLIND, SHUFFLED, "gru", "temporal_conv"):
        yield between(f"lstm against {name}", "filling", ("lstm", heads, "lstm"), (name, heads, name))
    yield between("bilstm against lstm", "filling", ("bilstm", heads, "bilstm"), ("lstm", heads, "lstm"))
    for name in ("lstm", "temporal_conv"):
        for way in ("reversed", "shuffled"):
            yield between(name, f"as filmed against {way}", ("as filmed", heads, name), (way, heads, f"{name} {way}"))


def order_of_slices(data, seeds, train):
    """Volumes read slice by slice: an LSTM against pooling, which forgets the order.

    Yields contrasts of test AUC.
    """
    for name, dataset in data.items():
        slices = dataset.as_sequence()
        of = {
            model: [train(model, slices, seed) for seed in seeds] for model in ("lstm", "max_min_frames", "mean_frames")
        }
        for other in ("max_min_frames", "mean_frames"):
            yield between(
                f"lstm against {other}",
                f"slices of {name}",
                ("lstm", of["lstm"], "0"),
                (other, of[other], "0"),
                dataset=name,
            )


def share_explained(run, dataset):
    """R² and mean absolute error on the test split; R² on its clips shuffled, and with the second half cut off, held or
    black.
    """
    clips = dataset.test.images
    changed = {way: cine.dropped(clips, run.card.frames // 2, way) for way in ("cut", "held", "black")}
    changed["shuffled"] = cine.shuffled(clips, torch.Generator().manual_seed(run.recipe.seed))
    said = {"r2": run.predictions["test"]} | {f"r2 {way}": run.predict(images) for way, images in changed.items()}
    true = np.asarray(dataset.test.labels, dtype=np.float64)
    pairs = {name: np.stack([np.asarray(each).ravel(), true], axis=1) for name, each in said.items()}
    values = {name: PerCase.of("R²", each, subjects=dataset.test.subjects) for name, each in pairs.items()}
    return values | {"mae": run.test.mae}


def direction_of_time(run, dataset):
    """Test AUC of each head on `cine_filling`, as filmed, reversed and shuffled, on features of the run's encoder.

    The encoder has learned the ejection fraction, without order; it is not trained further.
    """
    seed, clips = run.recipe.seed, _filling()
    train, test = (features_of(run.model, split.images) for split in (clips.train, clips.test))
    generator = torch.Generator().manual_seed(seed)

    def mixed(features):
        return cine.shuffled(features[..., None, None], generator)[..., 0, 0]

    found = {}
    for name in (*BLIND, *SEEING, SHUFFLED):
        with seeded(seed):
            head = HEADS["lstm" if name == SHUFFLED else name](FEATURES, 2, clips.card.frames)
        # Shuffled anew for every clip, once: order is noise to this head.
        seen = mixed(train) if name == SHUFFLED else train
        fit_head(head, seen, clips.train.labels, task="binary", epochs=HEAD_EPOCHS, seed=seed, progress=False)
        for way, features in (("", test), (" reversed", test.flip(1)), (" shuffled", mixed(test))):
            with torch.no_grad():
                scores = log_odds(head(features).double().softmax(dim=1))
            found[name + way] = PerCase.of("AUC", scores, clips.test.labels, clips.test.subjects)
    return found


@cache
def _filling():
    return load("cine_filling")
