"""Where the files that stand at the top of the repository are found: in a checkout and in an installed wheel."""

from pathlib import Path


def shipped(name: str) -> Path:
    """Return a file that stands at the top of the repository and ships inside the wheel (`policies/...`, `app.yml`).

    Raises FileNotFoundError with the places looked at.
    """
    package = Path(__file__).parent
    for root in (package / "_data", package.parent):
        if (root / name).exists():
            return root / name
    raise FileNotFoundError(f"{name} is neither in {package / '_data'} nor in {package.parent}")
