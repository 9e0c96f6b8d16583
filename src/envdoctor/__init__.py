"""envdoctor: says why PyTorch and a GPU do not get along, and what to type to make it right."""

__version__ = "0.1.0"
