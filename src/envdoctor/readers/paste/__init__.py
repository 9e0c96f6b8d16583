"""Readers of pastes: what tools print, and what people write around it."""
