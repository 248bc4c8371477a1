from pathlib import Path

PATH = Path(__file__).with_suffix(".json")
MODELS: dict[str, tuple[str, dict]] = {
    "mlp": ("mlp", {}),
    "lenet": ("lenet", {}),
    "cnn 8/16/32": ("cnn", {"widths": (8, 16, 32)}),
    "bag_of_patches": ("bag_of_patches", {}),
    "cnn": ("cnn", {}),
    "vit": ("vit", {}),
    "hybrid": ("hybrid", {}),
    "vgg": ("vgg", {}),
    "swish_cnn": ("swish_cnn", {}),
    "windowed_vit": ("windowed_vit", {}),
}
