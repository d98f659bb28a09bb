"""The entry point of `remit` and of `python -m github_app`: errors become a sentence, a hint and an exit code."""

import sys

from github_app.errors import RemitError


def main() -> None:
    """Run the command line."""
    if sys.version_info < (3, 11):  # noqa: UP036 - said in one line to whoever runs it on an older one
        sys.exit("remit needs Python 3.11 or newer; this is " + sys.version.split()[0])
    from github_app.cli.app import app  # noqa: PLC0415 - only after the version is known to be enough

    try:
        app()
    except RemitError as error:
        sys.stderr.write(f"error: {error.sentence}\n")
        if error.hint:
            sys.stderr.write(f"try: {error.hint}\n")
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
