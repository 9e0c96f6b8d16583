"""Judging: the rules run over a snapshot, their order, and the one place for verdict and exit code."""
