"""An experiment about standards: what a run says of DICOM images, written as DICOM objects, through readers that others
have written.
"""

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from torch import Tensor

from ...clinic import process
from ...clinic.uids import as_bytes
from ...data.subsets import some_of
from ...errors import InputError
from ..evidence import contrast

FEW = 400  # training images: whether the answers are right is not asked here
XRAYS, VOLUMES = 6, 4  # of the val split, for each seed
READERS = {  # program: where it comes from
    "dciodvfy": "apt-get install dicom3tools",
    "dsrdump": "apt-get install dcmtk",
    "segimage2itkimage": "pip install dcmqi",
    "tid1500reader": "pip install dcmqi",
}
ROOT = "1.2.826.0.1.3680043.8.498"  # pydicom's
SAGITTAL = np.array([[0, 1.0, 0], [0, 0, -1.0]])  # directions along a row and along a column, LPS
KINDS = {"SEG": "segmentations", "SR": "structured reports", "OT": "pictures"}


def read_by_others(data, seeds, train):
    """Objects about real images, each through a validator and the readers of its kind.

    Yields contrasts of the share of objects without an error and with the same content, of all kinds and of each,
    against none.
    """
    of = []
    for name, dataset in data.items():
        for seed in seeds:
            few = some_of(dataset, min(FEW, len(dataset.train))) if name == "pneumoniamnist" else dataset
            of.append(train("cnn" if name == "pneumoniamnist" else "unet", few, seed, measure=taken))
    for kind in ("objects", *KINDS.values()):
        shares = []
        for number, _ in enumerate(seeds):
            own = of[number :: len(seeds)]
            right, total = (sum(each.values.get(f"{kind}, {what}", 0.0) for each in own) for what in ("right", "all"))
            shares.append(right / total if total else 0.0)
        yield contrast(kind, "read by others", ("read alike", shares), ("none", [0.0] * len(shares)), kind=kind)


def taken(run, dataset):
    """{"kind, right" and "kind, all": numbers of objects} about images of the val split; of "objects" all kinds."""
    rng = np.random.default_rng(run.recipe.seed)
    if run.card.task == "segmentation":
        volumes = _volumes(dataset.val)
        sources = [
            _series(volumes[place], number) for number, place in enumerate(rng.permutation(len(volumes))[:VOLUMES])
        ]
    else:
        chosen = rng.permutation(len(dataset.val))[:XRAYS]
        sources = [_radiograph(dataset.val.images[int(place), 0], number) for number, place in enumerate(chosen)]
    found = {f"{kind}, {what}": 0.0 for kind in ("objects", *KINDS.values()) for what in ("right", "all")}
    for source in sources:
        made = process(run, source)
        for each in made.objects:
            right = _right(each, made)
            for kind in ("objects", KINDS[each.Modality]):
                found[f"{kind}, all"] += 1
                found[f"{kind}, right"] += right
    return found


def _right(each, made):
    """Whether the validator finds no error, and whether readers of others find what we wrote."""
    with tempfile.TemporaryDirectory() as place:
        path = Path(place, "object.dcm")
        path.write_bytes(as_bytes(each))
        validated = _asked("dciodvfy", path)
        if validated.returncode or "Error" in validated.stderr:
            return False
        return {"SEG": _same_masks, "SR": _same_numbers, "OT": _same_pixels}[each.Modality](path, each, made)


def _same_masks(path, each, made):
    """dcmqi: the same voxels of each segment, at the same places in space."""
    import SimpleITK as sitk

    if _asked(
        "segimage2itkimage", "--inputDICOM", path, "--outputDirectory", path.parent, "--outputType", "nii"
    ).returncode:
        return False
    reading = made.reading
    ours = sitk.GetImageFromArray(np.zeros(reading.frames.shape, np.uint8))
    ours.SetOrigin(reading.position.tolist())
    ours.SetSpacing(reading.spacing[::-1])
    ours.SetDirection(reading.orientation[:, ::-1].flatten().tolist())
    for number in range(1, int(made.masks.max()) + 1):
        file, expected = path.parent / f"{number}.nii.gz", made.masks == number
        if not file.exists():
            if expected.any():
                return False
            continue
        theirs = sitk.Resample(sitk.ReadImage(str(file)), ours, sitk.Transform(), sitk.sitkNearestNeighbor)
        if not np.array_equal(sitk.GetArrayFromImage(theirs) > 0, expected):
            return False
    return True


def _same_numbers(path, each, made):
    """dcmtk reads the tree; of segments dcmqi the same numbers, else each number stands in the tree."""
    tree = _asked("dsrdump", path)
    if tree.returncode:
        return False
    if made.masks is None:
        return all(f'"{value.value:g}"' in tree.stdout for value in made.measured)
    out = path.parent / "report.json"
    if _asked("tid1500reader", "--inputDICOM", path, "--outputMetadata", out).returncode:
        return False
    rows = json.loads(out.read_text(encoding="utf-8"))["Measurements"]
    return [float(row["measurementItems"][0]["value"]) for row in rows] == [value.value for value in made.measured]


def _same_pixels(path, each, made):
    """SimpleITK: the same pixels."""
    import SimpleITK as sitk

    theirs = sitk.GetArrayFromImage(sitk.ReadImage(str(path)))
    return np.array_equal(theirs.reshape(each.pixel_array.shape), each.pixel_array)


def _asked(program, *arguments):
    beside = Path(sys.executable).with_name(program)  # dcmqi lies beside Python
    found = str(beside) if beside.exists() else shutil.which(program)
    if found is None:
        raise InputError(f"{program} is not installed, and nobody else reads the objects: {READERS[program]}")
    return subprocess.run([found, *map(str, arguments)], capture_output=True, text=True, timeout=120)


# Images of the data sets as DICOM: they come as bare pixels, so the rest is made up --------------------------------


def _volumes(split):
    """[(D, H, W)] of a split of slices, those of each volume together."""
    return [split.images[split.patients == patient, 0] for patient in split.patients.unique()]


def _radiograph(image: Tensor, number: int):
    return _dataset(image.numpy().astype(np.uint16), number, 1, "CR", "1.2.840.10008.5.1.4.1.1.1")


def _series(volume: Tensor, number: int):
    """Sagittal slices from right to left, their rows from head to feet."""
    frames = volume.numpy().astype(np.uint16)[:, ::-1, ::-1].transpose(0, 2, 1)
    made = []
    for place, frame in enumerate(frames):
        each = _dataset(frame, number, place + 1, "MR", "1.2.840.10008.5.1.4.1.1.4")
        each.ImagePositionPatient = (np.cross(*SAGITTAL) * place).round(6).tolist()
        each.ImageOrientationPatient = SAGITTAL.flatten().tolist()
        each.PixelSpacing, each.SliceThickness, each.FrameOfReferenceUID = [1.0, 1.0], 1.0, f"{ROOT}.9.{number}"
        each.PositionReferenceIndicator = ""
        made.append(each)
    return made


def _dataset(pixels, study, number, modality, kind):
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian

    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.file_meta.MediaStorageSOPClassUID = made.SOPClassUID = kind
    kind_of = 2 if modality == "MR" else 1
    made.StudyInstanceUID, made.SeriesInstanceUID = (f"{ROOT}.{part}.{kind_of}.{study + 1}" for part in (1, 2))
    made.file_meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID = f"{made.SeriesInstanceUID}.{number}"
    made.PatientName, made.PatientID, made.PatientBirthDate, made.PatientSex = "", f"IMAGE-{study}", "", ""
    made.AccessionNumber, made.StudyID, made.ReferringPhysicianName = "", "1", ""
    made.StudyDate, made.StudyTime, made.ContentDate, made.ContentTime = "20260101", "120000", "20260101", "120000"
    made.Modality, made.SeriesNumber, made.InstanceNumber = modality, 1, number
    made.Manufacturer, made.ImageType = "", ["DERIVED", "SECONDARY"]
    made.Rows, made.Columns = pixels.shape
    made.SamplesPerPixel, made.PhotometricInterpretation = 1, "MONOCHROME2"
    made.BitsAllocated, made.BitsStored, made.HighBit, made.PixelRepresentation = 16, 16, 15, 0
    made.PixelData = np.ascontiguousarray(pixels).tobytes()
    return made
