"""One installer a file: how it is told to put a set of wheels into an environment."""

NAMES = ("pip", "uv", "conda", "mamba", "pixi", "poetry", "pdm", "docker")
"""What `--installer` takes."""
