"""The waist: facts, snapshot, findings and plans. Frozen dataclasses, the standard library alone."""
