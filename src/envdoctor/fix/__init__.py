"""Carrying out a plan in a copy of the environment, proving it there, swapping the two: docs/adr/0013-the-fix.md."""
