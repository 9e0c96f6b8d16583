"""Policies and profiles: what a team demands, read of TOML, and the environment at hand written as such a file."""
