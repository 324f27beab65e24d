"""Superset's settings for one home. Everything secret comes from the environment, and its absence is an error:
a shipped default would be a key that everyone has.

Read by Superset through SUPERSET_CONFIG_PATH; `infra.superset.stack` sets the environment.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

from infra.superset import audit, language, palette, web


def _needed(name: str) -> str:
    value = os.environ.get(name)
    if not value:
        raise RuntimeError(f"{name} is unset: start Superset with ./telaga up, which sets it")
    return value


_ROOT = Path(_needed("TELAGA_HOME"))
_STATE = _ROOT / "superset"

SECRET_KEY = _needed("SUPERSET_SECRET_KEY")
SQLALCHEMY_DATABASE_URI = _needed("SUPERSET_METADATA_URI")
# Embedding is off; the secret that Superset ships is public all the same.
GUEST_TOKEN_JWT_SECRET = _needed("SUPERSET_GUEST_SECRET")

FEATURE_FLAGS = {
    "DASHBOARD_RBAC": True,
    "ENABLE_TEMPLATE_PROCESSING": False,
    "ALLOW_ADHOC_SUBQUERY": False,
    "ALERT_REPORTS": False,
    "EMBEDDED_SUPERSET": False,
    "ESTIMATE_QUERY_COST": False,
    "ENABLE_JAVASCRIPT_CONTROLS": False,
    "THUMBNAILS": False,
    "TAGGING_SYSTEM": False,
}
PREVENT_UNSAFE_DB_CONNECTIONS = True
PUBLIC_ROLE_LIKE = None
AUTH_ROLE_PUBLIC = "Public"
FAB_API_SWAGGER_UI = False

# --- sessions; a browser keeps cookies by host and not by port, so two homes need two names
WTF_CSRF_ENABLED = True
SESSION_COOKIE_NAME = "telaga_superset_" + hashlib.sha256(str(_ROOT).encode()).hexdigest()[:10]
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
# Behind TLS, on a real host: SUPERSET_BEHIND_TLS=1.
SESSION_COOKIE_SECURE = os.environ.get("SUPERSET_BEHIND_TLS") == "1"
PERMANENT_SESSION_LIFETIME = 8 * 3600
RATELIMIT_ENABLED = True
RATELIMIT_STORAGE_URI = "memory://"
AUTH_RATE_LIMITED = True
AUTH_RATE_LIMIT = "5 per second"

# --- the browser may speak to nobody but this server
TALISMAN_ENABLED = True
TALISMAN_CONFIG = {
    "content_security_policy": {
        "base-uri": ["'self'"],
        "default-src": ["'self'"],
        "img-src": ["'self'", "blob:", "data:"],
        "worker-src": ["'self'", "blob:"],
        "connect-src": ["'self'"],
        "frame-ancestors": ["'none'"],
        "form-action": ["'self'"],
        "object-src": "'none'",
        "style-src": ["'self'", "'unsafe-inline'"],
        "font-src": ["'self'", "data:"],
        "script-src": ["'self'", "'strict-dynamic'"],
    },
    "content_security_policy_nonce_in": ["script-src"],
    "referrer_policy": "same-origin",
    "force_https": False,
    "session_cookie_secure": SESSION_COOKIE_SECURE,
}
CONTENT_SECURITY_POLICY_WARNING = False
THEME_FONT_URL_ALLOWED_DOMAINS: list[str] = []
# Texts on dashboards carry a class that the dashboard's own style sheet knows.
HTML_SANITIZATION_SCHEMA_EXTENSIONS = {"attributes": {"*": ["className"]}}


# --- caches: files, no other service
def _cache(name: str, seconds: int) -> dict[str, Any]:
    return {
        "CACHE_TYPE": "FileSystemCache",
        "CACHE_DIR": str(_STATE / "cache" / name),
        "CACHE_DEFAULT_TIMEOUT": seconds,
        "CACHE_THRESHOLD": 2000,
        "CACHE_KEY_PREFIX": name,
        "CACHE_OPTIONS": {"mode": 0o600},
    }


CACHE_CONFIG = _cache("meta", 300)
DATA_CACHE_CONFIG = _cache("data", 300)
FILTER_STATE_CACHE_CONFIG = _cache("filter", 86_400)
EXPLORE_FORM_DATA_CACHE_CONFIG = _cache("explore", 86_400)
CELERY_CONFIG = None
RESULTS_BACKEND = None
ROW_LIMIT = 5_000
SQL_MAX_ROW = 100_000

# --- Bahasa Indonesia first, English at a click
BABEL_DEFAULT_LOCALE = "id"
LANGUAGES = {"id": {"flag": "id", "name": "Bahasa Indonesia"}, "en": {"flag": "us", "name": "English"}}
_PACK = language.write_packs(_STATE / "translations", language.words())
# flask-babel resolves relative names against the app; the second is the folder that Superset itself ships.
BABEL_TRANSLATION_DIRECTORIES = f"{_STATE / 'translations'};translations"
D3_TIME_FORMAT = language.TIME_FORMAT
D3_FORMAT = language.NUMBER_FORMAT
CURRENCIES = ["IDR"]

# --- look
APP_NAME = "Telaga"
FAVICONS = [{"href": "/telaga/logo.svg"}]
LOGO_RIGHT_TEXT = ""
THEME_DEFAULT = {
    "token": {
        "brandAppName": APP_NAME,
        "brandLogoAlt": APP_NAME,
        "brandLogoUrl": "/telaga/logo.svg",
        "brandLogoMargin": "12px 0",
        "brandLogoHref": "/",
        "brandLogoHeight": "30px",
        "brandIconMaxWidth": 120,
        "colorPrimary": palette.ACCENT,
        "colorLink": palette.ACCENT,
        "fontUrls": [],
        # ECharts speaks no Bahasa Indonesia.
        "echartsOptionsOverrides": {
            "legend": {"selector": [{"type": "all", "title": "Semua"}, {"type": "inverse", "title": "Balik"}]}
        },
    },
    "algorithm": "default",
}
THEME_DARK = None
ENABLE_UI_THEME_ADMINISTRATION = False
DECKGL_BASE_MAP = [[web.TILES, "Wilayah kota"], ["none", "Tanpa peta dasar"]]
MAPBOX_API_KEY = ""
EXTRA_CATEGORICAL_COLOR_SCHEMES = [
    {"id": "telaga", "label": "Telaga", "description": "", "isDefault": True, "colors": palette.SERIES},
    {"id": "telaga_interval", "label": "Telaga, selang", "description": "", "colors": palette.INTERVAL},
]
EXTRA_SEQUENTIAL_COLOR_SCHEMES = [
    {"id": name, "label": name, "description": "", "isDiverging": True, "colors": colours}
    for name, colours in palette.SCHEMES.items()
]

# --- who read what
_TRAIL = audit.Trail(_STATE / "audit")
EVENT_LOGGER = audit.event_logger(_TRAIL)
SQL_QUERY_MUTATOR = audit.query_recorder(_TRAIL)
# Recorded as it is run: after Superset has added its own limits.
MUTATE_AFTER_SPLIT = True


def DB_CONNECTION_MUTATOR(uri: Any, params: Any, *_: Any) -> tuple[Any, Any]:
    """Opens the release that the link names now: DuckDB goes on showing an old file under an unchanged path."""
    if uri.drivername.startswith("duckdb") and uri.database:
        uri = uri.set(database=os.path.realpath(uri.database))
    return uri, params


def FLASK_APP_MUTATOR(app: Any) -> None:
    web.serve(app, pack=_PACK, release=_ROOT / "serving" / "executive" / "current.duckdb")
    audit.record_requests(app, _TRAIL)
