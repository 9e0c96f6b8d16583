"""Defects of files and not of releases: which library is found, what is damaged, hidden or to be built anew."""
