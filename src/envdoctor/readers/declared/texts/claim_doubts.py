"""Sentences that speak of releases and claim nothing: comparisons, histories, refusals, reports of a machine."""

from __future__ import annotations

import re

_DOUBT = re.compile(
    r"\b(?:not|n[o']t|cannot|can'?t|won'?t|doesn'?t|don'?t|isn'?t|wasn'?t|aren'?t|no|none|never|nor|neither|without|"
    r"instead|unless|rather|beside|besides|wrong\w*|in(?:correct|compatible|compatibility)|unsupported|fail\w*|errors?|crash\w*|broken|breaks?|bugs?|"
    r"mismatch\w*|conflict\w*|drop(?:s|ped)?|remov\w+|deprecat\w+|previous\w*|earlier|formerly|old(?:er)?|legacy|"
    r"upgrad\w+|downgrad\w+|mov(?:ed?|es|ing)|switch\w*|migrat\w+|chang\w+|bump\w*|replac\w+|since|until|before|after|"
    r"vs|versus|than|compar\w+|while|whereas|but|although|however|tested|verified|validated|benchmark\w*|experiments?|"
    r"trained|ran|evaluated|measur(?:ed|ements?)|profil(?:ed|ing)|obtained|nightly|preview|source|compil\w+|"
    r"custom|if|when|might|may|could|should have|suppose|"
    r"only if|"
    r"add(?:s|ed)? support|support for|fix(?:es|ed)?|now|e\.?g|for example|such as|pre-?release|alpha|beta|rc\d?|dev|"
    r"nicht|kein\w*|statt|ohne|getestet|wenn|nie|pas|jamais|sans|aucun\w*|testée?s?|mesur\w+|profilage|"
    r"medi(?:do|da|dos|das|ção|ciones)|midi[oó]|perfil|gemessen|si|não|sem|nunca|testado|sin|"
    r"probado|non|senza|testato|не|нет|без|вместо|если|тест\w*|провер\w*)\b|"
    r"不(?![仅但只光同])|没|未|无法|無法|错误|錯誤|失败|避免|而非|而不|勿|别|冲突|衝突|升级|降级|升級|早期|旧|舊|移除|弃用|"
    r"取消|放弃|测试|測試|实验|實驗|实测|源码|如果|若|假如|报错|是否|吗|对比|相比|而是|改为|改成|迁移|"
    r"测得|測得|测量|ない|ません|エラー|テスト|検証|測定|計測|プロファイ|実行しま|않|못|없|오류|테스트|"
    r"==[\w.+]{1,40}[`'\"*\s]{0,6}(?:→|⇒|➜|[-=]>)",
    re.IGNORECASE,
)
_ELSEWHERE = re.compile(
    r"\b(?:jetson|jetpack|l4t|tegra|orin|aarch64|arm64|conda-forge|anaconda|easybuild|foss|spack|modules?|gentoo|nix\w*|"
    r"arch linux|debian|rocm|hip|xpu|ngc|nvcr|sagemaker|databricks|dlami|dlc|tensorflow|jax|paddle\w*|mindspore|mxnet|"
    r"cupy|onnx\w*|tensorrt|dali|rapids|vllm|flash[- ]?attn|flash[- ]?attention|xformers|lightning|geometric|"
    r"changelog|release notes|history)\b",
    re.IGNORECASE,
)
_MACHINE = re.compile(
    r"\b(?:drivers?|nvidia-smi|nvcc|tool ?kits?|system-wide|host|machine|base image|gcc|cmake|rtx|gtx|"
    r"a100|h100|v100|t4|4090|3090|installed (?:on|in) (?:your|the)|your (?:cuda|system)|treiber|pilote|"
    r"controlador|драйвер\w*)\b|g\+\+|"
    r"驱动|驅動|宿主|系统(?:的|里|中|自带)|主机|显卡|本机|本地|工具包|工具链|ドライバ|드라이버",
    re.IGNORECASE,
)


_HISTORY = re.compile(
    r"(?:^|[/\\])(?:change-?log|changes|history|news|releases?(?:[_-]?notes)?|whats[_-]?new|migrat\w*|upgrad\w*)[\w.-]*$",
    re.IGNORECASE,
)

_BUILDS = re.compile(
    r"\b(?:images?|containers?|docker|pytorch-cuda|wheels?|builds?|bundle\w*|ships?|includ\w+|contain\w*|pre-?install\w*|"
    r"compatib\w+|official\w*|supported)\b|镜像|鏡像|容器|预装|内置|集成|包含|对应|官方|兼容|イメージ|対応|이미지|호환",
    re.IGNORECASE,
)
_OFFICIAL = re.compile(
    r"torch.{0,30}\b(?:officially supports?|unterstützt offiziell|supporte officiellement|soporta oficialmente)\b|"
    r"torch.{0,30}官方(?:仅|只)?支持",
    re.IGNORECASE,
)
_TRIAL = re.compile(
    r"\b(?:test(?:ed|s)?|verified|validated|developed|benchmark\w*|experiments?|measured|evaluated|trained|ran|"
    r"getestet|testée?s?|probado|testado|testato|провер\w*|тест\w*)\b|测试|測試|实验|實驗|验证|开发环境|テスト|検証|実験|테스트|실험",
    re.IGNORECASE,
)
_NEEDS = re.compile(
    r"\b(?:we|our|my|i|develop\w*|implement\w*|requir\w+|needs?|depend\w*|prerequisites?|conducted|reproduc\w*|"
    r"environment|software|hardware|wir|unsere?|nous|notre|nosotros|мы|наш\w*)\b|我们|我們|本文|需要|要求|环境要求|依赖",
    re.IGNORECASE,
)


def is_doubtful(words: str) -> bool:
    """Whether a sentence may say something else than that releases belong together."""
    return bool(_DOUBT.search(words) or _ELSEWHERE.search(words))


def is_of_others(words: str) -> bool:
    """Whether builds are meant that are not the published ones, or versions of another project."""
    return bool(_ELSEWHERE.search(words))


def is_of_a_machine(words: str) -> bool:
    """Whether the CUDA that is named may be that of a machine, a driver or a toolkit."""
    return bool(_MACHINE.search(words) or _NEEDS.search(words))


def is_official(words: str) -> bool:
    """Whether a sentence says what torch itself supports, whatever it says of a machine besides."""
    return bool(_OFFICIAL.search(words))


def is_of_a_trial(words: str) -> bool:
    """Whether the words before a list say that something was tried on what it lists."""
    return bool(_TRIAL.search(words))


def is_history(name: str) -> bool:
    """Whether a file by its name tells of releases one after another."""
    return bool(_HISTORY.search(name))


def is_of_builds(words: str) -> bool:
    """Whether headings and the words before a list tell that it lists what an image or a build holds."""
    return bool(_BUILDS.search(words))
