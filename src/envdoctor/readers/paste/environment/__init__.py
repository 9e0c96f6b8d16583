"""What programs print of their own surroundings: collect_env in its layouts, and those made after it."""
