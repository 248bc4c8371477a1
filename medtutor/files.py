"""Files that are there whole or not at all, whenever the power goes."""

import os


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
