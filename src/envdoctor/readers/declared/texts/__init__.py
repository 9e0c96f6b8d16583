"""Articles and notebooks: their code blocks, their tables, and what their sentences claim."""
