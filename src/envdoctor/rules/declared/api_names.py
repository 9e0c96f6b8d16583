"""Names that libraries took out of their interface, or announced to: the table behind `api-removed`.

What was removed was looked for in the wheels themselves, the last that has it and the first that does not; what is
deprecated in the warning the newest wheel of the table's day still gives.
"""

from __future__ import annotations

import re
from typing import NamedTuple


class Gone(NamedTuple):
    """A name and what became of it.

    `name` is a pattern over the whole dotted name; `keyword` an argument of its call, "" for the name itself. `since`
    is the first release without it; of what is `deprecated` a release that warns, while `seen` still had it.
    """

    library: str
    name: re.Pattern[str]
    since: str
    instead: str
    source: str
    keyword: str = ""
    deprecated: bool = False
    seen: str = ""


def _any(*names: str) -> re.Pattern[str]:
    """A pattern of these names, and of what lies below them."""
    return re.compile(rf"(?:{'|'.join(map(re.escape, names))})(?:\.\w+)*")


TRANSFORM = r"albumentations\.(?:\w+\.)*"

_IMGAUG = re.compile(
    TRANSFORM + r"(?:IAA(?:Perspective|Affine|AdditiveGaussianNoise|Emboss|Sharpen|Superpixels|Fliplr|PiecewiseAffine))"
)
_DROPPED = re.compile(TRANSFORM + r"(?:Cutout|JpegCompression|RandomContrast|RandomBrightness|ToTensor)")
_SIZED = re.compile(TRANSFORM + r"(?:RandomResizedCrop|RandomSizedCrop)")
_AUDIO = _any(
    *(
        f"torchaudio.{name}"
        for name in (
            "list_audio_backends",
            "set_audio_backend",
            "get_audio_backend",
            "info",
            "AudioMetaData",
            "io",
            "backend",
            "sox_effects",
            "kaldi_io",
            "prototype",
        )
    )
)

GONE = (
    Gone(
        "torch",
        _any("torch.distributed.launch"),
        "1.13.1",
        "torchrun (`python -m torch.distributed.run`), which hands the rank over in LOCAL_RANK and not as --local-rank",
        "torch/distributed/launch.py of torch 1.13.1 and 2.15.0",
        deprecated=True,
        seen="2.15.0",
    ),
    Gone(
        "torch",
        _any("torch.cuda.amp.autocast", "torch.cuda.amp.GradScaler"),
        "2.4.0",
        'torch.amp.autocast("cuda", ...) and torch.amp.GradScaler("cuda", ...)',
        "torch/cuda/amp of torch 2.4.0 and 2.15.0",
        deprecated=True,
        seen="2.15.0",
    ),
    Gone("torch", _any("torch._six"), "2.0.0", "Python's own types", "wheels of torch 1.13.1 and 2.0.0"),
    Gone(
        "torchvision",
        _any("torchvision.transforms.functional_tensor"),
        "0.17.0",
        "torchvision.transforms.functional",
        "wheels of torchvision 0.16.2 and 0.17.0",
    ),
    Gone(
        "torchvision",
        re.compile(r"torchvision\.models\.[\w.]+"),
        "0.15.2",
        'weights="DEFAULT" or a weights enum',
        "torchvision/models/_utils.py of torchvision 0.15.2 and 0.29.2, which tell of 0.13",
        keyword="pretrained",
        deprecated=True,
        seen="0.29.2",
    ),
    Gone(
        "torchaudio",
        _AUDIO,
        "2.9.0",
        "torchaudio.load and torchaudio.save, or torchcodec, which they use",
        "wheels of torchaudio 2.8.0 and 2.9.0; torchaudio issue 3902",
    ),
    Gone(
        "albumentations",
        _IMGAUG,
        "1.4.0",
        "the transform of the same name without IAA (Perspective, Affine, GaussNoise, Emboss, Sharpen, Superpixels)",
        "wheels of albumentations 1.3.1 and 1.4.0",
    ),
    Gone(
        "albumentations",
        _DROPPED,
        "1.4.0",
        "CoarseDropout, ImageCompression, RandomBrightnessContrast, ToTensorV2",
        "wheels of albumentations 1.3.1 and 1.4.0",
    ),
    Gone(
        "albumentations",
        re.compile(TRANSFORM + "Flip"),
        "1.4.24",
        "HorizontalFlip, VerticalFlip or D4",
        "wheels of albumentations 1.4.23 and 1.4.24",
    ),
    *(
        Gone(
            "albumentations",
            pattern,
            "2.0.0",
            instead,
            "wheels of albumentations 1.4.24 and 2.0.0",
            keyword=keyword,
        )
        for pattern, keyword, instead in (
            (_SIZED, "height", "size=(height, width)"),
            (_SIZED, "width", "size=(height, width)"),
            (re.compile(TRANSFORM + "CoarseDropout"), "max_holes", "num_holes_range"),
            (re.compile(TRANSFORM + "GaussNoise"), "var_limit", "std_range"),
            (re.compile(TRANSFORM + "ImageCompression"), "quality_lower", "quality_range"),
            (re.compile(TRANSFORM + "PadIfNeeded"), "value", "fill"),
            (re.compile(TRANSFORM + "ShiftScaleRotate"), "value", "fill"),
            (re.compile(TRANSFORM + "Downscale"), "scale_min", "scale_range"),
        )
    ),
)
