"""What models are built from, checked before any memory is taken."""

from .. import checks
from ..errors import InputError

MOST = 1_000_000_000  # numbers of a model that `build` makes: 4 GB, and training takes four times as much
SIDE = 8192  # pixels

# option: (least, most). Where a model has a sentence of its own for too small a number, only the most stands here.
_WHOLE = {
    "channels": (1, 4096),
    "out_channels": (1, 4096),
    "classes": (None, 100_000),
    "outputs": (1, 100_000),
    "frames": (1, 10_000),
    "features": (1, 100_000),
    "columns": (1, 10_000),
    "width": (1, 65_536),
    "hidden": (1, 4096),
    "latents": (None, 65_536),
    "depth": (None, 100),
    "heads": (None, 4096),
    "expansion": (1, 64),
    "patch": (None, SIDE),
    "window": (None, SIDE),
}
_FLAGS = ("positions", "together", "recurrent", "skips", "spectral", "minibatch")


def checked(name: str, value: object) -> object:
    """An option by name as Python's own int, bool or tuple of ints; of another name as it is.

    Raises `InputError` for a number out of range, and for what is none.
    """
    if name in _WHOLE:
        return checks.whole(name, value, *_WHOLE[name])
    if name in _FLAGS:
        return checks.flag(name, value)
    return checks.wholes(name, value, 1, 4096) if name == "widths" else value


def check(**options: object) -> None:
    """Raise `InputError` for the first option that is no number, or out of range."""
    for name, value in options.items():
        checked(name, value)


def check_shape(shape: object, least: int = 1, volumes: bool = True) -> None:
    """Raise `InputError` unless `shape` is (height, width), or with `volumes` also (depth, height, width), of sides
    from `least`.
    """
    sides = checks.wholes("shape", shape, 1, SIDE, 2, 3)
    if (len(sides) == 3 and not volumes) or min(sides) < least:
        kinds = "images (height, width) or volumes (depth, height, width)" if volumes else "images (height, width)"
        raise InputError(f"the shape is {sides}; this model takes {kinds} of at least {least} pixels along each side")


def check_size(name: str, numbers: int) -> None:
    """Raise `InputError` for a model of more numbers than a machine like those here has room for."""
    if numbers > MOST:
        raise InputError(
            f"model {name} would have {numbers:,} parameters for images of this size; at most {MOST:,} are built,"
            " choose a smaller one"
        )
