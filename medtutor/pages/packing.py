"""Bytes as text that stands in an HTML page, as little of it as can be."""

import gzip

import numpy as np
import torch

# 91 characters that mean nothing in HTML, as basE91 has it: two of them hold 13 bits. Text is then 23 % larger than its
# bytes, where base64 is 33 % larger: half a megabyte of a page.
ALPHABET = bytes(range(33, 127)).translate(None, b"<&\\").decode()
BITS, BASE = 13, len(ALPHABET)


def as_text(content: bytes) -> str:
    """Bytes in characters of `ALPHABET`, the first number of 13 bits first; the last is filled with zeros.

    >>> as_text(bytes(13)) == "!!" * 8, len(as_text(b"medtutor"))
    (True, 10)
    """
    bits = np.unpackbits(np.frombuffer(content, dtype=np.uint8))
    groups = np.pad(bits, (0, -len(bits) % BITS)).reshape(-1, BITS)
    numbers = groups @ (1 << np.arange(BITS - 1, -1, -1))
    letters = np.frombuffer(ALPHABET.encode(), dtype=np.uint8)
    return np.stack([letters[numbers // BASE], letters[numbers % BASE]], axis=1).tobytes().decode()


def planes(content: bytes, width: int = 4) -> bytes:
    """Numbers of `width` bytes, all first bytes first, then all second ones: floats pack better so.

    >>> planes(b"abcdABCD")
    b'aAbBcCdD'
    """
    return np.frombuffer(content, dtype=np.uint8).reshape(-1, width).T.tobytes()


def block(name: str, content: bytes) -> str:
    """An element of a page that holds bytes, gzip among them, for the script that asks for it by its name."""
    return f'<script type="text/plain" id="{name}" data-bytes="{len(content)}">{as_text(content)}</script>'


def zipped(content: bytes) -> bytes:
    """Bytes through gzip, the same ones each time."""
    return gzip.compress(content, 9, mtime=0)


def rounded(tensor: torch.Tensor, bits: int) -> torch.Tensor:
    """float32 numbers with `bits` of their 23 bits after the point, the others zero, which gzip takes away.

    >>> rounded(torch.tensor([1 / 3]), 7)
    tensor([0.3340])
    """
    lost = 23 - bits
    whole = (tensor.detach().float().contiguous().view(torch.int32) + (1 << (lost - 1))) >> lost << lost
    return whole.view(torch.float32)
