"""What pip, uv and conda list, and say while they install."""
