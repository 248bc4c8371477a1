"""`page`: a Run as one HTML file."""

import html
import json
import os
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

from ..checks import whole
from ..data import Dataset
from ..data.card import NOT_CLINICAL
from ..data.dataset import PROVENANCES
from ..errors import InputError
from ..explorers.cases import check_has_predictions, own_dataset
from ..files import resolve, write_text
from ..training.run import Run
from .classification import CLASSIFICATION
from .frame import Page
from .graph import check_installed
from .kind import MOST, Kind
from .packing import block
from .segmentation import SEGMENTATION
from .sequence import SEQUENCE

SHARED = ("compute.mjs", "shared.mjs")  # scripts of every page


def page(run: Run, dataset: Dataset | None = None, out: str | os.PathLike = "page.html", *, images: int = 40) -> Page:
    """A Run as one HTML file that explains itself in any browser, without Python, server or network: a `Page`.

    As the last line of a cell it is shown there, live; the file stays beside the notebook, which grows by some
    tens of kilobytes. `page(…).embedded()` puts the page, up to 6.5 MB, into the notebook.

    It shows images of val and test with what the network said of them. What was computed beforehand is painted at
    once; then the browser computes it, and whatever else is asked. Where there is no WebAssembly the first stays.

    Of a classification: maps of the trained network and of the same with random weights, for other classes, settings,
    and with a region of the image covered; of a transformer also its attention. Of a segmentation: its mask beside the
    expert's, and maps of a region. Of sequences: answers over time, and what each frame does to them.

    run      a `Run` of images or clips (not volumes, and no regression of images), trained to its end
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
    kind = _kind_of(run)
    check_has_predictions(run, "val")
    dataset = own_dataset(run, dataset, sequences=True)
    count = whole("images", images, 2, 400)
    kind.check_size(run, count)
    _write(target, kind, run, dataset, count)
    return Page(target.absolute(), run, dataset)  # a cell may go to another folder before it is shown


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


def _kind_of(run) -> Kind:
    """The kind of page that shows a run; or an `InputError` for a run that none shows."""
    if not isinstance(run, Run):
        raise InputError(f"page takes a Run, not {type(run).__name__}; train one with fit(…)")
    card = run.card
    if card.dims == 3:
        raise InputError(
            "a page shows images, but the run is about volumes; explorers show it, and a page a run of their slices"
        )
    if card.frames:
        return SEQUENCE
    if card.task == "regression":
        raise InputError("a page shows classes, masks and clips, but the run is a regression; explorers show it")
    return SEGMENTATION if card.task == "segmentation" else CLASSIFICATION


def _write(target, kind, run, dataset, count):
    card = run.card
    content = kind.content(run, dataset, count)
    usual = {
        "task": card.task,
        "classes": card.classes,
        "channels": card.channels,
        "height": card.shape[0],
        "width": card.shape[1],
        "phantom": dataset.is_phantom,
    }
    home = files(__package__)
    runtime = home / "onnxruntime_web"
    late = {
        "runtime": (runtime / "ort.wasm.bundle.min.mjs.gz").read_bytes(),
        "wasm": (runtime / "ort-wasm-simd-threaded.wasm.gz").read_bytes(),
        **content.late,
    }
    text = Template((home / "page.html").read_text(encoding="utf-8")).substitute(
        _words(run, dataset),
        question=kind.question,
        note=kind.note,
        main=(home / f"{kind.name}.html").read_text(encoding="utf-8"),
        style=(home / "page.css").read_text(encoding="utf-8"),
        script="\n".join((home / name).read_text(encoding="utf-8") for name in (*SHARED, *kind.scripts)),
        facts=json.dumps(usual | content.facts, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c"),
        early="\n".join(block(name, each) for name, each in content.early.items()),
        late="\n".join(block(name, each) for name, each in late.items()),
    )
    length = len(text.encode())
    if length > MOST:
        raise InputError(
            f"the page would have {length / 1e6:.1f} MB, more than {MOST // 10**6}; give fewer images than {count}"
        )
    write_text(target, text)


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
