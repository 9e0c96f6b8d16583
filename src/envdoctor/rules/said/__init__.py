"""Pastes judged: what words of software prove, and what follows from few facts. `check` loads none of it."""
