"""The audit of the installed packages fails where it could not ask, and not only where something was found.

In place of pip-audit stands a program that answers as pip-audit 2.10.1 did: with everything skipped behind an index
without advisories, and with a traceback without a connection.
"""

import json
import subprocess
import sys

import pytest

from tests.serving import ROOT

FLAW = {"id": "PYSEC-2026-2286", "fix_versions": ["2.10.0"], "aliases": ["CVE-2026-24747"], "description": ""}
ANSWERS = """
import pathlib, re, sys
pins = dict(re.findall(r"^(.+)==(.+)$", pathlib.Path(sys.argv[sys.argv.index("--requirement") + 1]).read_text(), re.M))
print("WARNING", file=sys.stderr)
answers = [{"name": n, "version": v, "vulns": [FLAW] if (n, v) == ("torch", "2.9.1") else []} for n, v in pins.items()]
"""
PRINT = '\nprint(__import__("json").dumps({"dependencies": answers, "fixes": []}))\n'
SKIP = '{"name": one["name"], "skip_reason": "Dependency not found on PyPI and could not be audited"}'


@pytest.fixture
def audit(tmp_path):
    """A function that runs the audit with a pip-audit that does `after` its usual answers."""

    def run(after: str) -> subprocess.CompletedProcess[str]:
        program = tmp_path / "pip-audit"
        program.write_text(f"#!{sys.executable}\nFLAW = {FLAW!r}\n{ANSWERS}{after}{PRINT}", encoding="utf-8")
        program.chmod(0o755)
        command = [sys.executable, ROOT / ".ci" / "audit.py", program, sys.executable]
        return subprocess.run(command, capture_output=True, encoding="utf-8")

    return run


def test_where_all_were_asked_and_nothing_was_found_it_ends_well(audit):
    done = audit("")
    assert done.returncode == 0 and "nothing known against any of them" in done.stdout


def test_the_silence_of_an_index_without_advisories_is_a_failure(audit):
    """What pip-audit calls 'No known vulnerabilities found'."""
    done = audit(f"\nanswers = [{SKIP} for one in answers]\n")
    assert done.returncode == 2 and "could not be made" in done.stderr and "means nothing" in done.stderr
    done = audit('\nanswers = [one | {"vulns": []} for one in answers]\n')
    assert done.returncode == 2 and "does not know CVE-2026-24747 of torch 2.9.1" in done.stderr


def test_one_package_that_was_skipped_is_a_failure_with_its_name(audit):
    done = audit(f'\nanswers = [{SKIP} if one["name"] == "numpy" else one for one in answers]\n')
    assert done.returncode == 2 and "could not be made of 1 packages: numpy." in done.stderr
    done = audit('\nanswers = [one for one in answers if one["name"] != "pydicom"]\n')
    assert done.returncode == 2 and "of 1 packages: pydicom." in done.stderr


def test_without_a_connection_it_fails_with_what_was_said(audit):
    done = audit('\nraise ConnectionError("no such host")\n')
    assert done.returncode == 2 and "pip-audit ended with 1: ConnectionError: no such host" in done.stderr


def test_what_is_found_is_named_with_the_version_that_mends_it(audit):
    done = audit('\nanswers = [one | {"vulns": [FLAW]} if one["name"] == "torch" else one for one in answers]\n')
    assert done.returncode == 1 and "CVE-2026-24747; mended in 2.10.0" in done.stdout


def test_a_build_is_asked_for_by_the_version_that_it_is_a_build_of(audit, tmp_path):
    """2.13.0+cpu is in no database."""
    done = audit(f'\nopen({str(tmp_path / "asked")!r}, "w").write(str(pins))\n')
    assert done.returncode == 0 and "+" not in (tmp_path / "asked").read_text(encoding="utf-8")
    assert "torch" in json.dumps((tmp_path / "asked").read_text(encoding="utf-8"))
