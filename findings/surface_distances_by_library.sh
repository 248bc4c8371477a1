#!/usr/bin/env bash
# MedPy 0.5.2, surface-distance 0.1 (DeepMind) and SimpleITK 2.5.7, one and the same pair of masks: an ellipsoid in
# voxels of 3 x 1 x 1 mm, and the same moved by one voxel, with a false alarm of 5 x 5 x 5 voxels far away.
# Expected: "HD95" and "average surface distance" in mm mean one thing, up to how a surface is cut into pieces.
# Seen: "HD95 MedPy 1.00, surface-distance 19.34; average MedPy 2.14 and 1.30, surface-distance 2.22 and 0.23, SimpleITK 0.40".
# MedPy takes the percentile of both directions' distances together, so a false alarm of less than 5 % of both
# surfaces is not there; surface-distance takes the worse direction's. SimpleITK's GetAverageHausdorffDistance goes
# over all voxels of a mask, those inside the other counted as 0 (0.74 and 0.06 here), and takes the mean of both directions.
# A published HD95 or average distance is comparable only beside the name of the program. Fails if that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet MedPy==0.5.2 surface-distance==0.1 SimpleITK==2.5.7 numpy==2.4.6 scipy==1.17.1
seen=$("$folder/venv/bin/python" - <<'EOF'
import numpy as np
import SimpleITK as sitk
import surface_distance
from medpy.metric import binary

SPACING = (3.0, 1.0, 1.0)
z, y, x = np.mgrid[:24, :48, :48]
truth = ((z - 12) / 6) ** 2 + ((y - 20) / 12) ** 2 + ((x - 20) / 12) ** 2 < 1
answer = np.roll(truth, 1, axis=1)
answer[10:15, 40:45, 40:45] = True

found = surface_distance.compute_surface_distances(truth, answer, SPACING)
there, back = surface_distance.compute_average_surface_distance(found)
images = [sitk.GetImageFromArray(mask.astype(np.uint8)) for mask in (truth, answer)]
for image in images:
    image.SetSpacing(SPACING[::-1])
filtered = sitk.HausdorffDistanceImageFilter()
filtered.Execute(*images)
print(
    f"HD95 MedPy {binary.hd95(answer, truth, SPACING):.2f},"
    f" surface-distance {surface_distance.compute_robust_hausdorff(found, 95):.2f};"
    f" average MedPy {binary.asd(answer, truth, SPACING):.2f} and {binary.assd(answer, truth, SPACING):.2f},"
    f" surface-distance {back:.2f} and {there:.2f}, SimpleITK {filtered.GetAverageHausdorffDistance():.2f}"
)
EOF
)
echo "$seen"
[ "$seen" = "HD95 MedPy 1.00, surface-distance 19.34; average MedPy 2.14 and 1.30, surface-distance 2.22 and 0.23, SimpleITK 0.40" ]
