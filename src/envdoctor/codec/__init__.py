"""Model to JSON and back: one document a file, the shipped schemas, redaction."""
