"""What to type: candidates, constraints, the smallest change, and the argv of each installer."""
