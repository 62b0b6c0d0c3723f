"""Every setting, read from the environment or a `.env` file beside manage.py.

`.env.example` explains each variable; `clipmod.env` refuses bad values in words.
"""

import os
from pathlib import Path

import environ
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from clipmod import env, logs, s3, stores, third_party
from moderation.clip import configuration
from moderation.clip.errors import ClipError

BASE_DIR = Path(__file__).resolve().parent.parent
environ.Env.read_env(os.environ.get("CLIPMOD_ENV_FILE", BASE_DIR / ".env"))


def _folder(name: str, default: Path) -> Path:
    """A folder; a relative one counts from the project's own folder."""
    return BASE_DIR / Path(env.text(name, str(default))).expanduser()


# ── The site ──────────────────────────────────────────────────────────────────────────────────
DEBUG = env.boolean("DEBUG", True)
SECRET_KEY = env.secret_text("SECRET_KEY")
if not SECRET_KEY:
    if not DEBUG:
        raise ImproperlyConfigured(
            "SECRET_KEY is not set; with DEBUG=false set it to a long random text "
            "(`DEBUG=true python manage.py make_secret_key` prints one)."
        )
    SECRET_KEY = "for-development-only-" + "x" * 40
# Former keys: what they signed, as logins, holds on.
SECRET_KEY_FALLBACKS = env.secret_words("SECRET_KEY_FALLBACKS")
ALLOWED_HOSTS = env.words("ALLOWED_HOSTS", ["localhost", "127.0.0.1", "[::1]"] if DEBUG else [])
if not ALLOWED_HOSTS:
    raise ImproperlyConfigured(
        "ALLOWED_HOSTS is not set; with DEBUG=false set it to the site's host names, "
        "for example ALLOWED_HOSTS=moderation.example.org."
    )
CSRF_TRUSTED_ORIGINS = env.words("CSRF_TRUSTED_ORIGINS", [])
# Of the site where it shares its host: /moderation. What makes addresses outside requests needs it
# as well as what answers them, so it is a setting and not left to the web server.
FORCE_SCRIPT_NAME = (
    env.matching(
        "SCRIPT_NAME",
        "",
        # A proxy may take the path off: then none of clipmod's own may look like it.
        pattern=r"(?!/(admin|api|clip|docs|media|metrics|redoc|schema|static)(/|$))(/[A-Za-z0-9._~-]+)+",
        what="a path such as /moderation, without a slash at its end and none of clipmod's own",
    )
    or None
)
_PATH = FORCE_SCRIPT_NAME or ""
HTTPS = env.boolean("HTTPS", not DEBUG)
BEHIND_PROXY = env.boolean("BEHIND_PROXY", False)
SERVE_MEDIA = env.boolean("SERVE_MEDIA", DEBUG)

INSTALLED_APPS = [
    "moderation.apps.ClipmodAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django_q",
    "rest_framework",
    "knox",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "axes",
    "moderation",
]
MIDDLEWARE = [
    "clipmod.requests.with_id",  # around all others, whose answers and faults it tells
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "clipmod.readable.ReadableRequests",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "clipmod.readable.ReadableForms",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",
]
ROOT_URLCONF = "clipmod.urls"
WSGI_APPLICATION = "clipmod.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.debug",
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
LANGUAGE_CODE = "en-gb"
TIME_ZONE = env.time_zone("TIME_ZONE", "UTC")
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# ── Files ─────────────────────────────────────────────────────────────────────────────────────
STATIC_URL = f"{_PATH}/static/"
STATIC_ROOT = _folder("STATIC_ROOT", BASE_DIR / "staticfiles")
MEDIA_URL = f"{_PATH}/media/"
MEDIA_ROOT = _folder("MEDIA_ROOT", BASE_DIR / "media")
# Uploaded catalogues between dry run and import, feeds while they are read; never inside
# MEDIA_ROOT, which is public.
IMPORT_DIR = _folder("IMPORT_DIR", BASE_DIR / "var" / "imports")
MEDIA_URL_STORAGE = env.matching(
    "MEDIA_URL_STORAGE",
    "",
    pattern=s3.ADDRESS,
    what="s3://bucket or s3://bucket/prefix, or leave it empty for the folder MEDIA_ROOT",
)
_BUCKET = s3.bucket(
    MEDIA_URL_STORAGE,
    endpoint=env.matching(
        "MEDIA_S3_ENDPOINT",
        "",
        pattern=s3.ENDPOINT,
        what="the address of an S3 server, such as https://minio.internal:9000",
    ),
    browser_endpoint=env.matching(
        "MEDIA_S3_BROWSER_ENDPOINT",
        "",
        pattern=s3.ENDPOINT,
        what="the address at which browsers reach it, such as https://photos.shop.example",
    ),
    region=env.matching(
        "MEDIA_S3_REGION", "", pattern=s3.REGION, what="a region, such as eu-central-1"
    ),
    is_https=HTTPS,
)
MEDIA_S3_URL_SECONDS = env.integer("MEDIA_S3_URL_SECONDS", 3600, low=60, high=604_800)
_AWS_KEY = {
    "access_key": env.secret_text("AWS_ACCESS_KEY_ID"),
    "secret_key": env.secret_text("AWS_SECRET_ACCESS_KEY"),
    "session_token": env.secret_text("AWS_SESSION_TOKEN"),
}
if _BUCKET:
    SERVE_MEDIA = False  # they come from there, and a former folder is not the site's any more
STORAGES = {
    "default": s3.storage(_BUCKET, **_AWS_KEY, url_seconds=MEDIA_S3_URL_SECONDS)
    if _BUCKET
    else {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
WHITENOISE_USE_FINDERS = DEBUG

# ── Database ──────────────────────────────────────────────────────────────────────────────────
DATABASE_URL = env.matching(
    "DATABASE_URL",
    f"sqlite:///{BASE_DIR / 'clipmod.sqlite3'}",
    pattern=r"(sqlite|postgres|postgresql)://.+",
    what="sqlite:///path/to/file.sqlite3 or postgres://user:password@host:5432/name",
    secret=True,
)
DATABASES = {"default": stores.database(DATABASE_URL)}

# ── The background worker ─────────────────────────────────────────────────────────────────────
REDIS_URL = env.matching(
    "REDIS_URL",
    "",
    pattern=r"(rediss?|unix)://.+",
    what="redis://host:6379/0, or leave it empty",
    secret=True,
)
LOG_LEVEL = env.choice("LOG_LEVEL", "INFO", among=("DEBUG", "INFO", "WARNING", "ERROR"))
Q_CLUSTER = third_party.q_cluster(REDIS_URL, log_level=LOG_LEVEL)
CACHES = stores.caches(REDIS_URL)
ANALYSIS_LEASE_SECONDS = env.integer("ANALYSIS_LEASE_SECONDS", 300, low=5, high=86_400)
ANALYSIS_MAX_ATTEMPTS = env.integer("ANALYSIS_MAX_ATTEMPTS", 3, low=1, high=20)
WORKER_STALE_SECONDS = env.integer("WORKER_STALE_SECONDS", 60, low=5, high=3600)

# ── CLIP ──────────────────────────────────────────────────────────────────────────────────────
CLIP_MODEL_NAME = env.text("CLIP_MODEL_NAME", configuration.MODEL)
CLIP_MODEL_PATH = env.text("CLIP_MODEL_PATH")
# None: each model version's own threshold (0.25 for the OpenAI models).
CLIP_SIMILARITY_THRESHOLD = env.optional_number("CLIP_SIMILARITY_THRESHOLD", low=-1, high=1)
# A registered version that is asked too where the active one is uncertain; empty: none.
CLIP_SECOND_JUDGE = env.text("CLIP_SECOND_JUDGE")
CLIP_BATCH_SIZE = env.integer("CLIP_BATCH_SIZE", configuration.BATCH_SIZE, low=1, high=1024)
CLIP_DEVICE = env.choice("CLIP_DEVICE", configuration.AUTO, among=configuration.DEVICES)
CLIP_PRECISION = env.choice("CLIP_PRECISION", configuration.AUTO, among=configuration.PRECISIONS)
CLIP_BACKEND = env.choice("CLIP_BACKEND", configuration.AUTO, among=configuration.BACKENDS)
try:
    configuration.check_together(CLIP_BACKEND, CLIP_PRECISION, CLIP_DEVICE)
except ClipError as error:
    raise ImproperlyConfigured(str(error)) from error
CLIP_EXPORT_DIR = _folder("CLIP_EXPORT_DIR", BASE_DIR / configuration.EXPORTS)
CLIP_PRELOAD = env.boolean("CLIP_PRELOAD", False)
CLIP_IMAGE_ROOT = _folder("CLIP_IMAGE_ROOT", MEDIA_ROOT)
CLIP_TRAIN_BATCH_SIZE = env.integer("CLIP_TRAIN_BATCH_SIZE", 16, low=1, high=4096)
CLIP_TRAIN_LEARNING_RATE = env.number("CLIP_TRAIN_LEARNING_RATE", 5e-6, low=0, high=1)
CLIP_TRAIN_EPOCHS = env.integer("CLIP_TRAIN_EPOCHS", 3, low=1, high=1000)
CLIP_CHECKPOINT_DIR = _folder("CLIP_CHECKPOINT_DIR", BASE_DIR / "checkpoints")
CLIP_REPLAY_CSV = env.text("CLIP_REPLAY_CSV")
if CLIP_REPLAY_CSV:
    CLIP_REPLAY_CSV = str(_folder("CLIP_REPLAY_CSV", BASE_DIR))
    if not Path(CLIP_REPLAY_CSV).is_file():
        raise ImproperlyConfigured(
            f"CLIP_REPLAY_CSV is {CLIP_REPLAY_CSV}, and there is no such file; give the path of a "
            "CSV with image_path,text and perhaps category, or leave it empty."
        )
# ── Labels and the queue's order ──────────────────────────────────────────────────────────────
AUDIT_SHARE = env.number("AUDIT_SHARE", 0.02, low=0, high=1)
AUDIT_FLAGGED_SHARE = env.number("AUDIT_FLAGGED_SHARE", 0.1, low=0, high=1)
GOLD_SHARE = env.number("GOLD_SHARE", 0.1, low=0, high=1)
GROUP_LABEL_WEIGHT = env.number("GROUP_LABEL_WEIGHT", 0.5, low=0.01, high=1)
REVIEW_UNREADABLE = env.boolean("REVIEW_UNREADABLE", False)
QUEUE_UNCERTAIN_SHARE = env.number("QUEUE_UNCERTAIN_SHARE", 0.2, low=0, high=1)
QUEUE_AUDIT_SHARE = env.number("QUEUE_AUDIT_SHARE", 0.1, low=0, high=1)
if QUEUE_UNCERTAIN_SHARE + QUEUE_AUDIT_SHARE > 1:
    raise ImproperlyConfigured(
        "QUEUE_UNCERTAIN_SHARE and QUEUE_AUDIT_SHARE are shares of one queue and add up to more "
        "than 1; lower one of them."
    )

# ── Webhooks ──────────────────────────────────────────────────────────────────────────────────
UNDO_WINDOW_SECONDS = env.integer("UNDO_WINDOW_SECONDS", 600, low=0, high=86_400)
WEBHOOK_TIMEOUT_SECONDS = env.number("WEBHOOK_TIMEOUT_SECONDS", 10, low=0.1, high=60)
WEBHOOK_MAX_ATTEMPTS = env.integer("WEBHOOK_MAX_ATTEMPTS", 8, low=1, high=30)
WEBHOOK_ALLOW_PRIVATE = env.boolean("WEBHOOK_ALLOW_PRIVATE", DEBUG)

# ── Asking other hosts ────────────────────────────────────────────────────────────────────────
FETCH_ALLOW = env.hosts_and_networks("FETCH_ALLOW")
FETCH_PROXY = env.matching(
    "FETCH_PROXY",
    "",
    pattern=r"https?://([^\s/@]+@)?([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?/?",
    what="the address of a proxy, such as http://proxy.internal:3128",
    secret=True,
)
FETCH_CONTACT = env.matching(
    "FETCH_CONTACT",
    "",
    pattern=r"https?://[!-~]+|[!-~]+@[!-~]+",
    what="an address of a page or of e-mail, such as https://shop.example/bots",
)
FETCH_CONNECTIONS = env.integer("FETCH_CONNECTIONS", 4, low=1, high=64)
FETCH_REQUESTS_PER_SECOND = env.number("FETCH_REQUESTS_PER_SECOND", 20, low=0.01, high=10_000)
FETCH_MAX_ATTEMPTS = env.integer("FETCH_MAX_ATTEMPTS", 6, low=1, high=30)

# ── How long what is kept, in days; 0: for ever ───────────────────────────────────────────────
KEEP_ANALYSES_DAYS = env.days("KEEP_ANALYSES_DAYS", 0)
KEEP_UNUSED_PHOTOS_DAYS = env.days("KEEP_UNUSED_PHOTOS_DAYS", 0)
KEEP_DELIVERIES_DAYS = env.days("KEEP_DELIVERIES_DAYS", 0)
KEEP_VECTORS_DAYS = env.days("KEEP_VECTORS_DAYS", 90)
KEEP_TASK_RESULTS_DAYS = env.days("KEEP_TASK_RESULTS_DAYS", 90)
KEEP_SOURCE_RUNS_DAYS = env.days("KEEP_SOURCE_RUNS_DAYS", 0)
RETENTION_HOUR = env.integer("RETENTION_HOUR", 3, low=0, high=23)

# ── Sources that repeat ───────────────────────────────────────────────────────────────────────
# Where files and folders lie that the admin may name; none where it is empty.
SOURCE_ROOT = _folder("SOURCE_ROOT", BASE_DIR) if env.text("SOURCE_ROOT") else None
SOURCE_MAX_MB = env.number("SOURCE_MAX_MB", 2000, low=0.01, high=1_000_000)
SOURCE_MAX_BYTES = int(SOURCE_MAX_MB * 1024 * 1024)

# ── The model hub ─────────────────────────────────────────────────────────────────────────────
HF_HOME = env.text("HF_HOME")
# The hub library reads the variable itself and takes an empty one for the current folder.
if HF_HOME:
    os.environ["HF_HOME"] = str(Path(HF_HOME).expanduser())
else:
    os.environ.pop("HF_HOME", None)

# ── The demo (`make run`) ─────────────────────────────────────────────────────────────────────
DEMO_DIR = _folder("DEMO_DIR", BASE_DIR / "var" / "demo")

# ── Limits ────────────────────────────────────────────────────────────────────────────────────
MAX_UPLOAD_MB = env.number("MAX_UPLOAD_MB", 10, low=0.1, high=1000)
MAX_UPLOAD_BYTES = int(MAX_UPLOAD_MB * 1024 * 1024)
MAX_TEXT_LENGTH = env.integer("MAX_TEXT_LENGTH", 500, low=1, high=500)
MAX_IMAGE_PIXELS = env.integer("MAX_IMAGE_PIXELS", 50_000_000, low=10_000, high=170_000_000)
MAX_BATCH_ITEMS = env.integer("MAX_BATCH_ITEMS", 100, low=1, high=1000)
REVIEW_LEASE_SECONDS = env.integer("REVIEW_LEASE_SECONDS", 300, low=30, high=86_400)
DATA_UPLOAD_MAX_MEMORY_SIZE = MAX_UPLOAD_BYTES + 1024 * 1024
# One more than allowed reaches the API, which then says so in words.
DATA_UPLOAD_MAX_NUMBER_FILES = MAX_BATCH_ITEMS + 1
DATA_UPLOAD_MAX_NUMBER_FIELDS = 2 * MAX_BATCH_ITEMS + 1000
FILE_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024

# ── API ───────────────────────────────────────────────────────────────────────────────────────
API_LOGIN_REQUIRED = env.boolean("API_LOGIN_REQUIRED", not DEBUG)
API_RATE = env.matching(
    "API_RATE",
    "" if DEBUG else "600/min",
    pattern=r"[1-9][0-9]*/(sec|min|hour|day)",
    what="a number per sec, min, hour or day, such as 600/min",
)
REST_FRAMEWORK = third_party.rest_framework(API_RATE, is_behind_proxy=BEHIND_PROXY)
REST_KNOX = {"TOKEN_TTL": None}
SPECTACULAR_SETTINGS = third_party.spectacular(_PATH)

# ── Security ──────────────────────────────────────────────────────────────────────────────────
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
AXES_FAILURE_LIMIT = 8
AXES_COOLOFF_TIME = 0.25  # hours
AXES_RESET_ON_SUCCESS = True
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]  # and each alone: clipmod/logins.py
AXES_HANDLER = "clipmod.logins.LoginAttempts"
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_VERBOSE = False
# Its list has an action that fails; `manage.py axes_reset` lets people in again.
AXES_ENABLE_ADMIN = False
if BEHIND_PROXY:
    # Else every visitor has the proxy's address, and one can lock out all.
    AXES_CLIENT_IP_CALLABLE = "clipmod.proxy.client_address"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "admin:login"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "img-src": [SELF, "data:", "blob:", *([_BUCKET.origin] if _BUCKET else [])],
        "object-src": [NONE],
        "base-uri": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SESSION_COOKIE_PATH = CSRF_COOKIE_PATH = _PATH or "/"
SECURE_SSL_REDIRECT = HTTPS and env.boolean("SSL_REDIRECT", True)
SECURE_HSTS_SECONDS = env.integer("HSTS_SECONDS", 0, low=0, high=63_072_000)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if BEHIND_PROXY else None

# ── Logs and metrics ──────────────────────────────────────────────────────────────────────────
LOG_FORMAT = env.choice("LOG_FORMAT", "plain", among=logs.FORMATS)
ACCESS_LOG = env.boolean("ACCESS_LOG", not DEBUG)
LOGGING = logs.config(LOG_FORMAT, level=LOG_LEVEL)
METRICS_TOKEN = env.matching(
    "METRICS_TOKEN",
    "",
    pattern=r"[\x21-\x7e]{16,}",
    what="16 or more letters, digits and signs without blanks (`manage.py make_secret_key`)",
    secret=True,
)
METRICS_ALLOW = env.networks("METRICS_ALLOW")
