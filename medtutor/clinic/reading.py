"""`read_images`: DICOM and NIfTI files as a `Reading`, in one convention.

Nothing that is said holds a patient's identifier: no value of the file, no UID, no file's name.
"""

import hashlib
import os
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from ..data.sources.nifti import is_nifti
from ..errors import InputError
from ..files import resolve
from .geometry import flat_spacing, grid, ordered, place_of
from .nifti import read_nifti
from .opening import PIXELS, VALUES, check_dataset, content_of, only_our_words, open_dicom
from .pixel_values import re_safe, values_of
from .readings import Reading

FILES = 5000  # of a folder; a CT of the whole body has 2,000
# What a picture of a segmentation, a dose or a chart is, which is no image of a body.
NO_IMAGES = ("SEG", "RTDOSE", "SR", "PR", "KO", "RTSTRUCT", "RTPLAN", "DOC", "ECG")
ONE = {  # of all files of a series; what is said where it is not so
    "PatientID": "patients",
    "StudyInstanceUID": "studies",
    "SeriesInstanceUID": "series",
    "Modality": "modalities",
    "PhotometricInterpretation": "kinds of colours",
    "FrameOfReferenceUID": "frames of reference",
    "Rows": "sizes",
    "Columns": "sizes",
}


def read_images(source: str | PathLike | bytes | Any) -> Reading:
    """DICOM and NIfTI files as a `Reading`: a file, a file's bytes, a folder of one series, a pydicom `Dataset`, or a
    list of them.

    Grey values are in the modality's units, more is brighter: rescaled, also where the slope stands in an enhanced
    file's functional groups, and inverted where the file says MONOCHROME1. Colours are RGB 0…255. The slices of a
    series are sorted along their normal. Everything that is compressed is decoded where a plug-in can.

    Raises `InputError` for what is no image, for several series or patients in one folder, for a missing, doubled or
    uneven slice, and for all that `open_dicom` refuses. No sentence names a file, a UID or a patient.

    >>> from pydicom.data import get_testdata_file
    >>> reading = read_images(get_testdata_file("CT_small.dcm", download=False))
    >>> reading.frames.shape, reading.modality, reading.units, reading.spacing
    ((1, 128, 128), 'CT', 'HU', (5.0, 0.661468, 0.661468))
    """
    if isinstance(source, (str, PathLike)):
        path = resolve(source)
        if path.is_dir():
            return _of_folder(path)
        source = content_of(path)
    if isinstance(source, bytes) and is_nifti(source):
        return read_nifti(source)
    many = list(source) if isinstance(source, (list, tuple)) else [source]
    if not many:
        raise InputError("there is no file; give one or more")
    return _of_datasets([_opened(each) for each in many], [])


def _opened(source):
    if isinstance(source, (str, PathLike, bytes)):
        return open_dicom(source)
    if not hasattr(source, "file_meta"):
        raise InputError("images are read from files, folders or pydicom data sets; give one of them")
    with only_our_words("the data set holds values that cannot be read; get it anew from where it came"):
        check_dataset(source)
    return source


def _of_folder(path):
    """The one series of a folder and the folders in it; links are not followed."""
    files, other, broken, total = [], 0, [], 0
    for place, folders, names in os.walk(path):
        folders.sort()
        for name in sorted(names):
            file = Path(place, name)
            if file.is_symlink() or not file.is_file() or name.startswith(".") or name == "DICOMDIR":
                continue
            files.append(file)
            if len(files) > FILES:
                raise InputError(f"the folder holds more than {FILES:,} files; give the folder of one series")
    found: list[Any] = []
    for number, file in enumerate(files, 1):
        with open(file, "rb") as opened:
            head = opened.read(132)
        if head[128:] != b"DICM":
            other += 1
            continue
        try:
            dataset = open_dicom(file)
        except InputError as error:
            broken.append(f"file {number} of {len(files)} in the order of their names: {error}")
            continue
        if not any(name in dataset for name in PIXELS) or str(dataset.get("Modality")) in NO_IMAGES:
            other += 1
            continue
        total += dataset.Rows * dataset.Columns * dataset.SamplesPerPixel * int(dataset.get("NumberOfFrames") or 1)
        if total > VALUES:
            raise InputError(f"the folder holds more than {VALUES:,} pixel values; give the folder of one series")
        found.append(dataset)
    if broken:  # a stack with a hole would be another volume
        raise InputError(f"{len(broken)} of the folder's files cannot be read, {broken[0]}")
    if not found:
        raise InputError("the folder holds no DICOM image; give the folder of one series, or a NIfTI file by its name")
    return _of_datasets(found, [f"{other} other files in the folder were left out"] if other else [])


def _of_datasets(datasets, words):
    with only_our_words("the file's values are not in the form of the standard; get it anew from where it came"):
        for dataset in datasets:
            if not any(name in dataset for name in PIXELS) or str(dataset.get("Modality")) in NO_IMAGES:
                raise InputError("the file is DICOM, but no image: it holds a report, a plan or a mask; give an image")
        datasets = _each_once(datasets, words)
        _check_one_series(datasets)
        if (
            sum(dataset.Rows * dataset.Columns * int(dataset.get("NumberOfFrames") or 1) for dataset in datasets)
            > VALUES
        ):
            raise InputError(f"the series has more than {VALUES:,} pixels; give a part of it")
        return _reading(datasets, words)


def _each_once(datasets, words):
    """Without copies. Raises `InputError` for two that call themselves the same instance and are not."""
    kept: dict[str, tuple[str, Any]] = {}
    for dataset in datasets:
        pixels = next(dataset[name].value for name in PIXELS if name in dataset)
        facts = [str(dataset.get(name)) for name in ("Rows", "ImagePositionPatient", "RescaleSlope", "InstanceNumber")]
        content = hashlib.sha256(pixels + repr(facts).encode()).hexdigest()
        uid = str(dataset.get("SOPInstanceUID") or "")
        if not uid:
            raise InputError("the file has no SOPInstanceUID, by which its results could name it; export it anew")
        if uid in kept and kept[uid][0] != content:
            raise InputError("two files call themselves the same instance but differ; give the one that is right")
        kept.setdefault(uid, (content, dataset))
    if len(kept) < len(datasets):
        words.append(f"{len(datasets) - len(kept)} files are copies of others and were left out")
    return [dataset for _, dataset in kept.values()]


def _check_one_series(datasets):
    for name, several in ONE.items():
        found = {str(dataset.get(name) or "") for dataset in datasets}
        if len(found) > 1:
            raise InputError(f"the files are of {len(found)} {several}; give those of one series alone")


def _reading(datasets, words):
    pairs = [(dataset, frame) for dataset in datasets for frame in range(int(dataset.get("NumberOfFrames") or 1))]
    places = [place_of(dataset, frame) for dataset, frame in pairs]
    first = datasets[0]
    with only_our_words("the file's pixels cannot be decoded; get it anew, or export it uncompressed"):
        values = [values_of(dataset) for dataset in datasets]
    words += dict.fromkeys(word for each in values for word in each.words)
    frames = np.concatenate([each.frames for each in values])
    if len(frames) != len(pairs):
        raise InputError("the file declares another number of frames than it holds; get it anew from where it came")
    known = [place for place in places if place is not None]
    if known and len(known) < len(places):
        raise InputError(f"{len(places) - len(known)} of the frames do not say where they lie; get the whole series")
    affine, kind = None, "image" if len(pairs) == 1 else "frames"
    if known:
        order = ordered(known)
        affine, distance, said = grid([known[number] for number in order], _thickness(first))
        spacing = (distance, float(known[0][2][0]), float(known[0][2][1]))
        frames, pairs = frames[order], [pairs[number] for number in order]
        words += said
        kind = "volume" if len(pairs) > 1 else "image"
    else:
        rows, columns, said = flat_spacing(first)
        spacing = (None, rows, columns)
        words += [said] if said else []
    if str(first.get("LossyImageCompression")) == "01":
        words.append("the file was compressed with loss before it came here")
    modality = str(first.get("Modality") or "")
    by_uid = {str(dataset.SOPInstanceUID): dataset for dataset in datasets}
    uids = [str(dataset.SOPInstanceUID) for dataset, _ in pairs]
    return Reading(
        frames=np.ascontiguousarray(frames, dtype=np.float32),
        affine=affine,
        spacing=spacing,
        modality=modality if re_safe(modality) else "",
        units=values[0].units,
        window=values[0].window,
        curve=values[0].curve,
        padding=values[0].padding,
        instances=tuple((uid, frame + 1) for uid, (_, frame) in zip(uids, pairs)),
        sources=tuple(_without_pixels(by_uid[uid]) for uid in dict.fromkeys(uids)),
        sentences=tuple(words),
        kind=kind,
    )


def _thickness(dataset):
    """Of a single slice, in mm; None where the file does not say it."""
    from .pixel_values import functional

    for holder in (dataset, functional(dataset, 0, "PixelMeasuresSequence")):
        value = None if holder is None else holder.get("SliceThickness")
        if value not in (None, "") and np.isfinite(float(value)) and float(value) > 0:
            return float(value)
    return None


def _without_pixels(dataset):
    from pydicom.dataset import Dataset

    kept = Dataset()
    kept.update({tag: element for tag, element in dataset.items() if tag.group != 0x7FE0})
    kept.file_meta = dataset.file_meta
    return kept
