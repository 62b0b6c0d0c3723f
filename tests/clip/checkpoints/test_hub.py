"""Models come from the hub once, whole, at one commit; nothing else is asked of it.

Each step runs in a process of its own, because huggingface_hub reads its settings at import.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from moderation.clip.checkpoints import hub as hub_module
from tests.support.clip_models import build_folder
from tests.support.family_models import build
from tests.support.hub_server import Hub, serve
from tests.support.siglip_model import DIM, build_siglip

pytestmark = pytest.mark.slow

COMMIT = "a" * 40
NEWER = "b" * 40
CHUNK = 10 * 2**20  # huggingface_hub writes so much at a time, and what is written is kept
LIMITED = "facebook/metaclip-2-worldwide-b32"  # not for commercial use
PINNED_NAME = "openai/clip-vit-base-patch32"
PINNED_COMMIT = hub_module.PINNED[PINNED_NAME]

STEP = """
import json, sys
from moderation.clip import errors
from moderation.clip.checkpoints import checkpoint
name, options, load = sys.argv[1], json.loads(sys.argv[2]), sys.argv[3] == "load"
try:
    try:
        available = bool(checkpoint.resolve(name, local_only=True))
    except errors.ClipError:
        available = False
    found = checkpoint.resolve(name, progress=False, **options)
    answer = {"folder": str(found.folder), "revision": found.revision, "available": available,
              "sha": found.weights_sha256}
    if load:
        from moderation.clip.encoder import Encoder
        encoder = Encoder.load(found.folder, device="cpu")
        answer["dim"] = int(encoder.encode_texts(["a mug"]).shape[1])
except errors.ClipError as error:
    answer = {"error": type(error).__name__, "message": str(error)}
print(json.dumps(answer))
"""


class Harmful:
    """Read by a plain pickle loader, this would start a program."""

    def __reduce__(self) -> tuple[Any, ...]:
        return subprocess.check_call, (["false"],)


class Client:
    """Resolves names in fresh processes that share one HF_HOME."""

    def __init__(self, home: Path, endpoint: str) -> None:
        self.home = home
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "CLIP_"))}
        self.environment = {
            **inherited,
            "HF_HOME": str(home),
            "HF_ENDPOINT": endpoint,
            "PYTHONPATH": str(Path(__file__).resolve().parents[3]),
            "NO_PROXY": "127.0.0.1,localhost",
        }

    def resolve(self, name: str, *, load: bool = False, **options: Any) -> dict[str, Any]:
        done = subprocess.run(
            [sys.executable, "-c", STEP, name, json.dumps(options), "load" if load else "find"],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        return dict(json.loads(done.stdout.splitlines()[-1]))


@pytest.fixture(scope="module")
def repositories(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, str]]:
    """One repository with safetensors, one with a pickle of weights, one with a harmful pickle."""
    import torch
    from safetensors.torch import load_file, save_file

    root = tmp_path_factory.mktemp("hub")
    safe = build_folder(root / "safe")
    old = Path(shutil.copytree(safe, root / "old"))
    state = load_file(old / "model.safetensors")
    # Real checkpoints of that age also hold such a buffer, which the model no longer has.
    state["text_model.embeddings.position_ids"] = torch.arange(24)[None]
    torch.save(state, old / "pytorch_model.bin")
    (old / "model.safetensors").unlink()
    large = Path(shutil.copytree(safe, root / "large"))
    save_file({"more": torch.zeros(CHUNK // 2)}, large / "model.safetensors")
    harmful = Path(shutil.copytree(old, root / "harmful"))
    torch.save({"weight": Harmful()}, harmful / "pytorch_model.bin")
    return {
        "shop/safe": (safe, COMMIT),
        "shop/large": (large, COMMIT),
        "shop/siglip": (build_siglip(root / "siglip"), COMMIT),
        LIMITED: (build("metaclip_2", root / "metaclip"), COMMIT),
        "shop/chinese": (build("chinese_clip", root / "chinese"), COMMIT),
        "shop/harmful": (harmful, COMMIT),
        "shop/empty": (tmp_path_factory.mktemp("empty"), COMMIT),
        PINNED_NAME: (old, PINNED_COMMIT),
    }


@pytest.fixture
def hub(repositories: dict[str, tuple[Path, str]]) -> Iterator[Hub]:
    with serve(Hub(dict(repositories))) as running:
        yield running


@pytest.fixture
def client(hub: Hub, tmp_path: Path) -> Client:
    return Client(tmp_path / "hf", hub.url)


def assert_only_downloads(hub: Hub) -> None:
    for line in hub.log:
        method, path = line.split()[:2]
        assert method in ("HEAD", "GET"), line
        assert "/resolve/" in path or path.startswith("/content/"), line


def test_a_repository_with_safetensors_is_fetched_once_and_loads(hub: Hub, client: Client) -> None:
    first = client.resolve("shop/safe")
    assert (first["revision"], first["available"]) == (COMMIT, False)
    assert_only_downloads(hub)
    assert len(hub.large_requests()) == 1
    assert not any("pytorch_model.bin" in line for line in hub.log)

    hub.log.clear()
    again = client.resolve("shop/safe", revision=COMMIT, load=True)
    assert (again["sha"], again["available"], again["dim"]) == (first["sha"], True, 16)
    assert hub.log == [], "a commit that is here needs no request, neither does loading it"


def test_another_family_comes_with_what_its_tokenizer_needs(client: Client) -> None:
    answer = client.resolve("shop/siglip", load=True)
    assert (answer["revision"], answer["dim"]) == (COMMIT, DIM)
    assert (Path(answer["folder"]) / "tokenizer_config.json").is_file()


def test_a_tokenizer_that_is_a_list_of_words_comes_too(client: Client) -> None:
    answer = client.resolve("shop/chinese", load=True)
    assert (answer["revision"], answer["dim"]) == (COMMIT, 16)
    assert (Path(answer["folder"]) / "vocab.txt").is_file()


def test_a_licence_is_accepted_once_by_who_fetches(hub: Hub, client: Client) -> None:
    refused = client.resolve(LIMITED)
    assert refused["error"] == "LicenceNotAccepted"
    assert "--accept-licence" in refused["message"]
    assert hub.log == []
    assert client.resolve(LIMITED, accept_licence=True)["revision"] == COMMIT
    assert client.resolve(LIMITED)["revision"] == COMMIT


def test_a_pickle_is_read_weights_only_and_kept_as_safetensors(hub: Hub, client: Client) -> None:
    first = client.resolve(PINNED_NAME)
    folder = Path(first["folder"])
    assert first["revision"] == PINNED_COMMIT
    assert folder.is_relative_to(client.home)
    assert (folder / "model.safetensors").is_file()
    assert not (folder / "pytorch_model.bin").exists()
    assert_only_downloads(hub)

    hub.log.clear()
    shutil.rmtree(client.home / "hub")  # the pickle is not needed any more
    again = client.resolve(PINNED_NAME, local_only=True, load=True)
    assert (again["folder"], again["sha"], again["dim"]) == (first["folder"], first["sha"], 16)
    assert hub.log == []


def test_a_pickle_that_other_tools_fetched_is_converted_without_the_network(
    hub: Hub, client: Client
) -> None:
    client.resolve(PINNED_NAME)
    shutil.rmtree(client.home / "clipmod")
    hub.log.clear()
    assert client.resolve(PINNED_NAME, local_only=True)["revision"] == PINNED_COMMIT
    assert hub.log == []


def test_a_pickle_with_anything_but_weights_is_refused(client: Client) -> None:
    answer = client.resolve("shop/harmful")
    assert answer["error"] == "UnsafeWeights"
    assert not (client.home / "clipmod" / "shop--harmful" / COMMIT).exists()


def test_a_broken_connection_is_taken_up_again(hub: Hub, client: Client) -> None:
    hub.script = ["break"]
    assert client.resolve("shop/large")["revision"] == COMMIT
    first, second = hub.large_requests()
    assert "bytes=" not in first
    assert second.endswith(f"bytes={CHUNK}-")
    assert_only_downloads(hub)


def test_a_later_run_goes_on_where_a_broken_one_stopped(hub: Hub, client: Client) -> None:
    hub.script = ["break", "down"]
    assert client.resolve("shop/large")["error"] == "ModelUnavailable"
    assert not client.resolve("shop/large", local_only=True).get("available")
    hub.log.clear()
    assert client.resolve("shop/large")["revision"] == COMMIT
    [request] = hub.large_requests()
    assert request.endswith(f"bytes={CHUNK}-")


def test_what_arrives_damaged_is_not_kept(hub: Hub, client: Client) -> None:
    hub.script = ["corrupt"]
    answer = client.resolve("shop/safe")
    assert answer["error"] == "ModelError"
    assert "damaged" in answer["message"]
    assert client.resolve("shop/safe")["revision"] == COMMIT


def test_without_a_connection_the_message_says_what_to_do(tmp_path: Path) -> None:
    client = Client(tmp_path / "hf", "http://127.0.0.1:9")  # nobody listens there
    answer = client.resolve(PINNED_NAME)
    assert answer["error"] == "ModelUnavailable"
    for hint in ("HF_HOME", "CLIP_MODEL_PATH", "CLIP_MODEL_NAME=bundled", "download_model"):
        assert hint in answer["message"]


def test_without_a_connection_what_was_fetched_is_used(hub: Hub, client: Client) -> None:
    fetched = client.resolve("shop/safe")
    client.environment["HF_ENDPOINT"] = "http://127.0.0.1:9"
    assert client.resolve("shop/safe")["folder"] == fetched["folder"]
    client.environment["HF_HUB_OFFLINE"] = "1"
    assert client.resolve("shop/safe", local_only=True)["folder"] == fetched["folder"]
    assert client.resolve("shop/other")["error"] == "ModelUnavailable"


def test_a_branch_is_looked_up_and_a_commit_never_moves(hub: Hub, client: Client) -> None:
    assert client.resolve("shop/safe")["revision"] == COMMIT
    hub.repositories["shop/safe"] = (hub.repositories["shop/safe"][0], NEWER)
    assert client.resolve("shop/safe", revision=COMMIT)["revision"] == COMMIT
    assert client.resolve("shop/safe", local_only=True)["revision"] == COMMIT
    assert client.resolve("shop/safe")["revision"] == NEWER


@pytest.mark.parametrize("name", ["shop/unknown", "shop/empty"])
def test_a_wrong_name_is_not_taken_for_a_lost_connection(client: Client, name: str) -> None:
    answer = client.resolve(name)
    assert answer["error"] == "ModelError"
    assert name in answer["message"]


def test_a_revision_that_is_not_there_is_named(client: Client) -> None:
    answer = client.resolve("shop/safe", revision="c" * 40)
    assert answer["error"] == "ModelError"
    assert "c" * 40 in answer["message"]


def test_a_name_is_told_from_a_path() -> None:
    assert hub_module.is_hub_name("openai/clip-vit-base-patch32")
    for path in ("bundled", "/a/b", "a/b/c", "../b", "./b", "a/..", "", "a b/c"):
        assert not hub_module.is_hub_name(path), path


def manage(client: Client, *arguments: str) -> subprocess.CompletedProcess[str]:
    root = Path(__file__).resolve().parents[3]
    return subprocess.run(
        [sys.executable, str(root / "manage.py"), "download_model", *arguments],
        env=client.environment,
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_the_command_fetches_a_model_in_advance(hub: Hub, client: Client) -> None:
    done = manage(client, "shop/safe")
    assert done.returncode == 0, done.stderr
    assert COMMIT in done.stdout
    refused = manage(client, LIMITED)
    assert refused.returncode == 1
    assert "not for commercial use" in refused.stderr
    assert manage(client, LIMITED, "--accept-licence").returncode == 0
    assert manage(client, LIMITED).returncode == 1, "who downloads says it each time"
    client.environment["HF_ENDPOINT"] = "http://127.0.0.1:9"
    failed = manage(client, PINNED_NAME)
    assert failed.returncode == 1
    assert "CLIP_MODEL_NAME=bundled" in failed.stderr
    assert "Traceback" not in failed.stderr
