"""Dockerfiles, compose files, and images that are named anywhere."""
