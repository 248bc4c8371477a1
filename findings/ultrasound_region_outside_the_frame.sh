#!/usr/bin/env bash
# pydicom 3.0.2's own ultrasound loop, examples_ybr_color.dcm: the header names the region of the picture that shows
# ultrasound (SequenceOfUltrasoundRegions, by its corners), which tools use to cut off a border with burned-in letters.
# Expected: the region lies within the frame.
# Seen: "frame 320 x 240, region 84 to 595 and 31 to 414": it goes on for almost a frame beyond the right and the lower
# end, as that of a larger picture would. Cut by it, the frame keeps the letters and numbers at its right and lower border.
# Fails if that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet pydicom==3.0.2
seen=$("$folder/venv/bin/python" - <<'EOF'
import pydicom
from pydicom.data import get_testdata_file

loop = pydicom.dcmread(get_testdata_file("examples_ybr_color.dcm", download=False))
(region,) = loop.SequenceOfUltrasoundRegions
left, right = region.RegionLocationMinX0, region.RegionLocationMaxX1
top, bottom = region.RegionLocationMinY0, region.RegionLocationMaxY1
print(f"frame {loop.Columns} x {loop.Rows}, region {left} to {right} and {top} to {bottom}")
EOF
)
echo "pydicom 3.0.2, examples_ybr_color.dcm: $seen"
[ "$seen" = "frame 320 x 240, region 84 to 595 and 31 to 414" ]
