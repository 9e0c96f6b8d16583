"""Scripts run by path in a process of their own: Python 3.8 syntax, standard library (and pynvml) alone."""
