"""The pieces of work that two revisions are compared on.

Each is a script that a fresh Python runs. It knows `seed` and `quick`, uses what every
revision since 98d83b0 offers, and leaves what it found in `costs` (seconds of its own) and
in `quality` (the higher the better).
"""

import re

from ..errors import InputError, unknown

BEFORE = "import json, sys, time\ncosts, quality = {}, {}\nseed, quick = int(sys.argv[1]), sys.argv[2] == 'quick'\n"
# In a line of its own: the work may have printed without ending its last.
AFTER = "\nprint('\\n' + json.dumps({'costs': costs, 'quality': quality}))\n"

_IMPORT = """
import torch
start = time.process_time()
import medtutor as mt
mt.load("pneumoniamnist")
costs["processor s over import torch"] = time.process_time() - start
"""

_TRAIN = """
import medtutor as mt
dataset = mt.load("{dataset}")
changes = dict(seed=seed, epochs=1) if quick else dict(seed=seed)
recipe = mt.default_recipe(dataset.card, "{model}", **changes)
run = mt.fit(mt.build("{model}", dataset, seed=seed), dataset, recipe, progress=False)
quality["test {score}"] = run.test.{score}
"""

_GAN = """
import torch
import medtutor as mt
from medtutor.data import normalise
from medtutor.models.gan import Discriminator, Generator
try:
    from medtutor.training.gan import fit_gan
except ImportError:  # as it was called before
    from medtutor.training.adversarial import fit_gan
dataset = mt.load("pneumoniamnist")
images = normalise(dataset.train.images[:2000])
torch.manual_seed(seed)
generator, discriminator = Generator(), Discriminator()
steps = 10 if quick else 150
start = time.process_time()
fit_gan(generator, discriminator, images, steps=steps, seed=seed, progress=False)
costs["processor s a step"] = (time.process_time() - start) / steps
"""

# How good it is does not matter here: an epoch on a few images.
_TRAINED = """
import medtutor as mt
dataset = mt.load("pneumoniamnist")
splits = dataset.train, dataset.val, dataset.test
few = [(split.images[:128, 0].numpy(), split.labels[:128].numpy()) for split in splits]
few = mt.from_arrays(*few, classes=dataset.card.classes)
# One and the same recipe for both revisions: what a `Recipe` leaves open has not always been filled alike.
recipe = mt.default_recipe(dataset.card, "cnn", seed=seed, epochs=1)
run = mt.fit(mt.build("cnn", few, seed=seed), few, recipe, progress=False)
"""

_PREDICT = (
    _TRAINED
    + """
passes = 1 if quick else 10
run.predict(dataset.test.images)
start = time.process_time()
for _ in range(passes):
    run.predict(dataset.test.images)
costs["processor ms an image"] = (time.process_time() - start) / passes / len(dataset.test.images) * 1000
"""
)

_EXPLAIN = (
    _TRAINED
    + """
methods = ["saliency", "integrated_gradients", "grad_cam", "lrp", "occlusion"]
for method in methods:
    mt.explain(run, dataset.test.images[0], method=method)
    images = dataset.test.images[: 2 if quick else 20]
    start = time.process_time()
    for image in images:
        mt.explain(run, image, method=method)
    costs[f"processor ms a map, {method}"] = (time.process_time() - start) / len(images) * 1000
"""
)

_LESSON = """
from pathlib import Path
import medtutor
from medtutor.course.builder import execute, read, sources
notebooks = Path(medtutor.__file__).parents[1] / "notebooks"
source = next(source for source in sources(notebooks) if source.name.startswith("{number}_"))
execute(read(source, solved=False), source)
"""

WORKLOADS = {
    "import": _IMPORT,
    "train-pneumoniamnist": _TRAIN.format(dataset="pneumoniamnist", model="cnn", score="auc"),
    "train-hippocampus": _TRAIN.format(dataset="hippocampus", model="unet", score="dice"),
    "train-adrenalmnist3d": _TRAIN.format(dataset="adrenalmnist3d", model="cnn", score="auc"),
    "train-vesselmnist3d": _TRAIN.format(dataset="vesselmnist3d", model="cnn", score="auc"),
    "train-lstm": _TRAIN.format(dataset="cine_ejection", model="lstm", score="r2"),
    "gan-step": _GAN,
    "predict": _PREDICT,
    "explain": _EXPLAIN,
}


def chosen(words):
    """{name: script} of the workloads that were asked for; of none, all but the lessons.

    words  names of `WORKLOADS`, and `lesson` followed by a number. Raises `InputError` for others.

    >>> list(chosen(["import", "lesson", "05"]))
    ['import', 'lesson 05']
    """
    scripts, rest = {}, iter(words or WORKLOADS)
    for word in rest:
        if word == "lesson":
            number = next(rest, "")
            if not re.fullmatch(r"\d\d", number):
                raise InputError("lesson needs a number of two digits, such as: lesson 05")
            scripts[f"lesson {number}"] = _LESSON.format(number=number)
        elif word in WORKLOADS:
            scripts[word] = WORKLOADS[word]
        else:
            raise unknown("workload", word, [*WORKLOADS, "lesson NN"])
    return {name: BEFORE + script + AFTER for name, script in scripts.items()}


__all__ = ["WORKLOADS", "chosen"]
