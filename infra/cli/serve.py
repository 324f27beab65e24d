"""From a published home to open addresses: Airflow on its cadence and Superset, left running in the background."""

from __future__ import annotations

from infra.cli import envs
from infra.cli.progress import Progress
from infra.settings import Home
from infra.stack import airflow_client, local


def serve(home: Home, progress: Progress) -> None:
    """Starts what does not run yet. Call it inside `local.alone`."""
    from infra.superset import stack as superset

    envs.ensure("superset", progress.write)
    if not local.keeps_cadence(home):
        with progress.step("Airflow on the contracts' cadence") as step:
            local.clear_killed(home)
            local.start_databases(home)
            client = local.start_airflow(home, cadence=True, tell=step)
            client.pause(client.dag_ids(), False)
    with progress.step("Superset") as step:
        step("dashboards, users and roles")
        superset.bootstrap(home)
        step("starting")
        superset.start(home)


def tell_addresses(home: Home) -> None:
    """Prints where to look, as whom, and where each generated password lies (never the password itself)."""
    from infra.stack import airflow
    from infra.superset import stack as superset
    from infra.superset.definition import DASHBOARDS, read_dashboard

    drawn = superset.status(home)
    dashboards = [read_dashboard(path) for path in sorted(DASHBOARDS.glob("*.yaml"))]
    print(f"\nSuperset  {drawn.url}")
    for each in dashboards:
        place = f"{drawn.url}/superset/dashboard/{each.slug}/"
        print(f"  {each.user:<12} {place}  (password: {superset.secret_name(each.user)})")
    print(f"  {'admin':<12} everything  (password: {superset.secret_name('admin')})")
    port = airflow_client.records(home)["api-server"].port
    print(f"Airflow   http://127.0.0.1:{port}")
    for user, role in airflow.USERS:
        print(f"  {user:<12} role {role}  (password: {airflow_client.secret_name(user)})")
    print(f"Passwords stand under these names in {home.secrets_path} (readable by you alone).")
    print("Stop with ./telaga down.")
