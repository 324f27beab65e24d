"""Airflow's metadata tables and its users with their roles, in one process: each Airflow import costs seconds.

Run as `python -m infra.stack.airflow_bootstrap` with the home's Airflow environment; reads a JSON list of users
({name, role, password}) from standard input, so that no password is an argument or a file.
"""

from __future__ import annotations

import json
import sys
from typing import Any

# A data protection officer reads everything that Airflow shows and answers what waits for a person, no more.
OFFICER = "Officer"


def main() -> None:
    users = json.load(sys.stdin)

    from airflow.utils.db import upgradedb

    upgradedb()

    from airflow.providers.fab.auth_manager.cli_commands.utils import get_application_builder
    from airflow.utils.providers_configuration_loader import providers_configuration_loaded

    @providers_configuration_loaded
    def apply() -> None:
        with get_application_builder() as builder:
            _roles_and_users(builder.sm, users)

    apply()


def _roles_and_users(security: Any, users: list[dict[str, str]]) -> None:
    security.sync_roles()
    # By name, not from the provider's permission constants: those have moved between releases.
    permissions = [*security.VIEWER_PERMISSIONS, ("can_edit", "HITL Detail"), ("menu_access", "HITL Detail")]
    security.bulk_sync_roles([{"role": OFFICER, "perms": permissions}])
    for user in users:
        role = security.find_role(user["role"])
        if role is None:
            raise SystemExit(f"Airflow has no role {user['role']}")
        known = security.find_user(username=user["name"])
        if known is None:
            names = (user["name"].capitalize(), "Telaga", f"{user['name']}@telaga.invalid")
            made = security.add_user(user["name"], *names, role, user["password"])
            if not made:
                raise SystemExit(f"Airflow's user {user['name']} could not be made")
        else:
            known.roles = [role]
            security.update_user(known)
            security.reset_password(known.id, user["password"])


if __name__ == "__main__":
    main()
