"""Decoding the pixels of DICOM files, for everything here that reads one."""

from typing import Any

import numpy as np

GREY = ("MONOCHROME1", "MONOCHROME2")
RLE = "1.2.840.10008.1.2.5"


def decodes(syntax: Any) -> bool:
    """Whether pixels of a transfer syntax, a pydicom `UID`, can be decoded with what is installed.

    >>> from pydicom.uid import ExplicitVRLittleEndian, MPEG2MPML
    >>> decodes(ExplicitVRLittleEndian), decodes(MPEG2MPML)
    (True, False)
    """
    from pydicom.pixels import get_decoder

    try:
        return get_decoder(syntax).is_available
    except NotImplementedError:
        return False


def decoded(dataset: Any, **which: Any) -> np.ndarray:
    """The pixels of a data set, as pydicom's `pixel_array` gives them, to which `which` goes, such as `index=3`.

    Raises whatever a decoder raises.

    >>> from pydicom import dcmread
    >>> from pydicom.data import get_testdata_file
    >>> decoded(dcmread(get_testdata_file("CT_small.dcm", download=False))).shape
    (128, 128)
    """
    from pydicom.pixels import pixel_array

    head = getattr(dataset, "file_meta", None)
    # pydicom's own for RLE: that of pylibjpeg panics on a damaged frame, which no `except Exception` catches.
    plugin = "pydicom" if getattr(head, "TransferSyntaxUID", None) == RLE else ""
    return pixel_array(dataset, decoding_plugin=plugin, **which)
