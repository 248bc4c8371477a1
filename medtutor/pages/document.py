"""`page`: a Run as one HTML file."""

import html
import json
import os
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any, cast

import torch

from ..checks import whole
from ..data import Dataset
from ..data.card import NOT_CLINICAL
from ..data.dataset import PROVENANCES
from ..errors import InputError
from ..explanation import randomised
from ..explanation.anatomy import covered, feature_maps, last_feature_map, trace
from ..explanation.methods.cam import GRAD_CAM
from ..explanation.methods.gradients import GUIDED_BACKPROP
from ..explanation.scores import order_of_ties
from ..explanation.subject import Subject
from ..explorers.cases import check_has_predictions, own_dataset
from ..files import resolve, write_text
from ..training.run import Run
from . import contents
from .graph import check_installed, export
from .packing import block, planes, rounded, zipped

MOST = 6_000_000  # bytes of a page: what still goes by mail, and opens on a phone
# Bits after the point that random weights keep, of 23: they are as random. The trained ones keep all of theirs: at the
# kinks of ReLU and maximum the last bit may turn a gradient.
RANDOM_BITS = 7
SCRIPTS = ("compute.mjs", "trust.mjs", "picture.mjs", "page.mjs")
RUNTIME = 4_440_000  # bytes of a page that are the runtime and the page itself
A_WEIGHT = 4.2 + 1.7  # bytes of a page for each weight of the trained and of the random network
A_MAP, AN_IMAGE = 0.85, 1.23  # bytes for each pixel of a map, and of a channel of an image


def page(run: Run, dataset: Dataset | None = None, out: str | os.PathLike = "page.html", *, images: int = 40) -> Path:
    """A Run as one HTML file that explains itself in any browser, without Python, server or network: its path.

    It shows images of val and test with what the network said of them. Maps by captum are painted at once; then the
    browser computes them itself, of the trained network and of the same with random weights, for other classes,
    settings, and with a region of the image covered. Where there is no WebAssembly the first maps stay.

    run      a classification's `Run` of images (not volumes or sequences), trained to its end
    dataset  the `Dataset` that it was made on; left out: loaded by its name
    out      the file to write, named .html
    images   how many images it shows, two thirds as many of test as of val

    The images themselves are in the file: give it only to whom you may give them. It has at most 6 MB; writing it takes
    about a minute. It needs `pip install 'medtutor[page]'`.

    Raises `InputError`, before any work, for other runs, for a network that does not fit into 6 MB or that cannot be
    exported with its gradient, and for a file that cannot be written.

    >>> import medtutor as mt
    >>> few = mt.data.phantoms.draw(mt.data.card("breastmnist"), {"train": 20, "val": 8, "test": 8})
    >>> run = mt.fit(mt.build("mlp", few), few, mt.Recipe(epochs=1), progress=False)
    >>> page(run, few, "page.htm")
    Traceback (most recent call last):
    ...
    medtutor.errors.InputError: page.htm is no HTML file; give a name that ends in .html
    """
    target = checked_file(out)
    check_installed()
    dataset = _checked(run, dataset)
    count = whole("images", images, 2, 400)
    _check_size(run, count)
    return _write(target, run, dataset, count)


def checked_file(out: str | os.PathLike) -> Path:
    """The path of an HTML file that can be written. Raises `InputError` for any other."""
    target = resolve(out)
    if target.suffix.lower() != ".html":
        raise InputError(f"{out} is no HTML file; give a name that ends in .html")
    if (
        not target.parent.is_dir()
        or target.is_dir()
        or not os.access(target if target.exists() else target.parent, os.W_OK)
    ):
        raise InputError(f"{out} cannot be written; choose a file in a folder that can be written")
    return target


def _checked(run, dataset):
    """The run's data set; or an `InputError` for a run that a page cannot show."""
    if not isinstance(run, Run):
        raise InputError(f"page takes a Run, not {type(run).__name__}; train one with fit(…)")
    card = run.card
    other = (
        f"is a {card.task}"
        if card.task in ("segmentation", "regression")
        else "is about sequences"
        if card.frames
        else "is about volumes"
        if card.dims == 3
        else None
    )
    if other:
        raise InputError(f"a page shows classifications of images, but the run {other}; explorers show it")
    check_has_predictions(run, "val")
    return own_dataset(run, dataset)


def _check_size(run, count):
    """Raises `InputError` for what would not fit, before the work is done."""
    weights = sum(weight.numel() for weight in run.model.state_dict().values())
    fixed = RUNTIME + A_WEIGHT * weights
    each = (2 * len(contents.BEFORE) * A_MAP + run.card.channels * AN_IMAGE) * torch.Size(run.card.shape).numel()
    room = int((MOST - fixed) / each)
    if room < 2:
        raise InputError(
            f"{run.model.name} with {weights:,} weights on images of {run.card.size} pixels does not fit into a page of"
            f" {MOST // 10**6} MB; choose a smaller one, such as cnn on 28 pixels, or narrower widths"
        )
    if count > room:
        raise InputError(f"{count} images do not fit into a page of {MOST // 10**6} MB; give images={room}")


def _write(target, run, dataset, count):
    other = unlearned(run)
    layer = _layer(run)
    card = run.card
    shape = (card.channels, *card.shape)
    likeness, known = contents.familiar(run, dataset)
    graph = export(
        run.model,
        shape,
        len(card.classes),
        *(layer["name"], layer["features"]) if layer else (None, None),
        known=known and known.layer,
        guided=_guided(run),
    )
    chosen = contents.choose(run, count)
    pictures = torch.stack([getattr(dataset, split).images[index] for split, index in chosen])
    cases = contents.cases(run, other, dataset, chosen)
    predicted = [max(range(len(card.classes)), key=each["logits"]["trained"].__getitem__) for each in cases]
    methods, maps, scales, missing = contents.maps(run, other, pictures, predicted)
    scores, labels = contents.validation(run)
    facts = {
        "task": card.task,
        "classes": card.classes,
        "channels": card.channels,
        "height": card.shape[0],
        "width": card.shape[1],
        "phantom": dataset.is_phantom,
        "positive": 1 if card.task == "binary" else 0,
        "cover": max(1, min(card.shape) // 4),
        "layer": layer,
        "methods": methods,
        "missing": missing,
        "scales": scales,
        "cases": cases,
        "val": len(scores),
        "known": likeness,
    }
    # As they are, and not packed, so that the first picture need not wait: the images, and the maps of one method.
    early = {
        "first": pictures.numpy().tobytes() + maps[0].tobytes(),
        "others": zipped(maps[1:].tobytes()),
        "val-scores": zipped(scores.tobytes()),
        "val-labels": zipped(labels.tobytes()),
    }
    home = files(__package__)
    runtime = home / "onnxruntime_web"
    late = {
        "runtime": (runtime / "ort.wasm.bundle.min.mjs.gz").read_bytes(),
        "wasm": (runtime / "ort-wasm-simd-threaded.wasm.gz").read_bytes(),
        "gradient": zipped(graph.gradient),
        "forward": zipped(graph.forward),
        "guided": zipped(graph.guided or b""),
        "ties": zipped(order_of_ties(torch.Size(card.shape).numel()).astype("<u4").tobytes()),
        "known": zipped(planes(known.features.numpy().tobytes()) if known else b""),
        "trained-weights": zipped(planes(graph.weights(run.model))),
        "random-weights": zipped(planes(graph.weights(other.model))),
    }
    text = Template((home / "page.html").read_text(encoding="utf-8")).substitute(
        _words(run, dataset),
        style=(home / "page.css").read_text(encoding="utf-8"),
        script="\n".join((home / name).read_text(encoding="utf-8") for name in SCRIPTS),
        facts=json.dumps(facts, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c"),
        early="\n".join(block(name, content) for name, content in early.items()),
        late="\n".join(block(name, content) for name, content in late.items()),
    )
    length = len(text.encode())
    if length > MOST:
        raise InputError(
            f"the page would have {length / 1e6:.1f} MB, more than {MOST // 10**6}; give fewer images than {count}"
        )
    write_text(target, text)
    return target


def unlearned(run: Run) -> Run:
    """The run with random weights in place of what it learned, as a page holds them: rounded to bfloat16."""
    other = cast(Run, randomised(run))
    state = other.model.state_dict()  # of a copy of the run's model, so it may be changed
    state = {name: rounded(each, RANDOM_BITS) if each.is_floating_point() else each for name, each in state.items()}
    other.model.load_state_dict(state)
    return other


def _works(method, seen):
    """Whether a method works on a network."""
    try:
        method.guard(seen, 2)
    except InputError:
        return False
    return True


def _guided(run):
    """Whether guided backpropagation works on the network."""
    subject = Subject.of(run)
    return _works(GUIDED_BACKPROP, trace(subject.net, subject.blank()))


def _layer(run):
    """What Grad-CAM looks at: {name, features: (c, h, w), covers: (H, W)}; None where there is nothing to look at."""
    subject = Subject.of(run)
    seen = trace(subject.net, subject.blank())
    if not _works(GRAD_CAM, seen):
        return None
    name = last_feature_map(seen, 2)
    return {
        "name": name,
        "features": feature_maps(seen, 2)[name],
        "covers": covered(subject.net, tuple(run.card.shape)),
    }


def _words(run, dataset):
    """What stands in the page as text, escaped."""
    card, said = run.card, {"val": run.val, "test": run.test}
    came = PROVENANCES[dataset.provenance]
    measured = "; ".join(f"{split} {metrics}" for split, metrics in said.items() if metrics is not None)
    about = [
        f"{card.title}, {card.modality}, {card.size} pixels. {came[0].upper()}{came[1:]}.",
        card.description,
        f"Licence of the images: {card.licence}." if card.licence else "",
        card.citation,
        *card.warnings,
    ]
    words: dict[str, Any] = {
        "title": f"{run.model.name} on {dataset.title}",
        "heading": dataset.title,
        "model": f"{run.model.name}, {run.parameters:,} parameters, {run.epochs_done} epochs",
        "measured": measured,
        "clinical": NOT_CLINICAL,
        "about": " ".join(f"{each.rstrip('.')}." for each in about if each),
        "version": version("medtutor"),
    }
    escaped = {name: html.escape(str(text)) for name, text in words.items()}
    return escaped | {"phantom": "" if dataset.is_phantom else "hidden"}
