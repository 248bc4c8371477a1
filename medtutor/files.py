"""Files that are there whole or not at all, whenever the power goes."""

import hashlib
import os
from pathlib import Path

from .errors import InputError


def home():
    """The user's home folder, or None where there is none: an unknown user in a container, without $HOME."""
    try:
        return Path.home()
    except RuntimeError:
        return None


def resolve(path):
    """The `Path` of what a user gave as a file or folder: `~` is the home folder, as in a shell.

    Every path that comes from outside goes through here. Raises `InputError` for what can be no path, and for `~` where
    there is no home folder.
    """
    if not isinstance(path, (str, os.PathLike)) or not os.fspath(path) or "\0" in os.fsdecode(path):
        raise InputError(f"{str(path)[:60]!r} is no path; give the name of a file or folder")
    try:
        return Path(os.fsdecode(path)).expanduser()
    except RuntimeError:
        raise InputError(f"{path} cannot be found: there is no home folder here; give the whole path, or set HOME") from None


def write_whole(path, content):
    """Write text or bytes to a `Path`; what stood there before stands until the new is on the disk.

    Raises `OSError` where the file cannot be written.
    """
    # Two processes may write the same file: each has a partial one of its own.
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    with open(partial, "wb") as file:
        file.write(content.encode() if isinstance(content, str) else content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial, path)


def write_tensors(folder, name, tensors):
    """Write one safetensors file named by its content; returns its entry, {"file": …, "sha256": …}, for a JSON file beside it."""
    from safetensors.torch import save

    content = save({key: tensor.detach().cpu().contiguous() for key, tensor in tensors.items()})
    digest = hashlib.sha256(content).hexdigest()
    file = f"{name}-{digest[:12]}.safetensors"
    write_whole(folder / file, content)
    return {"file": file, "sha256": digest}


def read_tensors(folder, entry):
    """The tensors that `write_tensors` wrote. Raises `InputError` for a file that is missing or altered."""
    from safetensors import SafetensorError
    from safetensors.torch import load

    path = folder / Path(entry["file"]).name  # never outside the folder
    try:
        content = path.read_bytes()
    except OSError:
        raise InputError(f"{path.name} is missing from {folder}; copy the whole folder, or make it again") from None
    if hashlib.sha256(content).hexdigest() != entry["sha256"]:
        raise InputError(f"{path.name} in {folder} was altered or damaged; copy the folder again, or make it again")
    try:
        return load(content)
    except SafetensorError as error:
        raise InputError(f"{path.name} in {folder} is no safetensors file ({error}); make it again") from None
