"""PNG of pictures whose rows mostly repeat the row above: enlarged pixels, flat colours. numpy and zlib only."""

import struct
import zlib
from functools import lru_cache

import numpy as np

UP = 2  # the number of PNG's filter that writes a row as its difference from the row above
FEWEST = 3  # rows that must be the same before they are passed over
LARGEST_PRIME = 65521  # below 2**16: the modulus of zlib's checksum, Adler-32


def png(sheet):
    """The bytes of an RGB sheet as PNG, with every row as its difference from the row above ("up").

    Pillow tries five filters on each row, which took three quarters of a redraw. On enlarged pixels and flat colours
    "up" is all but the best. What is the same as the row above is not even looked at by zlib: what stands for so many
    such rows is known.
    """
    header = struct.pack(">IIBBBBB", sheet.width, sheet.height, 8, 2, 0, 0, 0)  # 8 bits, RGB
    parts = (b"IHDR", header), (b"IDAT", _compressed(sheet.tobytes(), 3 * sheet.width)), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*part) for part in parts)


def _chunk(kind, content):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def _compressed(data, width):
    """The zlib stream of rows of so many bytes, filtered."""
    rows, length, check = np.frombuffer(data, np.uint8).reshape(-1, width), width + 1, 1
    engine, parts = zlib.compressobj(1, zlib.DEFLATED, -zlib.MAX_WBITS), [b"\x78\x01"]
    for start, stop, is_same in _stretches([data[start : start + width] for start in range(0, len(data), width)]):
        if is_same:
            parts += [engine.flush(zlib.Z_FULL_FLUSH), _same(stop - start, length)]
            check = _checked(check, stop - start, length)
        else:
            filtered = np.empty((stop - start, length), np.uint8)
            filtered[:, 0] = UP
            filtered[0, 1:] = rows[0] if start == 0 else rows[start] - rows[start - 1]  # uint8: modulo 256
            np.subtract(rows[start + 1 : stop], rows[start : stop - 1], out=filtered[1:, 1:])
            parts.append(engine.compress(filtered))
            check = zlib.adler32(filtered, check)
    return b"".join([*parts, engine.flush(), struct.pack(">I", check)])


def _stretches(lines):
    """(start, stop, whether all are the same as the row above) of rows that go together; rows are bytes."""
    changed = [True, *(line != above for line, above in zip(lines[1:], lines))]
    ends = [number for number in range(1, len(lines)) if changed[number] != changed[number - 1]]
    begun = start = 0
    for stop in [*ends, len(lines)]:
        if not changed[start] and stop - start >= FEWEST:
            if begun < start:
                yield begun, start, False
            yield start, stop, True
            begun = stop
        start = stop
    if begun < len(lines):
        yield begun, len(lines), False


@lru_cache(1024)
def _same(count, length):
    """What stands in the stream for so many filtered rows that are the same as the row above."""
    rows = np.zeros((count, length), np.uint8)
    rows[:, 0] = UP
    engine = zlib.compressobj(1, zlib.DEFLATED, -zlib.MAX_WBITS)
    return engine.compress(rows) + engine.flush(zlib.Z_FULL_FLUSH)  # begins and ends with a byte, and looks at no other


def _checked(check, count, length):
    """The checksum once so many such rows have been added: Adler-32 by its definition (RFC 1950)."""
    total, sums = check & 0xFFFF, check >> 16
    for _ in range(count):
        total = (total + UP) % LARGEST_PRIME
        sums = (sums + length * total) % LARGEST_PRIME
    return sums << 16 | total
