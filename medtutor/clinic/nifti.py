"""NIfTI files as a `Reading`: their axes are to the right, front and head (RAS), ours to the left and back."""

import gzip
import io

import numpy as np

from ..data.sources.nifti import read_volume
from .opening import VALUES, only_our_words
from .readings import Reading

TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
UNITS = {1: 1000.0, 3: 0.001}  # metres and micrometres in millimetres; nibabel leaves them as they are


def read_nifti(content: bytes) -> Reading:
    """A NIfTI file's bytes, one volume, as a `Reading`: frames along its third axis, rows along its second.

    Raises `InputError` for a file that is no whole NIfTI of one volume.
    """
    import nibabel

    array, affine = read_volume(content, "the file", VALUES)
    with only_our_words("the file is no whole NIfTI file; get it anew, or export it as .nii.gz"):
        if content.startswith(b"\x1f\x8b"):
            content = gzip.GzipFile(fileobj=io.BytesIO(content)).read(348 + 192)
        header = nibabel.Nifti1Header.from_fileobj(io.BytesIO(content[:348]), check=False)
        words: list[str] = []
        by_sform, sform = header.get_sform(coded=True)
        by_qform, qform = _qform(header)
        if not sform and not qform:
            words.append("the file does not say where its voxels lie; its axes were taken as they stand in it")
        elif by_sform is not None and by_qform is not None:
            away = _corners(by_sform, by_qform, array.shape)
            if away > 0.1:
                words.append(
                    f"the file has two places (sform and qform), up to {away:.3g} mm apart; the sform was taken, as"
                    " nibabel does, but SimpleITK and others take the qform: a mask made with them lies elsewhere"
                )
        scale = UNITS.get(int(header["xyzt_units"]) & 7, 1.0)
        if scale != 1:
            words.append("the file's lengths are not in millimetres; they were converted")
        known = (sform or qform) and np.isfinite(affine).all() and abs(np.linalg.det(affine[:3, :3])) > 1e-9
        place = np.asarray(affine, dtype=np.float64).copy()
        place[:3] *= scale
        place = TO_LPS @ place[:, [2, 1, 0, 3]]
        zooms = [abs(float(zoom)) * scale or None for zoom in header.get_zooms()[:3]]
        lengths = np.linalg.norm(place[:3, :3], axis=0).tolist() if known else zooms[::-1]
    return Reading(
        frames=np.ascontiguousarray(array.transpose(2, 1, 0), dtype=np.float32),
        affine=place if known else None,
        spacing=tuple(lengths),
        modality="",
        sentences=tuple(words),
        kind="volume" if array.shape[2] > 1 else "image",
    )


def _qform(header):
    try:
        return header.get_qform(coded=True)
    except Exception:  # a quaternion of which nothing can be made
        return None, 0


def _corners(one, other, shape):
    """The largest distance between a corner of the volume by one affine and by the other, in mm."""
    corners = np.array([[i, j, k, 1] for i in (0, shape[0]) for j in (0, shape[1]) for k in (0, shape[2])])
    return float(np.linalg.norm((corners @ (one - other).T)[:, :3], axis=1).max())
