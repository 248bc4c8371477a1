"""DICOM Segmentation: masks (BINARY) or probabilities (FRACTIONAL) on the grid of their source images."""

from typing import Any

import numpy as np

from ..data.card import Card
from ..errors import InputError
from .codes import AI, category_of, of_class
from .readings import Reading
from .uids import uid_of
from .writing import NOT_CLINICAL, Author, cleaned, finished, quietly, series_of

BINARY, FRACTIONAL = "BINARY", "FRACTIONAL"


def segmentation(reading: Reading, chances: np.ndarray, card: Card, author: Author, kind: str = BINARY) -> Any:
    """A DICOM SEG about a reading.

    chances  float (C, N, H, W), probabilities of the classes on the reading's frames, the background first
    kind     "BINARY": each pixel is of its most probable class; "FRACTIONAL": probabilities in 255 steps

    Uncompressed, since dciodvfy and older readers know nothing else of one bit.
    """
    import highdicom as hd

    segments = []
    for number in range(1, len(card.classes)):
        code = of_class(card, number)
        segments.append(
            hd.seg.SegmentDescription(
                segment_number=number,
                segment_label=card.classes[number][:64],
                segmented_property_category=category_of(code).dicom,
                segmented_property_type=code.dicom,
                algorithm_type="AUTOMATIC",
                algorithm_identification=hd.AlgorithmIdentificationSequence(
                    name=f"{author.model} on {author.title}"[:64],
                    family=AI.dicom,
                    version=author.version,
                    source="medtutor",
                    parameters={"weights": author.weights, "use": NOT_CLINICAL},
                ),
                tracking_uid=uid_of("segment", str(number), author.hash, *(uid for uid, _ in reading.instances)),
                tracking_id=f"segment {number}",
            )
        )
    sources, _ = cleaned(reading)
    pixels = _pixels(chances, kind)[_file_order(reading)]
    with quietly("DICOM segmentation"):
        made = hd.seg.Segmentation(
            source_images=sources,
            pixel_array=pixels,
            segmentation_type=kind,
            segment_descriptions=segments,
            content_description=f"{author.model} on {author.title}: {NOT_CLINICAL}"[:64],
            content_label="MEDTUTOR",
            content_creator_name="medtutor^^^^",
            pixel_measures=_measures(reading),
            **author.equipment(),
            **series_of("SEG", sources[0], author),
        )
        measures = _measures(reading)
        if (
            measures is not None
        ):  # where the pixels are as far apart as the source's, highdicom takes the source's header
            made.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence = measures
        return finished(made, "SEG", reading, author)


def _pixels(chances, kind):
    """(N, H, W, segments): bool, or float 0…1. Whole numbers of 64 bits, as argmax makes them, are refused."""
    if kind == FRACTIONAL:
        return np.moveaxis(chances[1:], 0, -1).astype(np.float32).clip(0, 1)
    if kind != BINARY:
        raise InputError("a segmentation is BINARY or FRACTIONAL; choose one")
    best = chances.argmax(axis=0)
    return np.stack([best == number for number in range(1, len(chances))], axis=-1)


def _file_order(reading):
    """Frames in the order in which the file has them: of one file its own, of a series as the sources stand."""
    if len(reading.sources) == 1:
        return np.argsort([frame for _, frame in reading.instances])
    if len(reading.sources) != len(reading.instances):
        raise InputError("a segmentation is about single images or one file of frames; give one file")
    return np.arange(len(reading.instances))


def _measures(reading):
    """What the positions say, not the header: SpacingBetweenSlices is often another, and readers believe it."""
    import highdicom as hd

    between, rows, columns = reading.spacing
    if reading.affine is None or rows is None or columns is None:
        return None
    thickness = reading.sources[0].get("SliceThickness") or between or 1.0
    return hd.PixelMeasuresSequence(
        pixel_spacing=(rows, columns),
        slice_thickness=float(thickness),
        spacing_between_slices=between if len(reading.frames) > 1 else None,
    )
