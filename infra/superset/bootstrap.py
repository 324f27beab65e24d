"""Sets up Superset's metadata in one process: tables, roles, users, dashboards. Running it again changes nothing.

Run by `infra.superset.stack` with the Python of Superset's environment; users and passwords come on standard input as
JSON, never as arguments. Starting Superset's command line once costs what this whole script does.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from infra.superset.access import VIEWER_PERMISSIONS, User


def run(users: Iterable[User], assets: Mapping[str, str], opened_by: Mapping[str, str], retired: Iterable[str]) -> None:
    """Brings the metadata to what is asked.

    `assets` is a bundle (path to YAML), `opened_by` names for each dashboard's slug the role it is open to, `retired`
    the roles of ours that no dashboard has any more. Raises RuntimeError where Superset does not know a permission:
    a role that silently lacks one would be a dashboard that does not open.
    """
    from superset.app import create_app

    app = create_app()
    with app.app_context():
        from flask_migrate import upgrade
        from superset import db
        from superset.extensions import appbuilder, security_manager

        upgrade(directory=app.extensions["migrate"].directory)
        appbuilder.add_permissions(update_perms=True)
        security_manager.sync_role_definitions()
        _roles(security_manager, set(opened_by.values()), retired)
        db.session.commit()
        named = list(users)
        _accounts(security_manager, named)
        db.session.commit()
        _import(security_manager, assets)
        _open(security_manager, opened_by)
        db.session.commit()
        _welcome(security_manager, named)
        db.session.commit()


def _roles(security: Any, names: set[str], retired: Iterable[str]) -> None:
    found = {pair: security.find_permission_view_menu(*pair) for pair in sorted(VIEWER_PERMISSIONS)}
    missing = [f"{action} on {view}" for (action, view), permission in found.items() if permission is None]
    if missing:
        raise RuntimeError(f"Superset knows no permission {', '.join(missing)}: correct infra/superset/access.py")
    for name in sorted(names):
        role = security.find_role(name) or security.add_role(name)
        role.permissions = list(found.values())
    for name in retired:
        role = security.find_role(name)
        if role is not None:
            role.permissions = []
    public = security.find_role("Public")
    if public is not None:
        public.permissions = []


def _accounts(security: Any, users: Iterable[User]) -> None:
    from werkzeug.security import check_password_hash

    for user in users:
        role = security.find_role(user.role)
        known = security.find_user(username=user.name)
        if known is None:
            made = security.add_user(
                user.name, user.name, "Telaga", f"{user.name}@telaga.invalid", role, password=user.password
            )
            if not made:
                raise RuntimeError(f"Superset refused to add user {user.name}: read the log above")
            continue
        known.roles = [role]
        # Hashing is slow on purpose: only where the password is another.
        if not check_password_hash(known.password, user.password):
            security.reset_password(known.id, user.password)


def _import(security: Any, assets: Mapping[str, str]) -> None:
    from superset.commands.importers.v1.assets import ImportAssetsCommand
    from superset.utils.core import override_user

    with override_user(security.find_user(username="admin")):
        ImportAssetsCommand(dict(assets)).run()


def _open(security: Any, opened_by: Mapping[str, str]) -> None:
    from superset import db
    from superset.models.dashboard import Dashboard

    for slug, role in opened_by.items():
        dashboard = db.session.query(Dashboard).filter_by(slug=slug).one()
        dashboard.roles = [security.find_role(role)]


def _welcome(security: Any, users: Iterable[User]) -> None:
    from superset import db
    from superset.models.dashboard import Dashboard
    from superset.models.user_attributes import UserAttribute

    for user in users:
        if user.dashboard is None:
            continue
        account = security.find_user(username=user.name)
        dashboard = db.session.query(Dashboard).filter_by(slug=user.dashboard).one()
        attribute = db.session.query(UserAttribute).filter_by(user_id=account.id).first()
        if attribute is None:
            attribute = UserAttribute(user_id=account.id)
            db.session.add(attribute)
        attribute.welcome_dashboard_id = dashboard.id


def main() -> None:
    asked = json.load(sys.stdin)
    run([User(**user) for user in asked["users"]], asked["assets"], asked["opened_by"], asked["retired"])


if __name__ == "__main__":
    main()
