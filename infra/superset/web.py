"""What this server answers beside Superset: its language pack, its logo, and the tiles of the base map."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

from infra.superset import tiles

TILES = "tile:///telaga/tiles/{z}/{x}/{y}.png"
LOGO = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 132 36" role="img" aria-label="Telaga">
<path d="M18 3l13 7.5v15L18 33 5 25.5v-15z" fill="#0b5c7a"/>
<path d="M9 19c3-3 6-3 9 0s6 3 9 0M9 24.5c3-3 6-3 9 0s6 3 9 0" fill="none" stroke="#fff" stroke-width="2"/>
<text x="40" y="25" font-family="Inter, Helvetica, Arial, sans-serif" font-size="21" font-weight="600"
 fill="#0b5c7a">Telaga</text>
</svg>"""


def serve(app: Any, *, pack: Path, release: Path) -> None:
    """Adds the routes to Superset's Flask app. Tiles are for those who are logged in; the rest holds no data."""
    from flask import Blueprint, Response, abort, redirect, request, send_file, session
    from flask_login import current_user

    routes = Blueprint("telaga", __name__)
    # A release never changes, so what was read of it holds; one is kept, the newest.
    outlines = lru_cache(maxsize=1)(_outlines)

    @routes.route("/telaga/logo.svg")
    def logo() -> Any:
        return Response(LOGO, mimetype="image/svg+xml", headers={"Cache-Control": "max-age=86400"})

    @routes.route("/telaga/tiles/<int:zoom>/<int:column>/<int:row>.png")
    def draw(zoom: int, column: int, row: int) -> Any:
        if not current_user.is_authenticated:
            abort(403)
        try:
            picture = tiles.tile(outlines(release.resolve()), zoom, column, row)
        except ValueError:
            abort(404)
        return Response(picture, mimetype="image/png", headers={"Cache-Control": "private, max-age=600"})

    app.register_blueprint(routes)

    @app.before_request
    def own_language() -> Any:
        # Superset reads packs from inside its own package, where nothing of ours belongs.
        if request.path == "/superset/language_pack/id/":
            return send_file(pack, mimetype="application/json", max_age=3600)
        return None

    @app.before_request
    def no_log_of_strangers() -> Any:
        # The login page reports its events some seconds after it has come. Refused, or even only looked at through
        # current_user, that report sets a cookie: over the one of the user who has logged in meanwhile.
        if request.path == "/superset/log/" and "_user_id" not in session:
            return Response(status=204)
        return None

    @app.before_request
    def own_home() -> Any:
        # Superset's home page lists and offers what a viewer may not open; theirs is their dashboard.
        if request.path == "/superset/welcome/" and current_user.is_authenticated:
            slug = _welcome(current_user.id)
            return redirect(f"/superset/dashboard/{slug}/") if slug else None
        return None


def _welcome(user_id: int) -> str | None:
    from superset import db
    from superset.models.dashboard import Dashboard
    from superset.models.user_attributes import UserAttribute

    found = db.session.query(Dashboard.slug).join(UserAttribute, UserAttribute.welcome_dashboard_id == Dashboard.id)
    return found.filter(UserAttribute.user_id == user_id).scalar()


def _outlines(_release: Path) -> tuple[tiles.Outline, ...]:
    # Through Superset's own database, because DuckDB refuses two configurations of one file in one process.
    from contextlib import closing

    from superset import db
    from superset.models.core import Database

    from infra.superset.bundle import database_name

    database = db.session.query(Database).filter_by(database_name=database_name("executive")).one_or_none()
    if database is None:
        return ()
    with database.get_raw_connection() as connection, closing(connection.cursor()) as cursor:
        cursor.execute(tiles.OUTLINES)
        return tiles.outlines(cursor.fetchall())
