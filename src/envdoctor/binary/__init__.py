"""ELF files and the loader: read by mmap, nothing that is read is ever loaded or run."""
