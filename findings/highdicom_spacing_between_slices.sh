#!/usr/bin/env bash
# highdicom 0.28.2: a segmentation of three CT slices. Their positions lie 2.5 mm apart; their headers say 9 mm
# (SpacingBetweenSlices). The caller knows it better, and gives pixel_measures with 2.5 mm.
# Expected: the segmentation says 2.5 mm, as its maker was told.
# Seen: "given 2.5, written 9.0". Where the pixel spacing agrees with that of the source images, what was given is left
# aside and the source's measures are taken, without a word; so a wrong header goes on into the segmentation, and a reader that goes
# by it, not by the positions, stretches the mask.
# Fails if that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet highdicom==0.28.2 pydicom==3.0.2 numpy==2.4.6
seen=$("$folder/venv/bin/python" -W ignore - <<'EOF'
import copy

import highdicom as hd
import numpy as np
import pydicom
from pydicom.data import get_testdata_file
from pydicom.sr.codedict import codes

source = pydicom.dcmread(get_testdata_file("CT_small.dcm", download=False))
series = []
for k in range(3):
    each = copy.deepcopy(source)
    each.SOPInstanceUID = hd.UID()
    each.ImagePositionPatient, each.ImageOrientationPatient = [0, 0, 2.5 * k], [1, 0, 0, 0, 1, 0]
    each.SpacingBetweenSlices = 9
    series.append(each)
mask = np.zeros((3, 128, 128), dtype=bool)
mask[:, 10:20, 10:20] = True
liver = hd.seg.SegmentDescription(
    1, "liver", codes.SCT.Tissue, codes.SCT.Liver, hd.seg.SegmentAlgorithmTypeValues.MANUAL
)
given = hd.PixelMeasuresSequence(
    pixel_spacing=[float(each) for each in source.PixelSpacing],
    slice_thickness=float(source.SliceThickness),
    spacing_between_slices=2.5,
)
made = hd.seg.Segmentation(
    series, mask, "BINARY", [liver], hd.UID(), 1, hd.UID(), 1, "maker", "model", "1", "1", pixel_measures=given
)
written = made.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]
print(f"given {float(given[0].SpacingBetweenSlices)}, written {float(written.SpacingBetweenSlices)}")
EOF
)
echo "highdicom 0.28.2: $seen"
[ "$seen" = "given 2.5, written 9.0" ]
