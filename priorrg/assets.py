"""Where the files lie that are no code: the embedded weights with their card, example studies, scripts and styles.

In the repository they are the folder assets/ beside the package; a wheel carries that folder inside of it (setup.py).
"""

from pathlib import Path

_IN_A_WHEEL = Path(__file__).parent / "_assets"
ASSETS = _IN_A_WHEEL if _IN_A_WHEEL.is_dir() else Path(__file__).parent.parent / "assets"

EMBEDDED_WEIGHTS = ASSETS / "embedded"
EXAMPLES = ASSETS / "examples"
PAGE_FILES = ASSETS / "ui"
