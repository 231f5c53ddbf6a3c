"""The published weights, fetched from a hub that is laid out as the authors' is, and the commands round them."""

import collections
import hashlib
import html
import io
import json
import os
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from fastapi import FastAPI
from fastapi.testclient import TestClient
from huggingface_hub import constants

from priorrg.__main__ import main
from priorrg.errors import CheckpointError
from priorrg.model import hub as hub_client
from priorrg.model.configuration import PriorRGConfig
from priorrg.reporting import kept
from priorrg.texts.report import DISCLAIMER
from priorrg.ui.server.operator import Fetching, serve_operator
from tests.hub import hub
from tests.serving import ROOT
from tests.test_published import PARITY
from train.prepared import trained

AUTHORS, TOKENIZERS = kept.AUTHORS, kept.TOKENIZERS
BELOW = "checkpoints/mimic-cxr"
ALIGN = f"{BELOW}/v0207-align_2025_02_07_22-best/checkpoint/best_model.ckpt"
REPORTS = f"{BELOW}/v0307-all-have_2025_03_18_09-best/checkpoint/best_model.ckpt"
VIEWS = f"{BELOW}/radiology-reports/view-positions-dict-mimic.json"
HEADS = {"vision": 2, "text": 2, "decoder": 2}


def saved(state: dict) -> bytes:
    """As Lightning lays a checkpoint out, with metric models that are built inside the network."""
    metrics = {"val_chexbert_metrics.bert.weight": torch.zeros(64, 64)}
    file = io.BytesIO()
    reads = {"max_length": 20, "num_beams": 1}
    torch.save({"epoch": 9, "state_dict": collections.OrderedDict(state | metrics), "hyper_parameters": reads}, file)
    return file.getvalue()


@pytest.fixture(scope="module")
def contents():
    """What the authors' repository holds, and DistilGPT2's tokenizer without the tokens that they add."""
    state = torch.load(PARITY / "published_style.ckpt", weights_only=True)["state_dict"]
    align = {name: value for name, value in state.items() if not name.startswith(("text_decoder.", "layer_fusion."))}
    bare = json.loads((PARITY / "tokenizer.json").read_text(encoding="utf-8"))
    bare["added_tokens"] = bare["added_tokens"][:1]
    return {
        AUTHORS: {
            "README.md": b"---\nlicense: mit\n---\n# PriorRG\n",
            ALIGN: saved(align),
            REPORTS: saved(state),
            VIEWS: (PARITY / "view_positions.json").read_bytes(),
            f"{BELOW}/radiology-reports/priorrg_mimic_cxr_annotation.json": b"{}",
        },
        TOKENIZERS: {"tokenizer.json": json.dumps(bare).encode(), "config.json": b"{}"},
    }


@contextmanager
def standing_hub(contents, cache):
    with hub() as standing, pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(cache))
        patch.setattr(hub_client, "WAIT_S", 0.01)
        patch.setattr(constants, "ENDPOINT", standing.address)
        standing.files = {name: dict(files) for name, files in contents.items()}
        standing.cards = {AUTHORS: {"license": "mit"}}
        yield standing


@pytest.fixture
def the_hub(contents, tmp_path):
    with standing_hub(contents, tmp_path / "cache") as standing:
        yield standing


@pytest.fixture(scope="module")
def fetched_once(contents, tmp_path_factory):
    """The hub, the folder of the fetched weights, and what was said meanwhile."""
    with standing_hub(contents, tmp_path_factory.mktemp("user") / "cache") as standing:
        said: list[str] = []
        yield standing, fetched(said), "\n".join(said)


def fetched(said: list[str] | None = None, **options):
    return kept.published(heads=HEADS, say=(said if said is not None else []).append, **options)


def test_one_call_fetches_the_checkpoint_that_writes_reports_and_says_what_it_takes(fetched_once):
    the_hub, folder, told = fetched_once
    assert REPORTS in told and "License of these weights, by their card: mit." in told
    assert "of disk while it is imported" in told and "of memory" in told
    source = kept.source_of(folder)
    assert source is not None
    digest = hashlib.sha256(the_hub.files[AUTHORS][REPORTS]).hexdigest()
    assert source == kept.Source(AUTHORS, the_hub.commit(AUTHORS), REPORTS, digest, "mit", source.fetched)
    config = PriorRGConfig.from_pretrained(folder)
    assert config.weights_kind == "published" and the_hub.commit(AUTHORS)[:8] in config.weights_name
    assert config.vocab_size == 391, "DistilGPT2's tokens and the seven that the published code adds"
    assert the_hub.served[ALIGN] < 0.2 * len(the_hub.files[AUTHORS][ALIGN]), "told by its names alone"
    assert not list((kept.user_cache() / "arriving").rglob("*.ckpt")), "gigabytes that nothing reads any more"


def test_what_was_fetched_is_used_without_the_hub(fetched_once, monkeypatch):
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    assert kept.resolve("published") == str(fetched_once[1])
    model, _ = trained(Path("published"))  # as `python -m train evaluate --weights published` does
    assert model.config.weights_kind == "published"


def test_a_download_that_was_cut_goes_on_where_it_was(the_hub, monkeypatch):
    whole = len(the_hub.files[AUTHORS][REPORTS])
    the_hub.cut_after = whole // 3
    monkeypatch.setattr(hub_client, "TRIES", 0)  # the program ends with the first cut
    with pytest.raises(CheckpointError, match="what has arrived is kept"):
        fetched()
    monkeypatch.setattr(hub_client, "TRIES", 5)
    before = the_hub.served[REPORTS]
    assert fetched().is_dir()
    asked_for_names = before - whole // 3
    assert the_hub.served[REPORTS] - before - asked_for_names < 0.7 * whole


def test_bytes_that_are_not_the_hubs_are_not_kept(the_hub, monkeypatch):
    monkeypatch.setattr(hub_client, "_digest", lambda path: "another")
    with pytest.raises(CheckpointError, match=r"did not arrive as the hub describes it\. It was deleted"):
        fetched()
    assert not list((kept.user_cache() / "arriving").rglob("*.part"))


def test_several_that_write_reports_are_listed_with_what_each_is(the_hub):
    files = the_hub.files[AUTHORS]
    files["checkpoints/mimic-cxr/other/best_model.ckpt"] = files[REPORTS]
    with pytest.raises(CheckpointError) as caught:
        fetched()
    assert f"{ALIGN} (3 MB): compares images with reports (stage 1)" in str(caught.value)
    assert f"{REPORTS} (3 MB): writes reports (stage 2)" in str(caught.value) and "--file" in str(caught.value)


def test_of_two_data_sets_the_whole_one_is_taken(the_hub):
    files = the_hub.files[AUTHORS]
    files["checkpoints/mimic-abn/v1/checkpoint/best_model.ckpt"] = files[REPORTS]
    assert hub_client.Repository.at(AUTHORS).report_checkpoint().name == REPORTS


def gate(standing):
    standing.gated.add(AUTHORS)


def take_away(standing):
    standing.files.clear()


def move_on(standing):
    standing.commits[AUTHORS] = "f" * 40


@pytest.mark.parametrize(
    ("happens", "options", "said"),
    [
        (gate, {}, "asks who wants it: accept its terms at .*, then log in with `hf auth login`"),
        (take_away, {}, "has no repository MK-runner/PriorRG, or shows it to its members alone"),
        (move_on, {"revision": "0" * 40}, "was changed upstream. --revision main takes what is"),
        (lambda standing: None, {"file": "no.ckpt"}, "holds no no.ckpt. It holds: README.md"),
    ],
    ids=["gated", "gone", "revision gone", "no such file"],
)
def test_what_the_hub_refuses_is_one_sentence_with_what_to_do(the_hub, happens, options, said):
    happens(the_hub)
    with pytest.raises(CheckpointError, match=said):
        fetched(**options)


def test_without_a_connection_it_is_said_what_to_do(the_hub, monkeypatch):
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(CheckpointError, match=r"cannot be fetched from the hub .* name the local file"):
        fetched()


def test_too_small_a_disk_is_told_before_the_download(the_hub, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10, 9, 1_000_000))  # type: ignore[attr-defined]
    with pytest.raises(CheckpointError, match=r"needs 6 MB on the disk of .*, which has 1 MB left\. Make room"):
        fetched()
    assert the_hub.served.get(REPORTS, 0) < 0.5 * len(the_hub.files[AUTHORS][REPORTS])


# The commands


def test_the_commands_list_choose_and_describe_weights(fetched_once, small_weights, capsys):
    the_hub = fetched_once[0]
    assert main(["weights", "list"]) == 0
    before = capsys.readouterr().out
    assert "* embedded: " in before and "  published: PriorRG" in before
    assert main(["weights", "use", "published"]) == 0
    assert main(["weights", "use", str(small_weights)]) == 0
    assert kept.resolve() == str(small_weights)
    assert main(["weights", "use", "published"]) == 0
    assert main(["weights", "list"]) == 0
    after = capsys.readouterr().out
    assert "* published: PriorRG, MK-runner/PriorRG at" in after and f"  {small_weights}: small random weights" in after
    assert main(["weights", "info"]) == 0
    told = capsys.readouterr().out
    for part in (the_hub.commit(AUTHORS), REPORTS, "mit", "vision 2, text 2, decoder 2", "PA, AP, LATERAL, unk"):
        assert part in told


def test_weights_that_are_damaged_or_no_longer_there_do_not_end_the_list(save_small_model, capsys):
    folder = save_small_model()
    assert main(["weights", "use", str(folder)]) == 0
    (folder / "config.json").write_text("{", encoding="utf-8")
    assert main(["weights", "list"]) == 0
    assert f"* {folder}: The config.json of {folder} cannot be read" in capsys.readouterr().out
    shutil.rmtree(folder)
    assert main(["weights", "list"]) == 0
    assert f"* {folder}: no longer there" in capsys.readouterr().out


def test_check_reads_studies_and_films_and_tells_what_looks_wrong(fetched_once, tmp_path, capsys):
    films = tmp_path / "films"
    films.mkdir()
    shutil.copy(ROOT / "assets/examples/growing-effusion/current.dcm", films / "mine.dcm")
    (films / "notes.txt").write_text("no film", encoding="utf-8")
    move_on(fetched_once[0])
    assert main(["weights", "check", "published", "--films", str(films)]) == 1
    told = capsys.readouterr().out
    assert "is at ffffffff" in told and "still has this very file" in told
    assert told.count("simulated: ") == 3 and "mine.dcm" in told
    assert "LOOKS WRONG: 'notes.txt' is no image that PriorRG knows" in told or "notes.txt" in told
    assert "LOOKS WRONG: " in told, "random weights say nothing"


def test_own_weights_go_to_the_hub_with_a_card_and_without_the_machine_they_were_made_on(
    the_hub, save_small_model, capsys, monkeypatch
):
    monkeypatch.setenv("HF_TOKEN", "hf_of_the_test")
    folder = save_small_model()
    (folder / "run.json").write_text('{"annotation": "/home/me/annotation.json"}', encoding="utf-8")
    (folder / "checkpoints").mkdir()
    shutil.copy(folder / "model.safetensors", folder / "checkpoints" / "model.safetensors")
    assert main(["weights", "push", str(folder), "me/mine"]) == 0
    sent = the_hub.files["me/mine"]
    assert the_hub.made[0].get("visibility") == "private" or the_hub.made[0].get("private") is True
    assert {"config.json", "model.safetensors", "tokenizer.json", "README.md"} <= set(sent)
    assert not any("/" in name for name in sent), "checkpoints of the training lie in folders"
    assert not any(b"/home/me" in content for content in sent.values()) and "run.json" not in sent
    assert (
        "never trained" in sent["README.md"].decode() and "not a medical device" in sent["README.md"].decode().lower()
    )
    assert (
        hashlib.sha256(sent["model.safetensors"]).digest()
        == hashlib.sha256((folder / "model.safetensors").read_bytes()).digest()
    )
    assert main(["weights", "push", str(save_small_model(weights_kind="published")), "me/theirs"]) == 2
    assert "weights of the paper's authors" in capsys.readouterr().err and "me/theirs" not in the_hub.files
    assert main(["weights", "push", "me/mine", "me/again"]) == 2
    assert "There is no folder me/mine" in capsys.readouterr().err and "me/again" not in the_hub.files


def test_weights_in_a_repository_are_read_with_by_its_name_also_without_the_hub(
    the_hub, save_small_model, capsys, monkeypatch
):
    """As the card of weights that were sent there says. They are fetched anew when the repository has moved on."""
    folder = save_small_model(weights_name="mine")
    assert main(["weights", "push", str(folder), "me/mine"]) == 0
    the_hub.files["me/mine"] |= {"checkpoints/model.safetensors": b"of the training", "known_words.txt": b""}
    assert main(["weights", "use", "me/mine"]) == 0
    kept_in = kept.user_cache() / "weights" / "me--mine"
    assert kept.resolve() == str(kept_in) and not list(kept_in.rglob("*.part"))
    assert (kept_in / "known_words.txt").read_bytes() == b"", "also an empty file arrives"
    assert "checkpoints/model.safetensors" not in the_hub.served
    served = the_hub.served["model.safetensors"]
    capsys.readouterr()
    assert main(["weights", "info"]) == 0
    told = capsys.readouterr().out
    assert f"me/mine at {the_hub.commit('me/mine')}" in told and "names no license" in told and "MIT" not in told
    assert main(["weights", "list"]) == 0 and "* me/mine: a hub repository" in capsys.readouterr().out
    assert the_hub.served["model.safetensors"] == served, "it is there, and is what the hub has"
    the_hub.commits["me/mine"] = "e" * 40
    assert kept.source_of(kept.resolve("me/mine")).revision == "e" * 40  # type: ignore[union-attr]
    assert the_hub.served["model.safetensors"] == 2 * served
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    capsys.readouterr()
    assert kept.resolve("me/mine") == str(kept_in)
    assert f"Until then: what was fetched of me/mine at {'e' * 40}." in capsys.readouterr().err
    with pytest.raises(CheckpointError, match=r"There is no folder runs/mine here\. runs/mine cannot be fetched"):
        kept.resolve("runs/mine")


def test_a_fetch_of_own_weights_that_was_cut_goes_on_where_it_was(the_hub, save_small_model, monkeypatch):
    assert main(["weights", "push", str(save_small_model()), "me/mine"]) == 0
    whole = len(the_hub.files["me/mine"]["model.safetensors"])
    the_hub.cut_after = 2 * whole // 3
    monkeypatch.setattr(hub_client, "TRIES", 0)  # the program ends with the first cut
    with pytest.raises(CheckpointError, match="what has arrived is kept"):
        kept.resolve("me/mine")
    monkeypatch.setattr(hub_client, "TRIES", 5)
    assert (kept.user_cache() / "weights" / "me--mine").samefile(kept.resolve("me/mine"))
    assert the_hub.served["model.safetensors"] == whole
    assert not list((kept.user_cache() / "arriving").iterdir())


def test_a_repository_of_checkpoints_is_imported_under_a_name_of_ones_own(the_hub, tmp_path, capsys):
    with pytest.raises(CheckpointError, match=r"no config\.json.* Of its checkpoints: read with --weights published"):
        kept.resolve(AUTHORS)
    the_hub.files["others/theirs"] = dict(the_hub.files[AUTHORS])
    with pytest.raises(CheckpointError, match=r"priorrg import-checkpoint others/theirs FOLDER\."):
        kept.resolve("others/theirs")
    folder = tmp_path / "theirs"
    options = ["--heads", "vision=2,text=2,decoder=2", "--name", "theirs, as we read them"]
    assert main(["import-checkpoint", "others/theirs", str(folder), *options]) == 0
    config = PriorRGConfig.from_pretrained(folder)
    assert (config.weights_name, config.weights_kind) == ("theirs, as we read them", "own")
    assert "not the authors'" in config.training_note and "MIMIC" not in config.training_note
    assert "Loading" not in capsys.readouterr().err


def test_other_heads_than_those_that_are_there_are_not_passed_over(fetched_once, capsys):
    """Somebody whose first import had wrong ones names the right ones: he must not believe that they are in use."""
    assert main(["weights", "published", "--heads", "vision=2,decoder=2"]) == 0
    assert "They are there already" in capsys.readouterr().out
    for asked, told in (
        (["--heads", "vision=4,text=2"], "with heads vision=2,text=2,decoder=2. To fetch"),
        (["--file", ALIGN, "--revision", "0" * 40], f"with file {REPORTS} and revision "),
    ):
        assert main(["weights", "published", *asked]) == 2
        said = capsys.readouterr().err
        assert told in said and "--again" in said


@pytest.mark.parametrize("heads", ["2,2", "vision", "vision=two", "eye=3", "0", "vision=-1"])
def test_heads_that_are_no_numbers_are_told_as_what_to_write(heads, capsys):
    with pytest.raises(SystemExit):
        main(["weights", "published", "--heads", heads])
    assert f"{heads} is no number of heads: say 12, or vision=12,text=12,decoder=12" in capsys.readouterr().err


def test_imported_weights_may_be_read_by_whoever_may_read_their_folder(fetched_once):
    """A server often runs as somebody else than whoever fetched."""
    folder = fetched_once[1]
    assert {(folder / name).stat().st_mode & 0o777 for name in ("config.json", "model.safetensors")} == {
        (folder / "source.json").stat().st_mode & 0o777
    }


# The operator's page


def test_whoever_runs_the_app_fetches_the_published_weights_by_a_button(the_hub, monkeypatch):
    """Told first, then fetched and imported, then used where none are named; what comes is counted."""
    web, counted = FastAPI(), []
    fetching = Fetching(lambda on_bytes, **how: kept.published(heads=HEADS, on_bytes=both(on_bytes, counted), **how))
    client = TestClient(web)
    path = serve_operator(web, "embedded", False, fetching)
    monkeypatch.setenv("TQDM_DISABLE", "1")  # what is counted for the page does not hang on a bar in the terminal
    assert DISCLAIMER in html.unescape(client.get(path).text)
    assert (
        "no weights" not in client.get(path).text
        and f'action="{path.rpartition("/")[2]}/look"' in client.get(path).text
    )
    client.post(f"{path}/fetch")
    assert fetching.state == "idle", "nothing is fetched before its size was said"
    told = pressed(client, path, "look", fetching, "told")
    assert f"{REPORTS}, 3 MB" in told and "License of these weights, by their card: mit." in told and "of disk" in told
    assert the_hub.served.get(REPORTS, 0) < 0.5 * len(the_hub.files[AUTHORS][REPORTS]) and not kept.chosen()
    assert "Start the app anew" in pressed(client, path, "fetch", fetching, "done")
    assert kept.resolve() == str(kept.published_folder()) and kept.source_of(kept.published_folder())
    whole = len(the_hub.files[AUTHORS][REPORTS])
    assert counted[-1] == (whole, whole) and counted == sorted(counted)


def test_what_keeps_the_button_from_fetching_is_said_and_can_be_tried_again(the_hub):
    web, fetching = FastAPI(), Fetching()
    path, client = serve_operator(web, "embedded", False, fetching), TestClient(web)
    gate(the_hub)
    assert "accept its terms at" in pressed(client, path, "look", fetching, "failed")
    the_hub.gated.clear()
    assert "mit." in pressed(client, path, "look", fetching, "told")


def pressed(client, path, act, fetching, then):
    assert client.post(f"{path}/{act}").status_code == 200
    for _ in range(3000):
        if fetching.state == then:
            break
        time.sleep(0.02)
    assert fetching.state == then, fetching.said
    return html.unescape(client.get(path).text)


def both(on_bytes, counted):
    def told(have, size):
        counted.append((have, size))
        on_bytes(have, size)

    return told


@pytest.mark.slow
def test_the_command_alone_does_it_all(the_hub, tmp_path):
    """As somebody types it, in a process of its own, with the hub's address in HF_ENDPOINT."""
    environment = os.environ | {"HF_ENDPOINT": the_hub.address, "XDG_CACHE_HOME": str(tmp_path / "own")}
    command = [sys.executable, "-m", "priorrg", "weights"]
    heads = ["--heads", "vision=2,text=2,decoder=2"]
    listed = subprocess.run([*command, "list"], cwd=ROOT, env=environment, capture_output=True, encoding="utf-8")
    assert "published: not fetched. Fetch them: priorrg weights published" in listed.stdout
    done = subprocess.run(
        [*command, "published", *heads], cwd=ROOT, env=environment, capture_output=True, encoding="utf-8"
    )
    assert done.returncode == 0, done.stderr
    assert "Kept in" in done.stdout and "100%" in done.stderr
    assert (tmp_path / "own" / "priorrg" / "weights" / "published" / "source.json").is_file()
