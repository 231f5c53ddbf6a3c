"""What `make audit` does: ask an advisory database about every installed package, and say so where it did not answer.

pip-audit is silent on a package that the database does not answer for: it skips them all, prints 'No known
vulnerabilities found' and ends well. Here each skipped package is a failure, and a version whose flaw is known to
everybody is asked for besides: where nothing is known of that one, the silence on the others means nothing.

    python .ci/audit.py PIP_AUDIT PYTHON [more arguments of pip-audit, such as: --vulnerability-service osv]

Exit status 0: asked about all of them, nothing found. 1: something was found. 2: it could not be asked.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

KNOWN_FLAW = ("torch", "2.9.1", "CVE-2026-24747")
LIST = "import importlib.metadata as m; [print(d.metadata['Name'], d.version) for d in m.distributions()]"
OURSELVES = {"priorrg"}
Found = dict[str, Any]


def main(pip_audit: str, python: str, *options: str) -> int:
    packages = installed(python)
    name, version, flaw = KNOWN_FLAW
    try:
        known = asked(pip_audit, {name: version}, options)
        answers = asked(pip_audit, packages, options)
    except ValueError as error:
        print(f"The audit could not be made: {error}", file=sys.stderr)
        return 2
    if flaw not in identifiers(known.get(name, {})):
        print(
            f"The audit could not be made: the advisory database does not know {flaw} of {name} {version}, so that "
            f"its silence means nothing. {known.get(name, {}).get('skip_reason', '')}".strip(),
            file=sys.stderr,
        )
        return 2
    skipped = sorted(packages.keys() - {one for one, answer in answers.items() if "vulns" in answer})
    if skipped:
        print(f"The audit could not be made of {len(skipped)} packages: {', '.join(skipped)}.", file=sys.stderr)
        return 2
    lines = [
        f"{one} {packages[one]}: {', '.join(identifiers({'vulns': [vuln]}))}; mended in "
        f"{', '.join(vuln['fix_versions']) or 'no version yet'}"
        for one, answer in sorted(answers.items())
        for vuln in answer["vulns"]
    ]
    print("\n".join(lines) or f"{len(packages)} packages, nothing known against any of them.")
    return 1 if lines else 0


def installed(python: str) -> dict[str, str]:
    """Name -> version of every package that this Python sees, without the label of a build (2.13.0+cpu is 2.13.0)."""
    listed = subprocess.run([python, "-c", LIST], check=True, capture_output=True, text=True).stdout.splitlines()
    packages = {canonical(name): version.partition("+")[0] for name, version in (line.split() for line in listed)}
    return {name: version for name, version in packages.items() if name not in OURSELVES}


def asked(pip_audit: str, packages: dict[str, str], options: tuple[str, ...]) -> dict[str, Found]:
    """Name -> what pip-audit says of it: `vulns`, or a `skip_reason`. Raises ValueError where it says nothing."""
    with tempfile.TemporaryDirectory() as folder:
        pins = Path(folder) / "requirements.txt"
        pins.write_text("".join(f"{name}=={version}\n" for name, version in packages.items()))
        command = [pip_audit, "--requirement", str(pins), "--no-deps", "--disable-pip", "--format", "json", *options]
        said = subprocess.run(command, capture_output=True, text=True)
    try:
        return {canonical(one["name"]): one for one in json.loads(said.stdout)["dependencies"]}
    except (ValueError, KeyError, TypeError):
        last = said.stderr.strip().splitlines()[-1:] or ["it said nothing"]
        raise ValueError(f"pip-audit ended with {said.returncode}: {last[0]}") from None


def identifiers(answer: Found) -> list[str]:
    return [name for vuln in answer.get("vulns", []) for name in (vuln["id"], *vuln["aliases"])]


def canonical(name: str) -> str:
    return name.lower().replace("_", "-").replace(".", "-")


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
