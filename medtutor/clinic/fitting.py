"""`as_input`: a `Reading` as a run's model takes it, or a sentence why not."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch.nn import functional

from ..data.sources.nifti import SHAPE, SPACING, fit, grey_levels
from ..errors import InputError
from ..explanation.familiar import Known, features_of, limit_of, nearest
from ..explanation.subject import Subject
from ..training.run import Run
from .expected import codes_of, compared
from .pixel_values import windowed
from .readings import Reading
from .resampling import centred, check_room, off_axis, placed, resized, to_ras, window

MOST = 64  # cases that a run answers one by one: more are no image, but a film
ABDOMEN = (40.0, 400.0)  # centre and width in HU of an abdominal window, as MedMNIST's organ sets have one
UNUSUAL = 0.05  # of the validation images are called so: the rate of false alarms
WEIGHTS = np.array([0.299, 0.587, 0.114], dtype=np.float32)  # of red, green and blue in grey


@dataclass(frozen=True, eq=False)
class ModelInput:
    """What a run's model is given.

    images     uint8 (B, C, H, W), (B, C, D, H, W) or (B, T, C, H, W), as the run's data set has them
    sentences  what was done to the reading, and in what it differs from what the model was trained on
    unusual    (B,) bool: whose features lie beyond 95 % of the known images'; None where not asked
    back       of a segmentation: its probabilities (B, C, H, W) or (1, C, D, H, W) as (C, N, H, W) on the reading's
               frames
    """

    images: torch.Tensor
    sentences: tuple[str, ...] = ()
    unusual: np.ndarray | None = None
    back: Callable[[np.ndarray], np.ndarray] | None = field(default=None, repr=False)


def as_input(reading: Reading, run: Run, known: Known | None = None) -> ModelInput:
    """A reading as a run's model takes it: uint8, the size of its data set, and words on what it is not used to.

    reading  of `read_images`
    run      a `Run`; of a hippocampus run the volume is turned, resampled to 1 mm and cut as its set is
    known    `explanation.familiar.known(run, images)` of validation images: then `unusual` is computed

    Frames are windowed as the file says (CT of the abdomen always alike), else spread from lowest to highest; cut to
    the set's proportions around the middle and resized, never stretched.

    Raises `InputError` for another modality, for images without contrast, and for readings of another form than the
    run takes: no volume, too few frames.

    >>> import medtutor as mt
    >>> from pydicom.data import get_testdata_file
    >>> from medtutor.clinic import read_images
    >>> ct = mt.data.card("organamnist")
    >>> run = mt.Run(mt.build("mlp", ct), ct, mt.Recipe(), "phantom")
    >>> found = as_input(read_images(get_testdata_file("CT_small.dcm", download=False)), run)
    >>> found.images.shape
    torch.Size([1, 1, 28, 28])
    >>> found.sentences[-1]
    '128 x 128 pixels were resized to 28 x 28'
    """
    card = run.card
    words = compared(reading, card)
    if card.name == "hippocampus":
        found = _hippocampus(reading, run)
    elif card.dims == 3:
        found = _volume(reading, run)
    elif card.frames:
        found = _clip(reading, run)
    else:
        found = _single(reading, run)
    unusual = None if known is None else _unusual(found.images, run, known)
    said = [*words, *found.sentences]
    if unusual is not None and unusual.any():
        said.append(
            f"{int(unusual.sum())} of {len(unusual)} images are unlike what the run was trained on (out of"
            " distribution): their features lie beyond those of 95 % of the known images; do not trust the answer"
        )
    return replace(found, sentences=tuple(dict.fromkeys(said)), unusual=unusual)


def _unusual(images, run, known):
    features = features_of(Subject.of(run), images, known.layer)
    return (nearest(features, known.features) > limit_of(known.usual, UNUSUAL)[0]).numpy()


# --- grey levels ------------------------------------------------------------------------


def levels(reading: Reading, run: Run) -> tuple[np.ndarray, list[str]]:
    """(uint8 (N, C, H, W), what was done): the frames as the run's set has grey levels or colours.

    Raises `InputError` for images that are one value throughout.
    """
    card, frames = run.card, reading.frames
    words: list[str] = []
    if reading.colour:
        colours = frames.round().clip(0, 255)
        if card.channels == 1:
            colours = (colours @ WEIGHTS).round()[..., None]
        _check_contrast(colours)
        return np.moveaxis(colours.astype(np.uint8), -1, 1), words
    frames, share = _without_padding(reading)
    if share:
        words.append(f"{share:.0%} of the pixels are padding, no part of the image; they were taken as the darkest")
    _check_contrast(frames)
    if codes_of(card) == ("CT",) and reading.units == "HU":
        low, high = float(frames.min()), float(frames.max())
        if high < -500 or low > 1000:
            words.append("the values are no usual Hounsfield units of a body")
        grey = windowed(frames, ABDOMEN)
        words.append("windowed as a CT of the abdomen (centre 40, width 400 HU)")
    elif reading.window:
        grey = windowed(frames, reading.window, reading.curve)
        words.append("windowed as the file says")
        if (grey == grey.flat[0]).all():
            grey, words[-1] = _spread(frames), "the file's window shows nothing; spread from lowest to highest value"
    else:
        grey = _spread(frames)
        words.append("spread from the lowest to the highest value over 0…255")
    return grey[:, None].repeat(card.channels, axis=1), words


def _without_padding(reading):
    """(frames, share that was padding)."""
    if reading.padding is None:
        return reading.frames, 0.0
    padding = reading.frames == np.float32(reading.padding)
    if padding.all() or not padding.any():
        return reading.frames, 0.0
    return np.where(padding, reading.frames[~padding].min(), reading.frames), float(padding.mean())


def _check_contrast(frames):
    flat = frames.reshape(len(frames), -1)
    if (flat.max(axis=1) <= flat.min(axis=1)).any():
        raise InputError("an image is one value throughout, so there is nothing to see; get it anew")


def _spread(frames):
    low, high = float(frames.min()), float(frames.max())
    return ((frames - low) * (255 / max(high - low, 1e-9))).round().astype(np.uint8)


# --- the forms of runs --------------------------------------------------------------------


def _single(reading, run):
    """Each frame is a case."""
    if len(reading.frames) > MOST and run.card.task != "segmentation":
        raise InputError(
            f"there are {len(reading.frames)} frames, and the run answers one image at a time; give at most {MOST}"
        )
    grey, words = levels(reading, run)
    where, said = _cut(reading, run.card.shape)
    shape = grey.shape[2:]
    images = _smaller(grey[(..., *where)], run.card.shape)
    back = None
    if run.card.task == "segmentation":
        check_room(reading.frames.shape[:3], len(run.card.classes))
        sides = [part.stop - part.start for part in where]

        def back(chances):
            step = resized(sides, chances.shape[2:])
            return np.stack([placed(step.back(each), shape, where) for each in chances], axis=1)

    return ModelInput(images, (*words, *said), back=back)


def _clip(reading, run):
    """All frames are one case, of as many as the run takes, evenly spaced."""
    wanted = run.card.frames
    if len(reading.frames) < 2:
        raise InputError(f"the run looks at clips of {wanted} frames, and the file is one image; give a loop")
    if reading.kind == "volume":
        raise InputError("the run looks at clips in time, and the file's frames lie one above the other; give a loop")
    chosen = np.linspace(0, len(reading.frames) - 1, wanted).round().astype(int)
    grey, words = levels(replace(reading, frames=reading.frames[chosen]), run)
    where, said = _cut(reading, run.card.shape)
    if len(reading.frames) != wanted:
        said.append(f"{wanted} of {len(reading.frames)} frames were taken, evenly spaced")
    return ModelInput(_smaller(grey[(..., *where)], run.card.shape)[None], (*words, *said))


def _volume(reading, run):
    """All frames are one volume, cut to the set's proportions."""
    if reading.kind != "volume":
        raise InputError(
            "the run looks at volumes, and the file's frames do not lie one above the other; give a series"
        )
    grey, words = levels(reading, run)
    sizes = [length or 1.0 for length in reading.spacing]
    where = window(grey.shape[:1] + grey.shape[2:], sizes, run.card.shape)
    volume = np.moveaxis(grey, 1, 0)[(slice(None), *where)].astype(np.float32)
    step = resized(volume.shape[1:], run.card.shape)
    cube = np.stack([step.there(channel) for channel in volume]).round().clip(0, 255).astype(np.uint8)
    words.append(f"{_sides(reading.frames.shape[:3])} voxels were cut and resized to {_sides(run.card.shape)}")
    words.append("the volume was given as it lies in the file, feet first; its set may lie otherwise")
    shape, back = reading.frames.shape[:3], None
    if run.card.task == "segmentation":
        check_room(shape, len(run.card.classes))

        def back(chances):
            return placed(step.back(chances[0]), shape, where)

    return ModelInput(torch.from_numpy(cube)[None], tuple(words), back=back)


def _hippocampus(reading, run):
    """To the right, front and head, 1 mm, grey levels of the volume, padded or cut: as `read_pair` makes them."""
    if reading.kind != "volume" or reading.colour:
        raise InputError(
            "the run looks at MRI volumes of the hippocampus; give a series of grey slices, or a NIfTI file"
        )
    if reading.affine is None and reading.sources:
        raise InputError("the file does not say where its frames lie, so left and right are unknown; get the series")
    words: list[str] = []
    affine = reading.affine
    if affine is None:
        between, rows, columns = (length or 1.0 for length in reading.spacing)
        affine = np.eye(4)  # as NIfTI's axes are meant: to the right, front and head
        affine[:3, :3] = [[0, 0, -columns], [0, -rows, 0], [between, 0, 0]]
    if off_axis(affine) > 10:
        words.append(f"the slices lie {off_axis(affine):.0f} degrees aslant; they were taken as if they lay straight")
    turn, sizes = to_ras(affine)
    volume = turn.there(_without_padding(reading)[0])
    if max(sizes) > 2:
        words.append(
            f"voxels are up to {max(sizes):.3g} mm long; the run was trained on 1 mm, and sees what is between"
        )
    wanted = [max(1, round(side * size / mm)) for side, size, mm in zip(volume.shape, sizes, SPACING)]
    same = np.allclose(sizes, SPACING, atol=1e-2)
    scale = resized(volume.shape, volume.shape if same else wanted)
    if not same:
        words.append(f"voxels of {' x '.join(f'{size:.3g}' for size in sizes)} mm were resampled to 1 mm")
    volume = scale.there(volume)
    if any(have > want for have, want in zip(volume.shape, SHAPE)):
        words.append(
            f"the volume is {_sides(volume.shape)} mm, and the run was trained on {_sides(SHAPE)} mm around one"
            " hippocampus; only the middle was looked at"
        )
    grey = grey_levels(volume, "the file")
    frame = centred(volume.shape, SHAPE, fit)
    grey = torch.from_numpy(frame.there(grey))
    check_room(reading.frames.shape, len(run.card.classes))

    def back(chances):
        cube = chances[0] if run.card.dims == 3 else np.moveaxis(chances, 1, 0)
        return np.ascontiguousarray(turn.back(scale.back(frame.back(cube))))

    return ModelInput(grey[None, None] if run.card.dims == 3 else grey[:, None], tuple(words), back=back)


# --- size -----------------------------------------------------------------------------------


def _cut(reading, wanted):
    """(the part of each frame that is looked at, words on cut and size)."""
    shape = reading.frames.shape[1:3]
    sizes = [length or 1.0 for length in reading.spacing[1:]]
    words = []
    if max(sizes) > 1.01 * min(sizes):
        words.append("pixels are longer on one side; they were made square")
    where = window(shape, sizes, wanted)
    lost = 1 - np.prod([(part.stop - part.start) / side for part, side in zip(where, shape)])
    if lost > 0.01:
        words.append(f"{lost:.0%} of the image at its borders were cut off, to fit the set's proportions")
    sides = [part.stop - part.start for part in where]
    if tuple(sides) != tuple(wanted):
        words.append(f"{_sides(sides)} pixels were resized to {_sides(wanted)}")
    return where, words


def _smaller(grey, wanted):
    """uint8 (N, C, H, W) resized as MedMNIST's images were: bicubic, each pixel a mean of those that it stands for."""
    images = torch.from_numpy(np.ascontiguousarray(grey))
    if tuple(images.shape[2:]) == tuple(wanted):
        return images
    made = functional.interpolate(images.float(), tuple(wanted), mode="bicubic", antialias=True)
    return made.round().clamp(0, 255).to(torch.uint8)


def _sides(shape):
    return " x ".join(map(str, shape))
