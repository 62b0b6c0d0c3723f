"""The site under a path of its host, through gunicorn, as a proxy sends requests on."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx
import pytest

from tests.support.paths import ROOT
from tests.support.photos import photo
from tests.support.ports import free_port
from tools.live_project import LiveProject

pytestmark = [pytest.mark.slow, pytest.mark.any_database]

PATH = "/moderation"
ANNA = (
    "from django.contrib.auth.models import User; "
    "User.objects.create_superuser('anna', password='correct horse')"
)


@dataclass
class Proxy:
    """Sends requests on to gunicorn, with the site's path or without it."""

    server: httpx.Client
    keeps: bool

    def get(self, address: str) -> httpx.Response:
        return self.server.get(self._sent_on(address))

    def post(self, address: str, **sent: object) -> httpx.Response:
        return self.server.post(self._sent_on(address), **sent)  # type: ignore[arg-type]

    def _sent_on(self, address: str) -> str:
        assert address.startswith(PATH), f"{address} leads out of the site"
        return address if self.keeps else address.removeprefix(PATH) or "/"


@pytest.fixture(params=[True, False], ids=["kept", "taken off"])
def proxy(
    request: pytest.FixtureRequest, make_project: Callable[..., LiveProject]
) -> Iterator[Proxy]:
    server = f"127.0.0.1:{free_port()}"
    project = make_project(SCRIPT_NAME=PATH)
    project.manage("shell", "-v", "0", "-c", ANNA)
    command = [sys.executable, "-m", "gunicorn", "clipmod.wsgi", "-b", server, "--timeout", "300"]
    project.processes.append(subprocess.Popen(command, env=project.environment, cwd=ROOT))
    with httpx.Client(base_url=f"http://{server}", timeout=120) as client:
        project.wait_until(lambda: is_up(client), seconds=240, what="gunicorn answers")
        yield Proxy(client, keeps=request.param)


def is_up(client: httpx.Client) -> bool:
    try:
        return client.get("/clip/health").status_code in (200, 503)
    except httpx.TransportError:
        return False


def links(page: str) -> list[str]:
    """Addresses of this host that a page names."""
    found = re.findall(r'(?:href|src|action|url)\s*[=:]\s*"(/[^"]*)"', page)
    assert found
    return found


def log_in(proxy: Proxy) -> httpx.Response:
    page = proxy.get(f"{PATH}/admin/login/?next={PATH}/admin/")
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.text)
    assert token
    form = {"username": "anna", "password": "correct horse", "next": f"{PATH}/admin/"}
    # Where the proxy takes the path off, only a browser in front of it would send the cookie.
    cookie = page.headers["set-cookie"].partition(";")[0]
    return proxy.server.post(
        f"{PATH}/admin/login/",
        data={**form, "csrfmiddlewaretoken": token[1]},
        headers={"cookie": cookie},
    )


def test_every_link_leads_into_the_site_and_is_answered(proxy: Proxy) -> None:
    for page in ("/admin/login/", "/docs", "/redoc"):
        found = links(proxy.get(PATH + page).text)
        assert any("/static/" in address for address in found)
        answers = {
            address: proxy.get(address).status_code for address in found if address[-1] != "#"
        }
        assert set(answers.values()) <= {200, 302}, answers


def test_redirects_and_cookies_stay_below_the_path(proxy: Proxy) -> None:
    assert proxy.get(PATH).headers["location"] == f"{PATH}/admin/"
    queue = proxy.get(f"{PATH}/admin/queue/").headers["location"]
    assert queue == f"{PATH}/admin/login/?next={PATH}/admin/queue/"

    answer = log_in(proxy)

    assert (answer.status_code, answer.headers["location"]) == (302, f"{PATH}/admin/")
    cookies = answer.headers.get_list("set-cookie")
    assert len(cookies) == 2 and all(f"Path={PATH}" in cookie for cookie in cookies)


def test_photos_and_pages_of_the_api(proxy: Proxy) -> None:
    for number in range(2):
        files = {"image": ("a.jpg", photo(mark=number), "image/jpeg")}
        sent = {"product_id": f"A{number}", "text": "A red ball"}
        assert proxy.post(f"{PATH}/api/products", data=sent, files=files).status_code == 201

    page = proxy.get(f"{PATH}/api/products?page_size=1").json()

    image = page["results"][0]["image"]
    assert urlsplit(image).path.startswith(f"{PATH}/media/")
    assert proxy.get(urlsplit(image).path).content == photo(mark=1)
    if page["next"]:
        assert f"{PATH}/api/products?" in page["next"]
    schema = proxy.get(f"{PATH}/schema?format=json").json()
    assert schema["servers"] == [{"url": PATH}] and "/api/products" in schema["paths"]
