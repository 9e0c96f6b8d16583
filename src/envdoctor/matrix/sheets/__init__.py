"""The matrix as tables to look at: each module answers one kind of question with a `Sheet`, for whatever format."""
