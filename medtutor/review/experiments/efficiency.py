"""What a smaller, coarser or faster network loses, and whether an answer comes in time."""

import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np
import pydicom
import torch
from pydicom.data import get_testdata_file

from ...data import normalise
from ...data.subsets import some_of
from ...efficiency import distil, export_onnx, prune_weights, quantise_onnx, remove_channels, rounded_weights
from ...explanation import explain, overlay
from ...models import build
from ...training.prediction import predict_logits
from ...training.private import fit_plain
from ...training.processes import one_thread
from ..cases import PerCase, in_plain
from ..evidence import between

DEADLINE = 1 / 30  # seconds from one frame of the loop to the next
LOOP = "examples_ybr_color.dcm"  # 30 frames of an ultrasound loop, which pydicom ships
ROUNDS = 10  # of the loop, of each way to answer; slow ways have fewer
SLOW_ROUNDS = 2
FEW = 400  # training images of a network of which only the time is measured

WEIGHTS, CHANNELS = 0.9, 0.5  # shares that are pruned
AGAIN = dict(epochs=1, learning_rate=2e-3)  # trained again after pruning
STUDENT = (8, 16, 32)  # widths
ALONE = dict(epochs=5, learning_rate=1e-2)
TAUGHT = dict(temperature=4.0, weight=0.9, **ALONE)
CALIBRATION = 256  # training images that the ranges of 8-bit maps are read from


def frames_of_a_loop(data, seeds, train):
    """An ultrasound loop, frame by frame, through the whole chain on one thread.

    Yields contrasts of the share of frames that are answered within the time of one frame, against none, by the time
    of the processor and by the clock.
    """
    for dataset in data.values():
        few = some_of(dataset, min(FEW, len(dataset.train)))
        found = [train("cnn", few, seed, measure=in_time) for seed in seeds]
        for way in ("answer and map", "answer", "17 views and map", "ResNet-18"):
            for by in ("processor", "clock"):
                first, none = ("in time", found, f"{way}, {by}"), ("none", found, f"{way}, none")
                yield between(way, by, first, none, way=way, by=by)


def compressed(data, seeds, train):
    """A CNN minus the same with fewer weights, channels and bits.

    Yields contrasts of the test AUC, and of the share of test images that get another class, against none.
    """
    for dataset in data.values():
        found = [train("cnn", dataset, seed, measure=made_smaller) for seed in seeds]
        for way in (
            "channels pruned, int8",
            "channels pruned",
            "weights pruned",
            "weights pruned, not trained again",
            "int8",
            "4-bit weights",
        ):
            yield between("whole against", way, ("whole", found, "whole"), (way, found, way), score="AUC")
        for way in ("channels pruned, int8", "int8"):
            yield between("flipped", way, (way, found, f"{way}, flipped"), ("none", found, "none"), score="flipped")


def students(data, seeds, train):
    """A CNN minus one of a ninth of its numbers, taught by it or by the labels alone.

    Yields contrasts of the test AUC.
    """
    for dataset in data.values():
        found = [train("cnn", dataset, seed, measure=made_smaller) for seed in seeds]
        for first, second in (("whole", "taught"), ("whole", "alone"), ("alone", "taught")):
            yield between(f"{first} against {second}", "", (first, found, first), (second, found, second))


def in_time(run, dataset):
    """{"answer, clock": `PerCase` of frames answered in time, …}; the values of "none" are 0."""
    net, file = run.model, get_testdata_file(LOOP, download=False)
    large = build("resnet18", dataset, seed=run.recipe.seed).eval()

    def with_map(image, answer):
        answer(image)
        return overlay(image, explain(run, image, "saliency", target=1).map)

    def views(image):
        return predict_logits(net, image[None], run.card.mirror, 1)

    def one(model, image):
        return predict_logits(model, image[None])

    ways = {
        "answer and map": (ROUNDS, partial(with_map, answer=partial(one, net))),
        "answer": (ROUNDS, partial(one, net)),
        "17 views and map": (SLOW_ROUNDS, partial(with_map, answer=views)),
        "ResNet-18": (SLOW_ROUNDS, partial(one, large)),
    }
    found = {}
    with one_thread():
        for way, (rounds, answer) in ways.items():
            _times(file, answer)  # the first round warms up
            spent = np.concatenate([_times(file, answer) for _ in range(rounds)])
            for column, by in enumerate(("clock", "processor")):
                found[f"{way}, {by}"] = PerCase.of("mean", spent[:, column] <= DEADLINE)
            found[f"{way}, none"] = PerCase.of("mean", np.zeros(len(spent)))
    return in_plain(found)


def _times(file, answer):
    """(frames, 2): seconds of each frame, by the clock and of the processor, from decoding to what is shown."""
    spent, start = [], (time.perf_counter(), time.process_time())
    for frame in pydicom.pixels.iter_pixels(file):
        grey = torch.from_numpy(frame).float().mean(2)[None, None]
        small = torch.nn.functional.interpolate(grey, (28, 28), mode="area")
        answer(small[0].to(torch.uint8))
        end = (time.perf_counter(), time.process_time())
        spent.append((end[0] - start[0], end[1] - start[1]))
        start = end
    return np.array(spent)


def made_smaller(run, dataset):
    """{"whole": test AUC, "int8": …, "taught": …}: of a network, and of what is made of it; all on single images."""
    whole, seed = run.model, run.recipe.seed
    images, labels, test = normalise(dataset.train.images), dataset.train.labels, normalise(dataset.test.images)
    how = dict(seed=seed, progress=False)
    weights = prune_weights(whole, WEIGHTS)
    answers = {
        "whole": _asked(whole, test),
        "weights pruned, not trained again": _asked(weights, test),
        "weights pruned": _asked(fit_plain(weights, images, labels, **AGAIN, **how), test),
        "4-bit weights": _asked(rounded_weights(whole, bits=4), test),
    }
    fewer = fit_plain(remove_channels(whole, CHANNELS), images, labels, **AGAIN, **how)
    answers["channels pruned"] = _asked(fewer, test)
    with tempfile.TemporaryDirectory() as folder:
        for name, net in (("int8", whole), ("channels pruned, int8", fewer)):
            exact = export_onnx(net, images[:CALIBRATION], Path(folder, "exact.onnx"))
            answers[name] = quantise_onnx(exact, images[:CALIBRATION], Path(folder, "int8.onnx"))(test)
    alone, taught = (build("cnn", dataset, seed=seed, widths=STUDENT) for _ in range(2))
    answers["alone"] = _asked(fit_plain(alone, images, labels, **ALONE, **how), test)
    answers["taught"] = _asked(distil(taught, images, labels, _asked(whole, images), **TAUGHT, **how), test)
    found = {
        name: PerCase.of("AUC", (each[:, 1] - each[:, 0]).numpy(), dataset.test.labels, dataset.test.subjects)
        for name, each in answers.items()
    }
    for name in ("int8", "channels pruned, int8"):
        flipped = answers[name].argmax(1) != answers["whole"].argmax(1)
        found[f"{name}, flipped"] = PerCase.of("mean", flipped.float().numpy())
    found["none"] = PerCase.of("mean", np.zeros(len(test)))
    return in_plain(found)


def _asked(model, images):
    with torch.inference_mode():
        return torch.cat([model(some) for some in images.split(128)]).clone()
