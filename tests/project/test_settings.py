"""Settings come from the environment; a bad value stops the start with a sentence."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from moderation import __version__
from tests.support.paths import ROOT

pytestmark = pytest.mark.slow


def start(tmp_path: Path, code: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
    """Run `manage.py check`, or `code` after set-up, with just these variables."""
    environment = {k: v for k, v in os.environ.items() if k in {"PATH", "HOME", "LANG"}}
    environment |= {"CLIPMOD_ENV_FILE": str(tmp_path / "none.env"), **variables}
    arguments = ["shell", "-v", "0", "-c", code] if code else ["check"]
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize(
    ("name", "value", "advice"),
    [
        ("CLIP_SIMILARITY_THRESHOLD", "high", "set it to a number between -1 and 1"),
        ("CLIP_SIMILARITY_THRESHOLD", "1.5", "set it to a number between -1 and 1"),
        ("CLIP_SIMILARITY_THRESHOLD", "nan", "set it to a number between -1 and 1"),
        ("CLIP_BATCH_SIZE", "0", "set it to a whole number between 1 and 1024"),
        ("CLIP_PRECISION", "int4", "set it to one of auto, fp32, bf16, fp16, int8"),
        ("CLIP_BACKEND", "tensorrt", "set it to one of auto, torch, onnx, openvino"),
        ("DEBUG", "maybe", "set it to true or false"),
        ("SCRIPT_NAME", "moderation/", "set it to a path such as /moderation"),
        ("SCRIPT_NAME", "/clip", "and none of clipmod's own"),
        ("DEBUG", "false", "SECRET_KEY is not set"),
        ("DATABASE_URL", "mysql://root@localhost/x", "set it to sqlite"),
        ("DATABASE_URL", "nonsense", "set it to sqlite"),
        ("MAX_UPLOAD_MB", "-1", "set it to a number between 0.1 and 1000"),
        ("MAX_IMAGE_PIXELS", "170000001", "set it to a whole number between 10000 and 170000000"),
        ("TIME_ZONE", "Mars/Phobos", "TIME_ZONE"),
        ("API_RATE", "lots", "API_RATE"),
        ("REDIS_URL", "localhost", "REDIS_URL"),
        ("LOG_FORMAT", "xml", "set it to one of plain, json"),
        ("ACCESS_LOG", "some", "set it to true or false"),
        ("METRICS_TOKEN", "short", "set it to 16 or more letters"),
        ("METRICS_ALLOW", "10.0.0.7, monitor", "METRICS_ALLOW has 'monitor'"),
        ("METRICS_ALLOW", "10.0.0.7/8", "set it to addresses and networks"),
        ("FETCH_ALLOW", "cdn.shop.internal, 10.0.0.300", "FETCH_ALLOW has '10.0.0.300'"),
        ("FETCH_ALLOW", "10.1.0.1/16", "FETCH_ALLOW has '10.1.0.1/16'; set it to names of hosts"),
        ("FETCH_ALLOW", "https://cdn.shop.internal", "set it to names of hosts"),
        ("FETCH_PROXY", "proxy.internal:3128", "set it to the address of a proxy, such as http"),
        ("FETCH_CONTACT", "the operators", "set it to an address of a page or of e-mail"),
        ("MEDIA_URL_STORAGE", "https://shop.s3.amazonaws.com", "set it to s3://bucket or"),
        ("MEDIA_URL_STORAGE", "s3://shop/../other", "set it to s3://bucket or"),
        ("MEDIA_URL_STORAGE", "s3://shop", "MEDIA_S3_REGION is not set; set it to the bucket's"),
        ("MEDIA_S3_ENDPOINT", "minio:9000", "set it to the address of an S3 server, such as"),
        ("MEDIA_S3_BROWSER_ENDPOINT", "https://x.example/photos", "at which browsers reach it"),
        ("MEDIA_S3_REGION", "Europe (Frankfurt)", "set it to a region, such as eu-central-1"),
        ("MEDIA_S3_URL_SECONDS", "604801", "between 60 and 604800"),
        ("GROUP_LABEL_WEIGHT", "0", "set it to a number between 0.01 and 1"),
        ("CLIP_REPLAY_CSV", "nowhere.csv", "there is no such file"),
    ],
)
def test_a_bad_value_stops_the_start_in_one_sentence(
    tmp_path: Path, name: str, value: str, advice: str
) -> None:
    answer = start(tmp_path, **{name: value})

    assert answer.returncode != 0
    assert answer.stderr.startswith("clipmod cannot start: ")
    assert advice in answer.stderr
    assert "Traceback" not in answer.stderr


@pytest.mark.parametrize(
    ("together", "advice"),
    [
        ({"CLIP_BACKEND": "onnx", "CLIP_PRECISION": "bf16"}, "CLIP_BACKEND to torch or openvino"),
        ({"CLIP_BACKEND": "torch", "CLIP_PRECISION": "int8"}, "CLIP_BACKEND to onnx"),
        ({"CLIP_BACKEND": "openvino", "CLIP_DEVICE": "cuda"}, "set CLIP_DEVICE to cpu"),
    ],
)
def test_values_that_do_not_go_together_stop_the_start_in_one_sentence(
    tmp_path: Path, together: dict[str, str], advice: str
) -> None:
    answer = start(tmp_path, **together)

    assert answer.returncode != 0
    assert answer.stderr.startswith("clipmod cannot start: The backend ")
    assert advice in answer.stderr
    assert "Traceback" not in answer.stderr


def test_a_password_in_a_bad_address_is_not_shown(tmp_path: Path) -> None:
    answer = start(tmp_path, DATABASE_URL="mysql://root:s3cret@localhost/x")

    assert "s3cret" not in answer.stderr


def test_a_bad_token_is_not_shown(tmp_path: Path) -> None:
    answer = start(tmp_path, METRICS_TOKEN="too s3cret")

    assert "s3cret" not in answer.stderr


def test_a_password_of_the_proxy_is_not_shown(tmp_path: Path) -> None:
    answer = start(tmp_path, FETCH_PROXY="socks5://me:s3cret@proxy.internal")

    assert "FETCH_PROXY is of another form" in answer.stderr
    assert "s3cret" not in answer.stderr


def test_production_needs_its_hosts(tmp_path: Path) -> None:
    answer = start(tmp_path, DEBUG="false", SECRET_KEY="k" * 50)

    assert "ALLOWED_HOSTS is not set" in answer.stderr


def test_a_complete_production_start_passes(tmp_path: Path) -> None:
    answer = start(tmp_path, DEBUG="false", SECRET_KEY="k" * 50, ALLOWED_HOSTS="shop.example")

    assert answer.returncode == 0, answer.stderr


def test_every_variable_is_documented_and_every_documented_one_is_read() -> None:
    source = (ROOT / "clipmod" / "settings.py").read_text()
    read = set(re.findall(r'(?:env\.\w+|_folder)\(\s*"([A-Z_]+)"', source))
    documented = set(re.findall(r"^([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.M))

    assert read == documented


def test_the_version_is_the_packages(tmp_path: Path) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

    assert __version__ == project["version"]


def test_the_example_file_starts_as_it_is(tmp_path: Path) -> None:
    answer = start(tmp_path, CLIPMOD_ENV_FILE=str(ROOT / ".env.example"))

    assert answer.returncode == 0, answer.stderr


def test_a_start_imports_no_torch(tmp_path: Path) -> None:
    code = (
        "import sys, clipmod.urls; "
        "heavy = ('torch', 'transformers', 'pandas', 'pyarrow', 'scipy'); "
        "print([m for m in heavy if m in sys.modules])"
    )
    answer = start(tmp_path, code)

    assert answer.stdout.strip() == "[]", answer.stdout + answer.stderr


IN_A_BUCKET = {"MEDIA_URL_STORAGE": "s3://shop/photos", "MEDIA_S3_REGION": "eu-central-1"}


def test_a_start_with_photos_in_a_bucket_imports_no_boto3(tmp_path: Path) -> None:
    code = (
        "import sys, clipmod.urls; "
        "print([m for m in ('boto3', 'botocore', 'storages') if m in sys.modules])"
    )
    answer = start(tmp_path, code, **IN_A_BUCKET)

    assert answer.stdout.strip() == "[]", answer.stdout + answer.stderr


def test_half_a_key_of_aws_stops_the_start(tmp_path: Path) -> None:
    answer = start(tmp_path, **IN_A_BUCKET, AWS_ACCESS_KEY_ID="AKIA0000")

    assert "AWS_SECRET_ACCESS_KEY is not set, and the other half of the key is" in answer.stderr
    assert "AKIA0000" not in answer.stderr


def test_photos_from_http_on_a_site_of_https_stop_the_start(tmp_path: Path) -> None:
    minio = {"MEDIA_URL_STORAGE": "s3://shop", "MEDIA_S3_ENDPOINT": "http://minio:9000"}
    answer = start(tmp_path, **minio, HTTPS="true")
    assert "set MEDIA_S3_BROWSER_ENDPOINT to an address of the object store" in answer.stderr
    minio["MEDIA_S3_BROWSER_ENDPOINT"] = "https://photos.shop.example"
    assert start(tmp_path, **minio, HTTPS="true").returncode == 0


PHOTOS = (
    "from django.conf import settings as s\n"
    "from django.core.files.storage import default_storage as d\n"
    "from django.urls import resolve, Resolver404\n"
    "try: resolve('/media/a.jpg'); print('served')\n"
    "except Resolver404: print('not served')\n"
    "print(s.CONTENT_SECURITY_POLICY['DIRECTIVES']['img-src'][-1]); print(d.url('a.jpg'))"
)


def test_photos_in_a_bucket_are_shown_from_there_and_not_served(tmp_path: Path) -> None:
    keys = {"AWS_ACCESS_KEY_ID": "AKIA0000", "AWS_SECRET_ACCESS_KEY": "s3cret"}
    for name, value in keys.items():
        (tmp_path / name).write_text(f"{value}\n")
    files = {f"{name}_FILE": str(tmp_path / name) for name in keys}

    answer = start(tmp_path, PHOTOS, **IN_A_BUCKET, **files)
    served, origin, address = answer.stdout.splitlines()
    assert (served, origin) == ("not served", "https://shop.s3.eu-central-1.amazonaws.com")
    assert address.startswith(f"{origin}/photos/a.jpg?") and "AKIA0000" in address
    assert "s3cret" not in answer.stdout

    there = {"MEDIA_URL_STORAGE": "s3://shop", "MEDIA_S3_ENDPOINT": "http://minio:9000/"}
    served, origin, address = start(tmp_path, PHOTOS, **there, **files).stdout.splitlines()
    assert (served, origin) == ("not served", "http://minio:9000")
    assert address.startswith("http://minio:9000/shop/a.jpg?")

    dotted = {**IN_A_BUCKET, "MEDIA_URL_STORAGE": "s3://photos.shop.example"}
    _, origin, address = start(tmp_path, PHOTOS, **dotted, **files).stdout.splitlines()
    assert origin == "https://s3.eu-central-1.amazonaws.com"
    assert address.startswith(f"{origin}/photos.shop.example/a.jpg?")


def test_photos_in_a_folder_are_as_they_were(tmp_path: Path) -> None:
    served, source, address = start(tmp_path, PHOTOS).stdout.splitlines()
    assert (served, source, address) == ("served", "blob:", "/media/a.jpg")


def test_nothing_imports_torchvision() -> None:
    for path in [*ROOT.glob("moderation/**/*.py"), *ROOT.glob("clipmod/*.py")]:
        assert not re.search(r"^\s*(import|from) torchvision", path.read_text(), re.M), path


SECRETS = (
    "from django.conf import settings as s;"
    "print(s.SECRET_KEY, s.SECRET_KEY_FALLBACKS, s.REDIS_URL, s.DATABASES['default']['NAME'])"
)


def test_secrets_may_stand_in_files(tmp_path: Path) -> None:
    files = {
        "SECRET_KEY": "k" * 50,
        "SECRET_KEY_FALLBACKS": f"{'a' * 50}\n{'b' * 50}\n",
        "REDIS_URL": "redis://:s3cret@127.0.0.1:6379/0",
        "DATABASE_URL": f"sqlite:///{tmp_path}/its.sqlite3",
    }
    for name, value in files.items():
        (tmp_path / name).write_text(f"{value}\n")
    variables = {f"{name}_FILE": str(tmp_path / name) for name in files}

    answer = start(tmp_path, SECRETS, DEBUG="false", ALLOWED_HOSTS="shop.example", **variables)
    old = ["a" * 50, "b" * 50]
    assert answer.stdout.strip() == (
        f"{'k' * 50} {old} redis://:s3cret@127.0.0.1:6379/0 {tmp_path}/its.sqlite3"
    )


@pytest.mark.parametrize("name", ["SECRET_KEY", "DATABASE_URL", "REDIS_URL"])
def test_a_secret_that_cannot_be_had_stops_the_start(tmp_path: Path, name: str) -> None:
    file = tmp_path / "secret"
    asked = {f"{name}_FILE": str(file)}
    assert "which cannot be read: No such file" in start(tmp_path, **asked).stderr
    file.write_text("\n")
    assert "which is empty" in start(tmp_path, **asked).stderr
    file.write_text("nonsense s3cret")
    both = start(tmp_path, **asked, **{name: "something"})
    assert f"{name} and {name}_FILE are both set" in both.stderr
    assert "s3cret" not in both.stderr + start(tmp_path, **asked).stderr


def test_former_keys_hold_on(tmp_path: Path) -> None:
    sign = "from django.core import signing; print(signing.dumps('it is I'))"
    signed = start(tmp_path, sign, SECRET_KEY="o" * 50).stdout.strip()
    read = f"from django.core import signing; print(signing.loads('{signed}'))"

    assert start(tmp_path, read, SECRET_KEY="n" * 50).returncode != 0
    kept = start(tmp_path, read, SECRET_KEY="n" * 50, SECRET_KEY_FALLBACKS=f"{'x' * 50},{'o' * 50}")
    assert kept.stdout.strip() == "it is I"
