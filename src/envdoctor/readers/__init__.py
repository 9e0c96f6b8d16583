"""Readers: text that somebody wrote or pasted becomes facts of a machine, or declared cases. One format a file."""
