#!/usr/bin/env bash
# torch 2.14.1, CPU, autocast to bfloat16, on a processor with AVX-512 BF16 (AMX was not tried): the gradient of a
# convolution's kernel, where a part of the kernel lies on nothing but padding at every place of the image. Here 16
# volumes of 2 x 5 x 6 voxels, a kernel of 3 x 3 x 3, padding 1; 3-D networks end in such small maps.
# Expected: 0 for that part, as in float32, whatever the memory held before.
# Seen: "float32: same True finite True; bfloat16: same False finite False". The part is left as the memory was found:
# five of six repetitions of one and the same step give other gradients, some with NaN, without a word.
# Fails if that changes. On processors without these instructions another code runs; it says so and ends well.
set -euo pipefail
if ! grep -q avx512_bf16 /proc/cpuinfo; then
  echo "no AVX-512 BF16 here: nothing to see"
  exit 0
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.14.1 numpy==2.4.6
seen=$("$folder/venv/bin/python" - <<'EOF'
import torch
from torch.nn import functional as F

torch.set_num_threads(1)
random = torch.Generator().manual_seed(0)
volumes, kernel = torch.randn(16, 8, 2, 5, 6, generator=random), torch.randn(8, 8, 3, 3, 3, generator=random)


def gradient(coarse):
    # Memory that was used before, as it is in any program.
    used = [torch.full((2**power,), float("nan")) for power in range(2, 21)]
    del used
    weight = kernel.clone().contiguous(memory_format=torch.channels_last_3d).requires_grad_()
    with torch.autocast("cpu", torch.bfloat16, enabled=coarse):
        answer = F.conv3d(volumes.contiguous(memory_format=torch.channels_last_3d), weight, padding=1)
    answer.float().square().sum().backward()
    return weight.grad


for name, coarse in (("float32", False), ("bfloat16", True)):
    found = [gradient(coarse) for _ in range(6)]
    same = all(torch.equal(each, found[0]) for each in found)
    finite = all(bool(each.isfinite().all()) for each in found)
    print(f"{name}: same {same} finite {finite}", end="; " if not coarse else "")
EOF
)
echo "torch 2.14.1: $seen"
[ "$seen" = "float32: same True finite True; bfloat16: same False finite False" ]
