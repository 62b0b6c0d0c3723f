"""A client generated from the OpenAPI document works as it is, without a line of one's own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import import_module
from io import BytesIO
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from knox.models import AuthToken

from moderation.services.running import setup
from moderation.services.worker import heartbeat
from tests.support.factories import MakeItem, RunWorker
from tests.support.photos import photo

pytestmark = [pytest.mark.slow, pytest.mark.any_database]

NAME = "clipmod_client"


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The client, ready to be imported; a warning of the generator is a failure."""
    folder = tmp_path_factory.mktemp("client")
    call_command("spectacular", "--file", folder / "schema.yml")
    (folder / "config.yml").write_text("post_hooks: []\n")
    command = [sys.executable, "-m", "openapi_python_client", "generate", "--meta", "none"]
    command += ["--path", folder / "schema.yml", "--config", folder / "config.yml"]
    command += ["--output-path", folder / NAME, "--fail-on-warning"]
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stdout + made.stderr
    patch = pytest.MonkeyPatch()
    patch.syspath_prepend(str(folder))
    yield
    patch.undo()
    for name in [name for name in sys.modules if name.partition(".")[0] == NAME]:
        del sys.modules[name]


@pytest.fixture
def client(generated: None, bundled: Any, live_server: Any, settings: Any) -> Any:
    """Asks a server in production mode as somebody who may do everything."""
    settings.API_LOGIN_REQUIRED = True
    setup.seed_categories()
    judge = User.objects.create_superuser("judge", password=None)
    token = AuthToken.objects.create(user=judge)[1]
    made = import_module(f"{NAME}.client")
    return made.AuthenticatedClient(base_url=live_server.url, token=token, prefix="Token")


def ask(client: Any, operation: str, *arguments: Any, **sent: Any) -> Any:
    """The answer of an operation, such as `products.products_read`, as the client's own object."""
    return import_module(f"{NAME}.api.{operation}").sync(*arguments, client=client, **sent)


def model(name: str) -> Any:
    return getattr(import_module(f"{NAME}.models"), name)


def picture(colour: str = "red") -> Any:
    file = import_module(f"{NAME}.types").File
    return file(BytesIO(photo(colour)), file_name=f"{colour}.jpg", mime_type="image/jpeg")


def listing(number: int) -> Any:
    return model("ProductForm")(
        product_id=f"SKU-{number}", text="A red ball", image=picture(), seller="anna"
    )


def test_products_are_sent_listed_and_read(client: Any, run_worker: RunWorker) -> None:
    begun = datetime.now(UTC)
    for number in range(5):
        made = ask(client, "products.products_create", body=listing(number))
        assert (made.product_id, made.status.value, made.analysis) == (
            *(f"SKU-{number}", "pending"),
            None,
        )
        assert made.image.startswith(client._base_url)
        assert begun <= made.created_at <= datetime.now(UTC)
    run_worker()

    found: list[Any] = []
    page: dict[str, Any] = {}
    while page.get("cursor", "") is not None:
        answer = ask(*(client, "products.products_list"), page_size=2, updated_after=begun, **page)
        found += answer.results
        page = {"cursor": answer.next_cursor}
    assert [one.product_id for one in found] == [f"SKU-{number}" for number in (4, 3, 2, 1, 0)]

    product = ask(client, "products.products_read", "SKU-3")
    assert product.analysis.finished_at > begun
    assert -1 <= product.analysis.similarity_score <= 1
    history = ask(client, "products.products_analyses", "SKU-3")
    assert (history.results, history.next_cursor) == ([product.analysis], None)


def test_photos_are_judged_on_the_spot(client: Any) -> None:
    form = model("AnalyzeForm")(file=picture(), text="A red ball", threshold=-1.0)
    verdict = ask(client, "clip.clip_analyze", body=form)
    assert (verdict.is_mismatch, verdict.threshold_used) == (False, -1)
    assert verdict.match_quality in model("MatchQuality")

    form = model("ClassifyForm")(file=picture(), top_k=2, categories="Mug, Ball")
    assert len(ask(client, "clip.clip_classify", body=form).top_matches) == 2

    form = model("BatchForm")(files=[picture("red"), picture("blue")], texts=["A ball", ""])
    answer = ask(client, "clip.clip_analyze_batch", body=form)
    assert [one.index for one in answer.results] == [0]
    assert [one.index for one in answer.errors] == [1]


def test_the_service_tells_of_itself(client: Any) -> None:
    assert ask(client, "clip.clip_health").status.value == "unhealthy"  # nothing works here yet
    heartbeat.beat("test/1/1")
    health = ask(client, "clip.clip_health")
    assert (health.status.value, health.paused_since) == ("healthy", None)
    assert "Mugs" in ask(client, "clip.clip_categories").categories


def test_reviews_are_decided_and_appealed(client: Any, make_item: MakeItem) -> None:
    item = make_item("SKU-1")
    (review,) = ask(client, "reviews.reviews_list").results
    assert (review.id, review.decision, review.state.value) == (item.pk, None, "open")
    form = model("ConfirmForm")(
        verdict=model("ConfirmFormVerdict").CONFIRM, reason=model("ConfirmFormReason").OTHER_COLOUR
    )
    made = ask(client, "reviews.reviews_decide", item.pk, body=form, idempotency_key="a-1")
    assert ask(client, "reviews.decisions_list").results == [made]
    form = model("AppealForm")(reference="A/1", decision=made.id, statement="It is the same red.")
    appeal = ask(client, "appeals.appeals_create", body=form)
    assert (appeal.state.value, appeal.decided_at) == ("open", None)
    assert ask(client, "appeals.appeals_read", "A/1") == appeal


def test_a_refusal_says_what_is_wrong(client: Any) -> None:
    refused = ask(client, "products.products_read", "SKU-9")
    assert refused.error.startswith("There is no product 'SKU-9'")
    form = model("ProductForm")(product_id="SKU-9", text="A ball")
    assert ask(client, "products.products_create", body=form).field == "image"
