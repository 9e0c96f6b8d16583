"""What the target interpreter runs: the standard library and the torch under examination, in Python 3.8.

The parent reads the same modules for the list of tests, so none of them imports torch: it is handed to them.
"""
