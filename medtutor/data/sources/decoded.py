"""Sets larger than memory: the images of an npz file, decoded once to files that are mapped, not read.

An npz file is compressed: no image can be had without all before it. So its images are written once, as they are
trained on, to one npy file a split. A mapped file takes no memory of its own: the system reads what a batch asks for,
and drops it when others need the room.
"""

import errno
import json
import math
import mmap
import os
import shutil
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import pooch
import psutil
import torch
from filelock import FileLock
from tqdm import tqdm

from ...errors import InputError, MedtutorError
from ...files import alone, home, write_whole
from ...records import read_json
from ..arrays import channels_first
from ..card import SPLITS

FORMAT = 1  # of the copy; one of another format is decoded anew
MANIFEST = "decoded.json"
SHARE = 0.5  # of the memory that is available: images that take more of it are mapped
CHUNK = 2**24  # bytes of images that are decoded at a time
# Linux counts a map that may be written against all memory there is, unless told not to. Python before 3.13 lacks
# the name.
_UNCOUNTED = getattr(mmap, "MAP_NORESERVE", 0x4000 if sys.platform == "linux" else 0)
# EFBIG: the disk has room, but not for a file of that size, as a USB stick with FAT32.
_FULL, _FORBIDDEN = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG), (errno.EACCES, errno.EPERM, errno.EROFS)


# --- memory ---------------------------------------------------------------------------


def too_large(path: Path) -> bool:
    """Whether the images of an npz file take more than `SHARE` of the memory that is available."""
    with zipfile.ZipFile(path) as archive:
        size = sum(archive.getinfo(f"{split}_images.npy").file_size for split in SPLITS)
    return size > SHARE * available_memory()


def available_memory(root: Path = Path("/sys/fs/cgroup")) -> int:
    """Bytes that this process may still take: what the machine has, or less where a cgroup sets a limit."""
    found = [psutil.virtual_memory().available]
    for limit, used, cache in (
        ("memory.max", "memory.current", "inactive_file"),  # cgroup v2
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "total_inactive_file"),  # v1
    ):
        with suppress(OSError, ValueError, LookupError):  # no such cgroup; "max": no limit
            most, taken = (int((root / name).read_text()) for name in (limit, used))
            statistics = dict(line.split() for line in (root / limit).with_name("memory.stat").read_text().splitlines())
            # Pages of files that nobody has asked for lately count as used, but are given up when memory is short.
            found.append(max(0, most - taken + int(statistics[cache])))
    return min(found)


# --- where a copy lies -------------------------------------------------------------------


def places(path: Path) -> list[Path]:
    """Where the copy of an npz file may lie: beside it, or where that cannot be written, in the user's cache folder."""
    name = f"{path.stem}.decoded"
    return [path.with_name(name), *([Path(pooch.os_cache("medtutor")) / name] if home() else [])]


def ready(path: Path, md5: str, unchanged: bool = False) -> dict[str, torch.Tensor] | None:
    """The mapped images {split: uint8 (N, C, …)} of an npz file that was decoded; None where no copy is whole.

    unchanged  also None where the file is not, by its signature, the one whose MD5 was last checked

    Whole means: of this format, of a file with this MD5, with files of the right sizes. What is in them is not read.
    """
    for place in places(path):
        with suppress(OSError, ValueError, LookupError, TypeError, AttributeError):  # none, or damaged
            record = read_json(place / MANIFEST)
            if (record["format"], record["md5"]) == (FORMAT, md5) and (
                not unchanged or record["file"] == _signature(path)
            ):
                return {split: _mapped(place / f"{split}.npy", record["shapes"][split]) for split in SPLITS}
    return None


def _signature(path):
    """What tells a changed npz file from the one of before without reading it: size, time, and the checksum that its
    directory holds of each array. Only images that were damaged in place, with the time kept, go unnoticed: these are
    not read, and the copy is that of the published file. Labels are read each time, and then checked.
    """
    stat = path.stat()
    with zipfile.ZipFile(path) as archive:
        return [stat.st_size, stat.st_mtime_ns, *sorted([each.filename, each.CRC] for each in archive.infolist())]


def _recognise(path, md5):
    """Note in the copies of a file whose MD5 was checked how it looks now: a touched file is checked once."""
    for place in places(path):
        with suppress(OSError, ValueError, LookupError, TypeError):  # where that may not be, it is checked each time
            record = read_json(place / MANIFEST)
            if record["md5"] == md5 and record["file"] != _signature(path):
                with _lock(place):
                    write_whole(place / MANIFEST, json.dumps(record | {"file": _signature(path)}))


def _mapped(path, shape):
    """The array of an npy file as a tensor. What is written to it stays in memory: the file is never changed.

    Raises `ValueError` for a file of another shape, type or length.
    """
    with open(path, "rb") as file:
        if _header(file) != (tuple(shape), False, np.dtype(np.uint8)):
            raise ValueError(f"{path.name} holds another array")
        start, count = file.tell(), math.prod(shape)
        if os.fstat(file.fileno()).st_size != start + count:
            raise ValueError(f"{path.name} is cut off")
        pages = mmap.mmap(file.fileno(), 0, mmap.MAP_PRIVATE | _UNCOUNTED, mmap.PROT_READ | mmap.PROT_WRITE)
    return torch.frombuffer(pages, dtype=torch.uint8, count=count, offset=start).view(tuple(shape))


def _header(file):
    """(shape, Fortran order, dtype) of an open npy file, which stands at its first number afterwards."""
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    return read(file)


# --- decoding ------------------------------------------------------------------------------


def decode(path: Path, md5: str, progress: bool = True) -> dict[str, torch.Tensor]:
    """The mapped images {split: uint8 (N, C, …)} of an npz file whose MD5 and sizes were checked.

    A copy that is whole is taken. Else one is made in a folder of another name, which gets its own as the last step:
    a kill leaves nothing that would be taken for whole. Processes that want the same file wait for the first.

    Raises `MedtutorError` where there is no room for it, or no folder that can be written; then no part of it is left.
    """
    images = ready(path, md5)  # without a lock, which is a file: the folder may be read only
    if images is not None:
        _recognise(path, md5)
        return images
    why = "what was written cannot be read again"
    for place in places(path):
        try:
            with _lock(place):
                images = ready(path, md5)
                if images is None:
                    _decode_alone(path, md5, place, progress)
                    images = ready(path, md5)
                if images is not None:
                    return images
        except OSError as error:
            if error.errno not in _FULL + _FORBIDDEN:
                raise
            why = str(error.strerror or error)
            if error.errno in _FULL:
                break
    room = f"{sum(_sizes(path).values()) / 1e9:.1f} GB free"
    raise MedtutorError(
        f"{path.name} is too large for the memory here, and its images cannot be decoded to {place.parent} ({why}); see"
        f" to {room} there, or move the file to a folder with {room} and set MEDTUTOR_DATA to that"
    )


@contextmanager
def _lock(place: Path) -> Iterator[None]:
    place.parent.mkdir(parents=True, exist_ok=True)
    with alone(FileLock(place.with_name(f".{place.name}.lock"))):
        yield


def _part(place):
    """The folder that a copy is made in."""
    return place.with_name(f".{place.name}.part")


def _decode_alone(path, md5, place, progress):
    """`decode` for whoever holds the lock: no other process works on this copy."""
    part, sizes = _part(place), _sizes(path)
    _remove(place)  # damaged, or of another format
    try:
        part.mkdir()
        if shutil.disk_usage(part).free < sum(sizes.values()):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        record = {"format": FORMAT, "md5": md5, "file": _signature(path), "shapes": {}}
        with (
            zipfile.ZipFile(path) as archive,
            tqdm(
                total=sum(sizes.values()),
                unit="B",
                unit_scale=True,
                desc=f"decoding {path.name}, once",
                delay=2,
                disable=not progress,
            ) as bar,
        ):
            for split in SPLITS:
                record["shapes"][split] = _decode_split(archive, split, part / f"{split}.npy", bar)
        write_whole(part / MANIFEST, json.dumps(record))
        os.replace(part, place)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _decode_split(archive, split, target, bar):
    """Write the images of a split, channels first; their shape."""
    with archive.open(f"{split}_images.npy") as source, open(target, "xb") as file:
        shape, by_columns, dtype = _header(source)
        if by_columns:
            raise InputError(
                f"{split} images are in Fortran order, which cannot be read in parts; save them in C order"
            )
        # An array without content, which takes no memory: shape and type are refused before the first image is read.
        like = channels_first(np.broadcast_to(np.zeros((), dtype), shape)[:1], split, sequence=False)
        written = [shape[0], *like.shape[1:]]
        header = {"descr": "|u1", "fortran_order": False, "shape": tuple(written)}
        np.lib.format.write_array_header_1_0(file, header)
        each = like.numel()
        rows = max(1, CHUNK // each)
        for first in range(0, shape[0], rows):
            count = min(rows, shape[0] - first)
            content = source.read(count * each)
            if len(content) < count * each:
                raise EOFError(f"the {split} images are cut off")
            chunk = np.frombuffer(content, np.uint8).reshape(count, *shape[1:])
            file.write(channels_first(chunk, split, sequence=False).numpy().data)
            bar.update(len(content))
        file.flush()
        os.fsync(file.fileno())
    return written


def _sizes(path):
    """Bytes of each split's images, unpacked."""
    with zipfile.ZipFile(path) as archive:
        return {split: archive.getinfo(f"{split}_images.npy").file_size for split in SPLITS}


# --- removing ------------------------------------------------------------------------------


def copies(path: Path) -> list[Path]:
    """The folders that hold decoded copies of an npz file, whole or not."""
    return [place for place in places(path) if os.path.isdir(place) or os.path.isdir(_part(place))]


def remove(place: Path) -> None:
    """Delete a copy. Who has mapped it keeps it until its process ends. Raises `OSError` where that may not be."""
    with _lock(place):
        _remove(place)


def _remove(place):
    for folder in (_part(place), place):
        if folder.is_dir():
            shutil.rmtree(folder)
