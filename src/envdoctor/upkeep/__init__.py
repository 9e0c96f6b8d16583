"""The matrix beside what is published: comparing the two (`compare`), and mending the file (`refresh`)."""
