#!/usr/bin/env bash
# torchmetrics 1.9.0, segmentation: two images, three classes with the background; the answer is the truth, voxel by
# voxel. Class 1 lies in the second image alone, class 2 in none. The background is left out.
# Expected: a perfect answer gets 1, and a class that is nowhere is told in one way.
# Seen: "DiceScore 1.0 [1.0, nan], MeanIoU 1.0 [1.0, -1.0], GeneralizedDiceScore 0.5 [0.5, 0.0]".
# The mean, then the value of each class. MeanIoU marks the absent class by -1, which a mean of one's own over the
# classes takes for a value; GeneralizedDiceScore counts an image without foreground, and an absent class, as 0.
# Fails if that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.14.1 torchmetrics==1.9.0 numpy==2.4.6
seen=$("$folder/venv/bin/python" - <<'EOF'
import torch
from torchmetrics.segmentation import DiceScore, GeneralizedDiceScore, MeanIoU

truth = torch.zeros(2, 3, 8, 8, dtype=torch.int)
truth[:, 0] = 1
truth[1, 0, :2], truth[1, 1, :2] = 0, 1


def score(kind, **changed):
    metric = kind(num_classes=3, include_background=False, input_format="one-hot", **changed)
    metric.update(truth.clone(), truth)
    return metric.compute().tolist()


found = []
for kind, each in ((DiceScore, {"average": "none"}), (MeanIoU, {"per_class": True}), (GeneralizedDiceScore, {"per_class": True})):
    whole = score(kind, average="macro") if kind is DiceScore else score(kind)
    found.append(f"{kind.__name__} {whole} {score(kind, **each)}")
print(", ".join(found))
EOF
)
echo "torchmetrics 1.9.0: $seen"
[ "$seen" = "DiceScore 1.0 [1.0, nan], MeanIoU 1.0 [1.0, -1.0], GeneralizedDiceScore 0.5 [0.5, 0.0]" ]
