"""What is known of each data set: the 18 MedMNIST sets, the hippocampus volumes, and their cards.

The `medmnist` package's `INFO` is the catalogue: names, addresses, MD5 sums,
labels, licences. Here stands only what it does not say: the modality as one
short name, the symmetries that keep the label, and what to beware of.

Source of the facts: Yang et al., MedMNIST v2, Scientific Data 10:41 (2023),
and medmnist.com.
"""

import ast
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from ..checks import whole
from ..errors import InputError, unknown
from ..files import home
from . import cine, hippocampus
from .published import published_rows

TASKS = ("binary", "multi-class", "multi-label", "ordinal", "segmentation", "regression")

# Not of MedMNIST, which has no masks.
_HIPPOCAMPUS = "hippocampus"

# Drawn by medtutor: no real clips of this size are free. name: (what is asked of a clip, task, classes)
_CINE = {
    "cine_ejection": ("ejection fraction", "regression", ("ejection fraction",)),
    "cine_filling": ("filling", "binary", cine.FILLINGS),
}

# Drawn as well: two marks far apart, whose relation is the label. name: kind
_MARKS = {"marks_shapes": "shapes", "marks_patterns": "patterns"}

_TASK_OF_MEDMNIST = {
    "binary-class": "binary",
    "multi-class": "multi-class",
    "multi-label, binary-class": "multi-label",
    "ordinal-regression": "ordinal",
}

# name: (modality, axes along which a mirrored image keeps its label).
# Axes count from the end: -1 is left-right, -2 up-down, -3 through the slices.
# Organs have a side (left and right kidney are two classes): never mirrored.
_MODALITY = {
    "pathmnist": ("colon pathology", (-1, -2)),
    "chestmnist": ("chest X-ray", (-1,)),
    "dermamnist": ("dermatoscope", (-1, -2)),
    "octmnist": ("retinal OCT", (-1,)),
    "pneumoniamnist": ("chest X-ray", (-1,)),
    "retinamnist": ("fundus camera", (-1, -2)),
    "breastmnist": ("breast ultrasound", (-1,)),
    "bloodmnist": ("blood cell microscope", (-1, -2)),
    "tissuemnist": ("kidney cortex microscope", (-1, -2)),
    "organamnist": ("abdominal CT, axial", ()),
    "organcmnist": ("abdominal CT, coronal", ()),
    "organsmnist": ("abdominal CT, sagittal", ()),
    "organmnist3d": ("abdominal CT", ()),
    "nodulemnist3d": ("chest CT", (-1, -2, -3)),
    "adrenalmnist3d": ("shape from abdominal CT", (-1, -2, -3)),
    "fracturemnist3d": ("chest CT", (-1,)),
    "vesselmnist3d": ("shape from brain MRA", (-1, -2, -3)),
    "synapsemnist3d": ("electron microscope", (-1, -2, -3)),
}

_WARNINGS = {
    "chestmnist": ("Accuracy says nothing here: answering 'no finding' for every image scores 0.947. Read the AUC.",),
    "dermamnist": (
        "CC BY-NC 4.0: not for commercial use, unlike the other sets.",
        (
            "Images of one lesion stand in more than one split (Abhishek et al., "
            "Scientific Data 12:196, 2025): results are too good."
        ),
    ),
    # Counted with subsets.near_duplicates; a test counts again where the files are.
    "breastmnist": (
        "The test set has 156 images: one image is 0.64 points of accuracy. Read the intervals.",
        (
            "Its splits share images: at 28 pixels 55 of 156 test images have a training image that correlates above"
            " 0.97 (39 above 0.99), 31 of 78 validation images likewise. Read results on the other 101 test images,"
            " too."
        ),
        "Test image 76 is training image 115 byte for byte at 28 pixels, with the other label.",
    ),
    "pneumoniamnist": (
        (
            "Children of one to five years of one hospital (Kermany et al., Cell 172:1122, 2018): results say nothing"
            " about others."
        ),
        (
            "Validation images are a random tenth of the source's training images, so a child may stand in both; 8 of"
            " 524 are training images byte for byte at 28 pixels. The test images are a set of their own, and none of"
            " the 624 is a training image. They hold 62.5 % pneumonia, the others 74 %: a validation result is no"
            " forecast of the test result."
        ),
    ),
    _HIPPOCAMPUS: (
        (
            "A teaching split, by patient, of 48 of the 260 published volumes; 12 volumes of 10 patients are tested:"
            " read the intervals."
        ),
    ),
    "adrenalmnist3d": (
        "Binary shapes, no grey images: at 28 pixels every voxel is 0 or 255.",
        "The validation split has 98 volumes: small differences on it are noise.",
    ),
    "vesselmnist3d": ("Binary shapes, no grey images: at 28 pixels every voxel is 0 or 255.",),
}

CITATION = "Yang et al., MedMNIST v2, Scientific Data 10:41 (2023)"
NOT_CLINICAL = "For teaching and research; not for clinical use."


@dataclass(frozen=True)
class Card:
    """What is known of one data set.

    name      as given to `load`, such as "pneumoniamnist"
    title     as written in print, such as "PneumoniaMNIST"
    modality  what made the images
    task      "binary", "multi-class", "multi-label", "ordinal", "segmentation" or
              "regression"
    classes   the names of the labels, by number; of a segmentation 0 is the background;
              of a regression what is predicted
    channels  1 for grey, 3 for colour
    shape     (height, width), or (depth, height, width) of a volume
    frames    how many images make one sequence; None where one image is one case
    mirror    axes (-1 left-right, -2 up-down, -3 through slices) along which
              a mirrored image keeps its label
    spacing   of a segmentation: millimetres between slices, rows and columns (without
              the first where an image is a case of its own); None: distances in pixels
    licence, citation, description, warnings: to be shown with the data
    publisher "medmnist", "decathlon", or "phantom" of what medtutor drew; None of your own
              arrays, whatever their name
    """

    name: str
    title: str
    modality: str
    task: str
    classes: tuple[str, ...]
    channels: int
    shape: tuple[int, ...]
    frames: int | None = None
    mirror: tuple[int, ...] = ()
    spacing: tuple[float, ...] | None = None
    licence: str = "not stated"
    citation: str = ""
    description: str = ""
    warnings: tuple[str, ...] = ()
    publisher: str | None = None

    @property
    def size(self):
        """Pixels along the last axis: 28 for a 28 x 28 image."""
        return self.shape[-1]

    @property
    def dims(self):
        """2 for images, 3 for volumes."""
        return len(self.shape)

    @property
    def published(self):
        """Published results on this set, rows of `published.csv`; none of phantoms and of your own arrays."""
        return published_rows(self.name) if self.publisher == "medmnist" else ()

    def __str__(self):
        size = " x ".join(map(str, self.shape))
        if self.frames:
            size = f"{self.frames} frames of {size}"
        lines = [
            f"{self.title}: {self.modality}, {self.task}, {size}, {'colour' if self.channels == 3 else 'grey'}",
            f"classes: {', '.join(f'{i} {name}' for i, name in enumerate(self.classes))}",
            f"licence: {self.licence}. {self.citation}".strip(),
            *(f"beware: {warning}" for warning in self.warnings),
            NOT_CLINICAL,
        ]
        return "\n".join(lines)


@cache
def _info():
    # `import medmnist` brings pandas, scikit-image and torchvision: two seconds
    # and 100 MB for a table. Its catalogue is a file of its own, of which the table
    # alone is read: run, the file would make a folder, without a home one named "~".
    file = Path(find_spec("medmnist").submodule_search_locations[0]) / "info.py"
    tables = {
        getattr(node.targets[0], "id", ""): node.value
        for node in ast.parse(file.read_text(encoding="utf-8")).body
        if isinstance(node, ast.Assign)
    }
    return ast.literal_eval(tables["INFO"])


def names():
    """The names of all sets: MedMNIST's, 2-D before 3-D, the hippocampus, the drawn cines and marks."""
    return (*_MODALITY, _HIPPOCAMPUS, *_CINE, *_MARKS)


def publisher(name):
    """Where a set's images come from: "medmnist", "decathlon", or "phantom" of what is always drawn; also their
    provenance.
    """
    name = check_name(name)
    return "decathlon" if name == _HIPPOCAMPUS else "phantom" if name in (*_CINE, *_MARKS) else "medmnist"


def cine_target(name):
    """What is asked of the clips of a drawn cine: "ejection fraction" or "filling"."""
    return _CINE[name][0]


def marks_kind(name):
    """What the two marks of a drawn set are: "shapes" or "patterns"; None of any other set."""
    return _MARKS.get(name)


def check_name(name):
    """`name` in lower case. Raises `InputError` for one that is not known."""
    lowered = str(name).strip().lower()
    if lowered not in names():
        raise unknown("data set", name, names())
    return lowered


def sizes(name):
    """The sizes in pixels that there are of a set: (28, 64, …), the usual one first."""
    name = check_name(name)
    if name == _HIPPOCAMPUS:
        return (hippocampus.SHAPE[-1],)
    if name in _CINE:
        return (cine.SIZE,)
    if name in _MARKS:
        return (28,)
    info = _info()[name]
    return (28, *(size for size in (64, 128, 224) if f"MD5_{size}" in info))


def counts(name):
    """The number of cases in each split: {"train": …, "val": …, "test": …}; of the hippocampus, of volumes."""
    name = check_name(name)
    if name == _HIPPOCAMPUS:
        return {split: len(ids) for split, ids in hippocampus.SPLIT.items()}
    if name in _CINE:
        return dict(cine.COUNTS)
    if name in _MARKS:
        from .marks import COUNTS  # it needs cards, which are made here

        return dict(COUNTS)
    return dict(_info()[name]["n_samples"])


def card(name, size=None):
    """The `Card` of a set at a size; the usual one when left out.

    Raises `InputError` for an unknown name or a size that is not published.
    """
    name = check_name(name)
    size = sizes(name)[0] if size is None else whole("size", size)
    if size not in sizes(name):
        known = ", ".join(map(str, sizes(name)))
        raise InputError(f"{name} is not published at size {size}; choose one of {known}")
    if name == _HIPPOCAMPUS:
        return Card(
            name=name,
            title="Hippocampus (Decathlon Task04)",
            modality="brain MRI, T1, sagittal slices",
            task="segmentation",
            classes=hippocampus.CLASSES,
            channels=1,
            shape=hippocampus.SHAPE[1:],
            spacing=hippocampus.SPACING,
            licence="CC BY-SA 4.0",
            citation=hippocampus.CITATION,
            description=(
                "T1-weighted MRI cut out around one hippocampus, whose front and back part experts have marked."
            ),
            warnings=_WARNINGS[name],
            publisher=publisher(name),
        )
    if name in _CINE:
        target, task, classes = _CINE[name]
        return Card(
            name=name,
            title=f"Cardiac cine, {target}",
            modality="cardiac cine, short axis",
            task=task,
            classes=classes,
            channels=1,
            shape=(cine.SIZE, cine.SIZE),
            frames=cine.FRAMES,
            mirror=(-1, -2),
            licence="as medtutor, which drew it (BSD-3-Clause)",
            description="A beating ventricle in speckle, drawn by medtutor; no patient's image.",
            warnings=("PHANTOM: drawn by medtutor, no patient's image; not to be compared.",),
            publisher=publisher(name),
        )
    if name in _MARKS:
        return Card(
            name=name,
            title=f"Two {_MARKS[name]}",
            modality="two marks in noise",
            task="binary",
            classes=("different", "same"),
            channels=1,
            shape=(28, 28),
            mirror=(-1, -2),
            licence="as medtutor, which drew it (BSD-3-Clause)",
            description="Two marks in opposite corners, drawn by medtutor; no patient's image.",
            warnings=("PHANTOM: drawn by medtutor, no patient's image; not to be compared.",),
            publisher=publisher(name),
        )
    info = _info()[name]
    modality, mirror = _MODALITY[name]
    return Card(
        name=name,
        title=info["python_class"],
        modality=modality,
        task=_TASK_OF_MEDMNIST[info["task"]],
        classes=tuple(info["label"][str(i)] for i in range(len(info["label"]))),
        channels=info["n_channels"],
        shape=(size,) * (3 if name.endswith("3d") else 2),
        mirror=mirror,
        licence=info["license"],
        citation=CITATION,
        description=info["description"],
        warnings=_WARNINGS.get(name, ()),
        publisher=publisher(name),
    )


def filename(name, size=28):
    """The name of the set's file, as the medmnist package writes it."""
    return f"{name}.npz" if size == 28 else f"{name}_{size}.npz"


def address(name, size=28):
    """(url, md5) of the set's file."""
    suffix = "" if size == 28 else f"_{size}"
    info = _info()[name]
    return info[f"url{suffix}"], info[f"MD5{suffix}"]


def default_folder():
    """Where the medmnist package keeps its files: `~/.medmnist`; None where there is no home folder."""
    return home() and home() / ".medmnist"
