"""`python -m envdoctor`: examines the interpreter that runs it."""

from envdoctor.cli import main

if __name__ == "__main__":
    main(prog_name="python -m envdoctor")
