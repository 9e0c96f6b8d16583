"""Lock files: versions that a solver has joined already."""
