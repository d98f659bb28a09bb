"""The entry point of `remit` and of `python -m github_app`: errors become a sentence, a hint and an exit code."""

import sys

INTERRUPTED = 130


def main() -> None:
    """Run the command line."""
    if sys.version_info < (3, 11):  # noqa: UP036 - said in one line to whoever runs it on an older one
        sys.stderr.write("remit needs Python 3.11 or newer; this is " + sys.version.split()[0] + "\n")
        sys.exit(3)
    try:
        _run()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def _run() -> None:
    from github_app.cli.app import app  # noqa: PLC0415 - only after the version is known to be enough
    from github_app.errors import PolicyError, RemitError  # noqa: PLC0415 - as above

    try:
        app()
    except RemitError as error:
        sys.stderr.write(f"error: {error.sentence}\n")
        hint = error.hint or (f"remit policy check {error.path}" if isinstance(error, PolicyError) else "")
        if hint:
            sys.stderr.write(f"try: {hint}\n")
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
