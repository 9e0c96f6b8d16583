"""Names of C++ symbols in plain words: the grammar is read in `parser`, shown by `nodes`; see `binary/demangle.py`."""
