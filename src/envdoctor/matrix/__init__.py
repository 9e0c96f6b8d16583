"""The compatibility matrix: `compat_matrix.toml` as frozen tables, questions to them, and their laws.

Import what is needed from the module that holds it (`load`, `matrix`, `fit`, ...): nothing is loaded here, so
that a command which asks nothing of the matrix pays nothing for it.
"""
