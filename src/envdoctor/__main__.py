"""`python -m envdoctor`: examines the interpreter that runs it."""

from envdoctor.start import run

if __name__ == "__main__":
    run("python -m envdoctor")
