"""Letters that are part of the pixels, and black in their place.

De-identification of the header leaves them where they stand. Two signs are used:

    sector    of an ultrasound only the largest piece of picture stays, what moves in a loop
    strokes   thin lines of one brightness, as high as their neighbours and in a row: a line of text

No method finds all letters. What stands in lead on a film, is written by hand, or is as faint as the noise around it
stays, and so does a face. Some anatomy looks like letters, colour flow above all, and is blacked out. Look at the
pictures before you hand them on.
"""

from typing import NamedTuple

import numpy as np
from scipy import ndimage

SCREENS = frozenset(("US", "IVUS"))  # modalities whose pictures have a border with words
SMALLEST, LARGEST = 5, 0.12  # height of a letter: pixels, and a share of the picture's
CONTRAST = 0.14  # of a stroke against what is around it, as a share of the picture's range
AT_LEAST, AT_LEAST_IN_SMALL = 3, 4  # letters in a row; in a small picture three specks are soon in a row
SMALL, TOO_SMALL = 100, 48  # shorter side, pixels; in the smallest no name is readable
ALIKE = 0.1  # the ink of two letters of a row
SPREAD = 0.35  # between the middle of a letter and its edges
STROKES = (3, 7, 13)  # widths, in pixels


def find_letters(frames: np.ndarray, modality: str = "") -> np.ndarray:
    """bool (H, W): where letters may stand, in any of the frames.

    frames    numbers (N, H, W), one picture or the frames of one loop; bright or dark letters
    modality  as DICOM has it: of those in `SCREENS` only the largest piece of picture is left

    >>> picture = np.zeros((1, 64, 64))
    >>> picture[0, 20:50, 10:50] = np.random.default_rng(0).random((30, 40))  # no letters, and nothing else
    >>> int(find_letters(picture).sum())
    0
    """
    lowest, highest = float(frames.min()), float(frames.max())
    if highest <= lowest or min(frames.shape[1:]) < TOO_SMALL:
        return np.zeros(frames.shape[1:], dtype=bool)
    scaled = (frames.astype(np.float32) - lowest) / (highest - lowest)
    found = np.zeros(frames.shape[1:], dtype=bool)
    loop = modality in SCREENS and len(scaled) > 4  # its border, where other letters could come and go, is black anyway
    for frame in (np.median(scaled, axis=0), *scaled[:: len(scaled) // 3]) if loop else scaled:
        found |= lines_of_text(frame)
    if modality in SCREENS:
        found |= ~largest_piece(scaled)
    return found


def largest_piece(frames: np.ndarray) -> np.ndarray:
    """bool (H, W): the convex hull of the largest connected piece of picture. In a loop that is what moves, else what
    is rough: the border is flat, but for letters, which are small.

    frames  (N, H, W), 0…1
    """
    from skimage.morphology import convex_hull_image

    reach = max(2, min(frames.shape[1:]) // 60)
    moves = frames.std(axis=0) > 0.015 if len(frames) > 2 else np.zeros(frames.shape[1:], dtype=bool)
    mean = frames.mean(axis=0)
    rough = np.abs(mean - ndimage.uniform_filter(mean, 3)) > 0.004
    piece = ndimage.binary_closing(moves if moves.mean() > 0.02 else rough, iterations=reach // 2)
    pieces, count = ndimage.label(ndimage.binary_opening(piece, iterations=2 * reach))
    if not count:
        return np.zeros(frames.shape[1:], dtype=bool)
    sizes = ndimage.sum_labels(np.ones_like(pieces), pieces, range(1, count + 1))
    return convex_hull_image(pieces == 1 + int(np.argmax(sizes)))


class _Piece(NamedTuple):
    """A connected piece of stroke: its box, and how bright its ink is."""

    top: int
    bottom: int
    left: int
    right: int
    ink: float
    letter: bool

    @property
    def height(self):
        return self.bottom - self.top


def lines_of_text(image: np.ndarray) -> np.ndarray:
    """bool (H, W): boxes around rows of at least `AT_LEAST` letters.

    image  (H, W), 0…1
    """
    found = np.zeros(image.shape, dtype=bool)
    least = AT_LEAST if min(image.shape) >= SMALL else AT_LEAST_IN_SMALL
    for bright in (image, 1 - image):
        for width in STROKES:
            thin = bright - ndimage.grey_opening(bright, (width + 2, width + 2))
            pieces = sorted(_pieces(thin > CONTRAST, bright), key=lambda piece: piece.left)
            for top, bottom, left, right in _rows(pieces, least):
                more = max(2, (bottom - top) // 3)
                found[max(0, top - more) : bottom + more, max(0, left - 2 * more) : right + 2 * more] = True
    return found


def _pieces(strokes, image):
    """The connected pieces, each with whether it may be a letter."""
    tallest = max(LARGEST * len(image), 40)
    labels, _ = ndimage.label(strokes, np.ones((3, 3)))
    for number, (down, across) in enumerate(ndimage.find_objects(labels), start=1):
        high, wide = down.stop - down.start, across.stop - across.start
        if high > 1.3 * tallest or wide > 12 * tallest:
            continue
        own = labels[down, across] == number
        usual, most = np.percentile(image[down, across][own], (50, 90))
        letter = SMALLEST <= high <= tallest and wide <= 1.6 * high + 2 and most - usual < SPREAD
        square = own.mean() > 0.92 and wide > 0.5 * high
        yield _Piece(down.start, down.stop, across.start, across.stop, float(most), letter and not square)


def _rows(pieces, least):
    """Boxes (top, bottom, left, right) of letters in a row, with whatever else stands between and beside them."""
    left = [piece for piece in pieces if piece.letter]
    while left:
        row = [left.pop(0)]
        for piece in list(left):
            last = row[-1]
            gap = piece.left - last.right
            if (
                gap <= 1.5 * max(last.height, piece.height)
                and min(abs(piece.bottom - last.bottom), abs(piece.top - last.top)) <= max(1, 0.15 * last.height)
                and 0.5 <= piece.height / last.height <= 2
                and abs(piece.ink - last.ink) <= ALIKE
            ):
                row.append(piece)
                left.remove(piece)
        if len(row) >= least:
            yield _with_neighbours(row, pieces)


def _with_neighbours(row, pieces):
    """The box of a row, grown over pieces that touch it: letters that are joined, commas, dashes."""
    top, bottom = min(piece.top for piece in row), max(piece.bottom for piece in row)
    first, last, high = row[0].left, max(piece.right for piece in row), bottom - top
    near = [
        piece
        for piece in pieces
        if top - high / 3 <= piece.top
        and piece.bottom <= bottom + high / 3
        and abs(piece.ink - row[0].ink) <= 2 * ALIKE
    ]
    for piece in near:
        if first < piece.right and piece.left <= last + high:
            last = max(last, piece.right)
    for piece in reversed(near):
        if piece.left < last and piece.right >= first - high:
            first = min(first, piece.left)
    return top, bottom, first, last
