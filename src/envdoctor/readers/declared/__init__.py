"""Readers of files that declare an environment: manifests, lock files, images, scripts, articles."""
