"""Where the app runs: its settings, its login, behind a proxy, on Spaces, on ZeroGPU, in a container."""

import asyncio
import json
import os
import re
import socket
import sqlite3
import subprocess
import sys
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from fnmatch import fnmatch

import pytest
import yaml

from priorrg.settings import Settings, SettingsError, unknown_variables
from priorrg.ui.login import Logins, line_of
from tests.serving import ROOT, free_port

README = (ROOT / "README.md").read_text(encoding="utf-8")
DOCKERFILE = (ROOT / ".container" / "Dockerfile").read_text(encoding="utf-8")
EXAMPLE = ROOT / "assets" / "examples" / "growing-effusion"


# Settings


def test_a_flag_wins_over_its_variable(monkeypatch):
    monkeypatch.setenv("PRIORRG_PORT", "8001")
    monkeypatch.setenv("PRIORRG_WEIGHTS", "some/folder")
    settings = Settings.read(["--port", "8002", "--root-path=/reading/"])
    assert (settings.port, settings.weights, settings.root_path) == (8002, "some/folder", "/reading")


@pytest.mark.parametrize(
    ("flag", "value", "said"),
    [
        ("--port", "70000", "--port is 70000, but it must be at most 65535"),
        ("--threads", "-1", "--threads is -1, but it must be at least 0"),
        ("--queue-size", "many", "--queue-size is 'many', but it must be a whole number"),
        ("--log-level", "loud", "--log-level is 'loud', but it must be one of critical, error"),
        ("--root-path", "reading", "--root-path is 'reading', but it must be a path that begins with /"),
        ("--feedback", "", "--feedback is empty, but it must name a file"),
        ("--host", "", "--host is empty, but it must be an address"),
        (
            "--origins",
            "example.org",
            "--origins is 'example.org', but it must name sites, each with http:// or https://",
        ),
    ],
)
def test_a_value_that_cannot_be_used_is_named_with_what_it_must_be(flag, value, said):
    with pytest.raises(SettingsError, match=re.escape(said)):
        Settings.read([flag, value])


def test_every_wrong_setting_is_told_at_once_by_the_name_that_it_came_from(monkeypatch):
    monkeypatch.setenv("PRIORRG_QUEUE_SIZE", "0")
    with pytest.raises(SettingsError) as caught:
        Settings.read(["--port=eighty"])
    assert str(caught.value).splitlines() == [
        "--port is 'eighty', but it must be a whole number.",
        "PRIORRG_QUEUE_SIZE is 0, but it must be at least 1.",
    ]


def test_sites_that_may_call_the_api_are_named_with_commas(monkeypatch):
    monkeypatch.setenv("PRIORRG_ORIGINS", "https://ward.example, http://localhost:3000/")
    assert Settings.from_environment().origins == ("https://ward.example", "http://localhost:3000")
    assert Settings.read(["--origins", "https://other.example"]).origins == ("https://other.example",)


def test_a_misspelt_variable_is_told():
    assert unknown_variables(["PRIORRG_PORT", "PRIORRG_PROT", "HOME"]) == [
        "PRIORRG_PROT is no setting and does nothing. Did you mean PRIORRG_PORT?"
    ]


def test_settings_are_read_without_the_libraries_that_take_seconds():
    code = "import sys; from priorrg.settings import Settings; Settings.read([]); print(*sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, encoding="utf-8", check=True)
    assert not {"torch", "transformers", "gradio"} & set(said.stdout.split())


# Login


def test_names_with_passwords_and_with_hashes_both_open(tmp_path):
    file = tmp_path / "users.txt"
    hashed = line_of("ben", "correct horse")
    file.write_text(f"# who reads here\n\nanna: s3cret:with:colons\n{hashed}\n", encoding="utf-8")
    assert "correct horse" not in hashed
    assert opens(file, "anna", "s3cret:with:colons") and opens(file, "ben", "correct horse")
    assert not opens(file, "anna", "correct horse") and not opens(file, "carl", "") and not opens(file, "ben", hashed)


def opens(file, name, password):
    # In a thread of its own: the browser of other tests keeps a loop running in this one.
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, Logins.read(file).check(name, password)).result()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "names nobody"),
        ("anna:hunter2\nhunter2-without-a-name\n", "Line 2 of .* is not name:password"),
        ("anna:hunter2\nanna:hunter3\n", "Line 2 of .* for the second time"),
        ("anna:scrypt$1$hunter2\n", "Line 1 of .* hash that cannot be used"),
        (f"anna:scrypt$3$8$1$c2FsdA==${'A' * 43}=\n", "Line 1 of .* hash that cannot be used"),
        ("anna:\n", "Line 1 of .* is not name:password"),
        (":hunter2\n", "Line 1 of .* is not name:password"),
        (None, "cannot be read: No such file"),
    ],
)
def test_a_file_of_logins_that_cannot_be_used_is_told_without_what_stands_in_it(tmp_path, text, said):
    file = tmp_path / "users.txt"
    if text is not None:
        file.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError, match=said) as caught:
        Logins.read(file)
    assert "hunter" not in str(caught.value)


def test_the_command_line_makes_a_line_and_does_not_show_the_password(tmp_path):
    command = [sys.executable, "-m", "priorrg", "hash-password", "anna"]
    made = subprocess.run(command, input="correct horse\n", capture_output=True, encoding="utf-8", cwd=ROOT, check=True)
    assert "horse" not in made.stdout + made.stderr
    (tmp_path / "users.txt").write_text(made.stdout, encoding="utf-8")
    assert opens(tmp_path / "users.txt", "anna", "correct horse")


@pytest.fixture(scope="module")
def guarded(clinic):
    """The app for those who are in a file."""
    return clinic[0]


def status(address, **headers):
    try:
        with urllib.request.urlopen(urllib.request.Request(address, headers=headers)) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def test_without_a_login_only_the_health_is_told(guarded):
    assert status(f"{guarded.address}/healthz") == 200
    for path in ("/config", "/gradio_api/info", "/pixels/current/abc", "/card"):
        assert status(guarded.address + path) == 401, path
    assert status(f"{guarded.address}/pixels/current/abc", Cookie="access-token-unsecure-x=guess") == 401


def test_a_program_logs_in_with_a_name_and_a_password(guarded):
    from gradio_client import Client, handle_file

    with pytest.raises(Exception, match=r"(?i)credentials|auth|login"):
        Client(guarded.address, auth=("anna", "wrong horse"), verbose=False)
    client = Client(guarded.address, auth=("anna", "correct horse"), verbose=False)
    assert client.predict(current=handle_file(str(EXAMPLE / "current.dcm")), api_name="/draft")["coarse_draft"]


def test_a_reader_logs_in_on_a_page_that_says_what_this_is(guarded, browser):
    page = browser.new_page()
    page.goto(guarded.address)
    page.wait_for_selector("input[type=password]")
    assert "not a medical device" in page.inner_text("body")
    page.fill("input:not([type=password])", "anna")
    page.fill("input[type=password]", "correct horse")
    page.keyboard.press("Enter")
    page.wait_for_selector("#generate")
    page.close()


def test_no_password_and_no_file_name_is_in_the_log(guarded):
    said = guarded.log.read_text(encoding="utf-8")
    assert "auth: " in said and "log_level: debug" in said, "settings are told at the start"
    assert "horse" not in said and ".dcm" not in said


def test_a_setting_that_cannot_be_used_ends_the_start_with_a_sentence(tmp_path):
    command = [sys.executable, "app.py", "--port", "0"]
    ended = subprocess.run(command, capture_output=True, encoding="utf-8", cwd=ROOT)
    assert ended.returncode == 2 and ended.stderr.startswith("--port is 0") and "Traceback" not in ended.stderr


def folder_for_feedback(folder):
    (folder / "kept").mkdir()
    return ["--feedback", str(folder / "kept")], "PRIORRG_FEEDBACK names a folder, "


def no_database(folder):
    (folder / "notes.txt").write_text("not a database, however it is called" * 9, encoding="utf-8")
    return ["--feedback", str(folder / "notes.txt")], "notes.txt cannot be used (file is not a database)"


def database_of_another(folder):
    with closing(sqlite3.connect(folder / "other.sqlite3")) as connection:
        connection.execute("CREATE TABLE wine (year INTEGER)")
    return ["--feedback", str(folder / "other.sqlite3")], "other.sqlite3 is another program's database"


def nowhere_to_write(folder):
    return ["--feedback", "/proc/nowhere/feedback.sqlite3"], "/proc/nowhere/feedback.sqlite3 cannot be used"


def twice_in_the_logins(folder):
    (folder / "users.txt").write_text("anna:one\nanna:two\n", encoding="utf-8")
    return ["--auth", str(folder / "users.txt")], "Line 2 of"


@pytest.mark.parametrize(
    "mistake", [folder_for_feedback, no_database, database_of_another, nowhere_to_write, twice_in_the_logins]
)
def test_a_mistake_in_feedback_or_logins_is_told_before_weights_are_looked_at(tmp_path, mistake):
    flags, said = mistake(tmp_path)
    # The weights are wrong too: whoever is told of them has waited for torch.
    command = [sys.executable, "app.py", "--weights", str(tmp_path / "no weights"), "--port", str(free_port()), *flags]
    ended = subprocess.run(command, capture_output=True, encoding="utf-8", cwd=ROOT)
    assert ended.returncode == 2 and said in ended.stderr, ended.stderr
    assert "Traceback" not in ended.stderr and "no weights" not in ended.stderr


def test_a_port_that_is_taken_is_said_before_anything_is_loaded():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        ended = subprocess.run(
            [sys.executable, "app.py", "--port", str(port)],
            cwd=ROOT,
            capture_output=True,
            encoding="utf-8",
            timeout=120,
        )
    assert ended.returncode == 2 and "Traceback" not in ended.stderr
    assert f"port {port}" in ended.stderr and "--port" in ended.stderr and "weights loaded" not in ended.stdout


# Spaces and ZeroGPU


def test_the_front_matter_is_what_spaces_takes():
    matter = yaml.safe_load(README.split("---\n")[1])
    assert matter["sdk"] == "gradio" and (ROOT / matter["app_file"]).is_file()
    assert len(matter["short_description"]) <= 60, "more is refused"
    colours = {"red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"}
    assert {matter["colorFrom"], matter["colorTo"]} <= colours
    assert matter["disable_embedding"] is True
    assert re.fullmatch(r"3\.(1[1-9])\.\d+", matter["python_version"])


def test_a_space_is_served_to_everybody_on_its_port():
    code = "from priorrg.settings import Settings; s = Settings.read([]); print(s.host, s.port)"
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PRIORRG_")}
    command = [sys.executable, "-c", code]
    said = subprocess.run(command, env=clean | {"SPACE_ID": "x/y"}, cwd=ROOT, capture_output=True, encoding="utf-8")
    assert said.stdout.split() == ["0.0.0.0", "7860"], said.stderr


@pytest.fixture(scope="module")
def zero_gpu(save_small_model):
    files = [str(EXAMPLE / name) for name in ("current.dcm", "prior.dcm")]
    command = [sys.executable, str(ROOT / "tests" / "on_zero_gpu.py"), str(save_small_model()), *files]
    said = subprocess.run(
        command,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        encoding="utf-8",
        timeout=240,
    )
    assert "FOUND " in said.stdout, said.stdout + said.stderr
    return json.loads(said.stdout.split("FOUND ")[1])


def test_on_zero_gpu_the_start_is_reported_and_its_port_known(zero_gpu):
    assert zero_gpu["at the start"] == ["/startup-report"] and zero_gpu["port"] == 7860


def test_on_zero_gpu_a_study_is_read_in_a_worker_and_explained(zero_gpu):
    assert zero_gpu["events"].count("DraftWord") > 2 and zero_gpu["events"][-1] == "ReportDone"
    assert zero_gpu["overlays"] == zero_gpu["sentences"] > 0
    assert zero_gpu["lent"] == zero_gpu["given back"] == 4


def test_on_zero_gpu_stop_keeps_what_was_written(zero_gpu):
    last, words, report = zero_gpu["stopped"]
    assert last == "Stopped" and words >= 1 and report == ""


def test_on_zero_gpu_an_error_comes_back_as_its_sentence(zero_gpu):
    assert "characters" in zero_gpu["error"]


def test_on_zero_gpu_no_image_is_encoded_ahead_or_remembered(zero_gpu):
    assert zero_gpu["encoded ahead"] is None and zero_gpu["remembered"] is False


# Container


def instructions():
    """(name, rest) of each instruction, continued lines joined."""
    joined = re.sub(r"\\\n\s*", "", re.sub(r"^#.*\n", "", DOCKERFILE, flags=re.MULTILINE))
    return [tuple(line.split(maxsplit=1)) for line in joined.splitlines() if line.strip()]


def test_the_container_runs_the_torch_of_make_without_being_root_and_tells_its_health():
    steps = instructions()
    torch = re.search(r"^TORCH := (\S+)", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert torch and ("ARG", f"TORCH={torch[1]}") in steps
    names = [name for name, _ in steps]
    users = [rest for name, rest in steps if name == "USER"]
    assert users and users[-1] not in ("root", "0") and names.index("USER") < names.index("CMD")
    health = next(rest for name, rest in steps if name == "HEALTHCHECK")
    assert "/healthz" in health and "VOLUME" in names
    environment = " ".join(rest for name, rest in steps if name == "ENV")
    assert "HF_HUB_OFFLINE=1" in environment and "PRIORRG_HOST=0.0.0.0" in environment
    told = set(re.findall(r"PRIORRG_(\w+)=", environment))
    assert told <= {name.upper() for name in Settings.model_fields}


def test_the_container_takes_what_the_app_needs_and_nothing_that_was_kept():
    for path in [
        p for name, rest in instructions() if name == "COPY" and "--from" not in rest for p in rest.split()[:-1]
    ]:
        assert path.startswith("--") or (ROOT / path).exists(), path
    ignored = [
        line
        for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
        if line and not line.startswith("#")
    ]
    assert ignored[0] == "*", "nothing is taken but what is named"
    allowed = {line[1:] for line in ignored[1:] if line.startswith("!")}
    assert allowed == {"app.py", "requirements.txt", "priorrg", "assets"}
    assert any(fnmatch("priorrg/feedback/x.sqlite3", pattern.removeprefix("**/")) for pattern in ignored[1:])
