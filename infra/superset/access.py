"""Who may do what in Superset. Roles are exact sets: a permission that is not named here is taken away.

Viewers reach data only through a dashboard that is open to their role (DASHBOARD_RBAC): no dataset, no SQL Lab, no
explore, no download of data, no list of databases.
"""

from __future__ import annotations

from dataclasses import dataclass

ADMINISTRATOR = "admin"

VIEWER_PERMISSIONS: frozenset[tuple[str, str]] = frozenset(
    {
        ("can_read", "Dashboard"),
        ("can_read", "Chart"),
        ("can_dashboard", "Superset"),
        ("can_explore_json", "Superset"),
        ("can_slice", "Superset"),
        ("can_log", "Superset"),
        ("can_language_pack", "Superset"),
        ("can_time_range", "Api"),
        ("can_read", "DashboardFilterStateRestApi"),
        ("can_write", "DashboardFilterStateRestApi"),
        ("can_read", "DashboardPermalinkRestApi"),
        ("can_write", "DashboardPermalinkRestApi"),
        ("can_read", "CurrentUserRestApi"),
        ("can_read", "CssTemplate"),
        ("can_read", "Theme"),
        ("can_recent_activity", "Log"),
        ("can_get", "MenuApi"),
        ("menu_access", "Home"),
        ("menu_access", "Dashboards"),
        ("can_userinfo", "UserDBModelView"),
        ("can_read", "user"),
        ("resetmypassword", "UserDBModelView"),
        ("can_this_form_get", "ResetMyPasswordView"),
        ("can_this_form_post", "ResetMyPasswordView"),
    }
)


@dataclass(frozen=True)
class User:
    """One account; `role` is a role of ours, or Superset's Admin."""

    name: str
    role: str
    password: str
    # Slug of the dashboard that opens after login.
    dashboard: str | None = None
