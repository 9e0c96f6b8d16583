"""Requirements files and the manifests of project managers."""
