"""What a network costs, and what makes it cheaper: measured, pruned, quantised, distilled, exported."""

from .deadline import FRAME_MS, Chain, Timeline, follow, fuse_batch_norms, ultrasound_loop
from .distillation import distil, distillation_loss
from .early_exit import EarlyExit
from .exporting import OnnxNetwork, changed, export_onnx, quantise_onnx
from .measuring import (
    Latency,
    NetworkCost,
    energy,
    file_bytes,
    forward_flops,
    latencies,
    latency,
    measure_network,
    model_latency,
    peak_memory,
)
from .pruning import prune_weights, remove_channels, zeros
from .quantisation import dequantise, quantise, rounded_weights, scale_and_zero_point

__all__ = [
    "FRAME_MS",
    "Timeline",
    "Chain",
    "EarlyExit",
    "Latency",
    "NetworkCost",
    "OnnxNetwork",
    "changed",
    "dequantise",
    "distil",
    "distillation_loss",
    "energy",
    "export_onnx",
    "file_bytes",
    "follow",
    "forward_flops",
    "fuse_batch_norms",
    "latencies",
    "latency",
    "measure_network",
    "model_latency",
    "peak_memory",
    "prune_weights",
    "quantise",
    "quantise_onnx",
    "remove_channels",
    "rounded_weights",
    "scale_and_zero_point",
    "ultrasound_loop",
    "zeros",
]
