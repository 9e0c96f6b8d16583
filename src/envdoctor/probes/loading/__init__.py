"""What `import torch` would load, in thought: no probe itself, `loader` and `symbols` ask here."""
