"""Where the files lie that are no code: the embedded weights with their card, example studies, scripts and styles.

In the repository they are the folder assets/ beside the package; a wheel carries that folder inside of it (setup.py).
What is fetched for a user is kept in a folder of that user.
"""

import os
from pathlib import Path

_IN_A_WHEEL = Path(__file__).parent / "_assets"
ASSETS = _IN_A_WHEEL if _IN_A_WHEEL.is_dir() else Path(__file__).parent.parent / "assets"

EMBEDDED_WEIGHTS = ASSETS / "embedded"
EXAMPLES = ASSETS / "examples"
PAGE_FILES = ASSETS / "ui"


def user_cache() -> Path:
    """What is fetched once and kept; XDG_CACHE_HOME says where such things lie, else it is ~/.cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "priorrg"
