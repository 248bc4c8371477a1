"""`process`: a run on a file or series, and what comes of it as standard objects."""

from dataclasses import dataclass, field
from os import PathLike
from typing import Any

import numpy as np

from ..checks import one_of
from ..explanation.familiar import Known
from ..training.run import Run
from .fhir import bundle
from .fitting import as_input
from .measured import Measured, of_answers, of_masks
from .reading import read_images
from .readings import Reading
from .writing import Author, check_installed, cleaned
from .writing_sc import capture
from .writing_seg import BINARY, FRACTIONAL, segmentation
from .writing_sr import report


@dataclass(frozen=True, eq=False)
class Processed:
    """What came of a run on one file or series.

    objects    DICOM data sets, each with `file_meta`, to be stored: of a segmentation SEG, SR and SC; else SR and SC.
               Empty of NIfTI, which names no study
    fhir       a FHIR R4 Bundle (type "collection"): DiagnosticReport, ImagingStudy, Observations, Device
    sentences  all that was said on the way; they name no patient and no file
    answers    (B, classes) probabilities, of a regression numbers (B, 1); of a segmentation the share of each class
    measured   what the objects say: a number each, with its code and unit
    masks      of a segmentation uint8 (N, H, W) class numbers on the reading's frames; else None
    """

    objects: list[Any] = field(repr=False)  # what names the patient is not printed
    fhir: dict = field(repr=False)
    sentences: tuple[str, ...]
    answers: np.ndarray
    measured: tuple[Measured, ...]
    reading: Reading = field(repr=False)
    masks: np.ndarray | None = field(default=None, repr=False)


def process(
    run: Run,
    source: str | PathLike | bytes | Any,
    known: Known | None = None,
    *,
    picture: bool = True,
    kind: str = BINARY,
    author: Author | None = None,
) -> Processed:
    """A run on a file or series: its answer as DICOM objects and FHIR.

    source   what `read_images` takes, or a `Reading`
    known    `explanation.familiar.known(run, images)` of validation images, so that unlike images are called so
    picture  whether a Secondary Capture is made, with a map of why
    kind     of a segmentation: "BINARY", or "FRACTIONAL" of probabilities
    author   `writing.Author.of(run)`, made once by whoever processes many files; left out: made anew

    The same input gives the same objects, byte for byte, with the same UIDs; another run, or a file that was
    corrected, gives others. Every object says that it is not for clinical use, and which weights made it.

    Raises `InputError` for whatever `read_images` and `as_input` refuse.

    >>> import medtutor as mt
    >>> from pydicom.data import get_testdata_file
    >>> ct = mt.data.card("organamnist")
    >>> run = mt.Run(mt.build("mlp", ct, seed=0), ct, mt.Recipe(), "phantom")  # untrained
    >>> found = process(run, get_testdata_file("CT_small.dcm", download=False))
    >>> [each.Modality for each in found.objects], found.fhir["resourceType"]
    (['SR', 'OT'], 'Bundle')
    """
    one_of("kind", kind, (BINARY, FRACTIONAL))
    check_installed()
    reading = source if isinstance(source, Reading) else read_images(source)
    given = as_input(reading, run, known)
    author = author or Author.of(run)
    answers = run.predict(given.images).float().numpy()
    masks, chances = None, None
    if run.card.task == "segmentation" and given.back is not None:
        chances = given.back(answers)
        masks = chances.argmax(axis=0).astype(np.uint8)
        answers = np.array([[float((masks == number).mean()) for number in range(len(run.card.classes))]])
        measured = of_masks(masks, run.card, reading)
    else:
        measured = of_answers(answers, run.card, reading)
    words = [*reading.sentences, *given.sentences]
    objects: list[Any] = []
    if reading.sources:
        words += cleaned(reading)[1]
        if chances is not None:
            objects.append(segmentation(reading, chances, run.card, author, kind))
            if kind == BINARY and reading.frames.shape[2] % 8:
                words.append(
                    "the segmentation's columns are no multiple of 8: some servers do not show its single frames"
                )
        seg = objects[0] if objects else None
        objects.append(report(reading, measured, author, seg))
        if picture:
            objects.append(capture(reading, given, run, measured, author, masks))
    else:
        words.append("the file names no study, so no DICOM object was written about it")
    return Processed(
        objects=objects,
        fhir=bundle(reading, measured, author, objects),
        sentences=tuple(dict.fromkeys(words)),
        answers=answers,
        measured=tuple(measured),
        reading=reading,
        masks=masks,
    )
