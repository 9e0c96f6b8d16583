"""`python -m envdoctor`: examines the interpreter that runs it."""

if __name__ == "__main__":
    try:
        from envdoctor.start import run
    except KeyboardInterrupt:  # before anything of ours could listen for it
        raise SystemExit(130) from None
    run("python -m envdoctor")
