"""The rules: one defect a file, found by its file name; `all_rules` is the only list there is."""
