"""What goes wrong with an image on its way to the network, in five steps each: the kinds of MedMNIST-C.

MedMNIST-C (Di Salvo et al. 2024, https://arxiv.org/abs/2406.17536) lists for each set of MedMNIST what happens to its
kind of image. Here are the thirteen kinds of PneumoniaMNIST with their severities, written anew, and one more: another
scanner. MedMNIST-C makes them of 224 x 224 pixels. What is counted in pixels, the blur, is counted here in pixels of
the image as it is, and so is harsher on a small one.
"""

import io
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from PIL import Image, ImageEnhance
from scipy import ndimage

from ..checks import one_of, seed, whole
from ..errors import InputError

SEVERITIES = 5


class Corruption(NamedTuple):
    """How an image (H, W) uint8 is changed, and the five strengths of it."""

    change: Callable
    severities: tuple
    meaning: str


def _resized(image, share, rng):
    height, width = image.shape
    small = Image.fromarray(image).resize(
        (max(1, int(width * share)), max(1, int(height * share))), Image.Resampling.BOX
    )
    return np.asarray(small.resize((width, height), Image.Resampling.BOX))


def _jpeg(image, quality, rng):
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))


def _gaussian_noise(image, sigma, rng):
    return image + 255 * sigma * rng.standard_normal(image.shape)


def _speckle_noise(image, sigma, rng):
    return image * (1 + sigma * rng.standard_normal(image.shape))


def _impulse_noise(image, share, rng):
    struck, white = rng.random(image.shape) < share, rng.random(image.shape) < 0.5
    return np.where(struck, np.where(white, 255, 0), image)


def _shot_noise(image, photons, rng):
    return 255 * rng.poisson(image / 255 * photons) / photons


def _gaussian_blur(image, kernel, rng):
    # The width that torchvision gives a kernel of so many pixels.
    return ndimage.gaussian_filter(image.astype(np.float32), 0.3 * ((kernel - 1) * 0.5 - 1) + 0.8, mode="mirror")


def _brightness(image, factor, rng):
    return np.asarray(ImageEnhance.Brightness(Image.fromarray(image)).enhance(factor))


def _contrast(image, factor, rng):
    return np.asarray(ImageEnhance.Contrast(Image.fromarray(image)).enhance(factor))


def _gamma(image, power, rng):
    return 255 * (image / 255) ** power


def _scanner(image, step, rng):
    """Another tube, detector and processing, the same for all images: a softer edge, another curve from dose to grey
    level, a field that is dark towards the corners, and the noise of fewer photons.
    """
    height, width = image.shape
    soft = ndimage.gaussian_filter(image / 255, 0.15 * step, mode="nearest")
    curve = soft ** (1 + 0.12 * step)
    down, across = np.linspace(-1, 1, height)[:, None], np.linspace(-1, 1, width)
    field = 1 - 0.06 * step * (down**2 + across**2) / 2
    photons = 3000 / step
    return 255 * rng.poisson(curve * field * photons) / photons


CORRUPTIONS = {
    "pixelate": Corruption(_resized, (0.8, 0.7, 0.6, 0.5, 0.4), "shrunk to a share of its size, and enlarged again"),
    "jpeg compression": Corruption(_jpeg, (50, 30, 15, 10, 7), "stored as JPEG of that quality"),
    "gaussian noise": Corruption(_gaussian_noise, (0.04, 0.05, 0.06, 0.07, 0.08), "noise of the detector"),
    "speckle noise": Corruption(_speckle_noise, (0.05, 0.07, 0.1, 0.15, 0.2), "noise that grows with brightness"),
    "impulse noise": Corruption(_impulse_noise, (0.005, 0.01, 0.013, 0.017, 0.02), "single pixels black or white"),
    "shot noise": Corruption(_shot_noise, (300, 200, 150, 100, 80), "few photons"),
    "gaussian blur": Corruption(_gaussian_blur, (3, 5, 7, 9, 11), "out of focus, or moved"),
    "brightness up": Corruption(_brightness, (1.1, 1.2, 1.3, 1.4, 1.5), "overexposed"),
    "brightness down": Corruption(_brightness, (0.9, 0.8, 0.7, 0.6, 0.5), "underexposed"),
    "contrast up": Corruption(_contrast, (1.1, 1.2, 1.3, 1.4, 1.6), "a narrower window"),
    "contrast down": Corruption(_contrast, (0.9, 0.8, 0.7, 0.6, 0.4), "a wider window"),
    "gamma up": Corruption(_gamma, (1.1, 1.2, 1.3, 1.4, 1.6), "another curve of the screen: darker"),
    "gamma down": Corruption(_gamma, (0.9, 0.8, 0.7, 0.6, 0.4), "another curve of the screen: lighter"),
    "another scanner": Corruption(_scanner, (1, 2, 3, 4, 5), "softer, darker to the corners, with fewer photons"),
}


def corrupted(images: ArrayLike, kind: str, severity: int, generator: np.random.Generator | int = 0) -> np.ndarray:
    """The images with one of `CORRUPTIONS`: uint8 of the same shape.

    images     uint8, grey, (N, 1, H, W) or (N, H, W); a tensor's copy comes back as an array
    kind       a name in `CORRUPTIONS`
    severity   0 (nothing changes) to 5
    generator  a numpy Generator, or a seed; only noise draws from it

    Raises `InputError` for another kind, severity or shape, and for no image.

    >>> corrupted(np.full((1, 1, 4, 4), 100, np.uint8), "brightness up", 3)[0, 0, 0]
    array([130, 130, 130, 130], dtype=uint8)
    """
    pixels = np.asarray(images)
    grey = pixels.ndim == 3 or (pixels.ndim == 4 and pixels.shape[1] == 1)
    if pixels.dtype != np.uint8 or not grey or not pixels.size:
        raise InputError(
            f"images are {pixels.dtype} of shape {pixels.shape}; give grey uint8 images (N, 1, H, W), one or more"
        )
    how = CORRUPTIONS[one_of("corruption", kind, CORRUPTIONS)]
    severity = whole("severity", severity, 0, SEVERITIES)
    if not severity:
        return pixels.copy()
    rng = np.random.default_rng(
        generator if isinstance(generator, np.random.Generator) else seed(generator, "generator")
    )
    flat = pixels.reshape(-1, *pixels.shape[-2:])
    changed = np.stack([how.change(image, how.severities[severity - 1], rng) for image in flat])
    return changed.round().clip(0, 255).astype(np.uint8).reshape(pixels.shape)
