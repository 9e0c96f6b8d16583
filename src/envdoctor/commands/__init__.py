"""One command a file: argv to functions, and nothing that a function elsewhere could do."""
