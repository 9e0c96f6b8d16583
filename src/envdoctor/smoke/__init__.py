"""Kernels that prove it: the battery is run by the target interpreter, in children that may die."""
