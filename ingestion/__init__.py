"""From an agency's delivery to a minimised Delta table: contracts, connectors, conform, locate, derive, minimise, land.

Nothing here imports the DAGs, the infrastructure, the models or the estimation: places, credentials, the judge and
the log come in as arguments, so that every room works and is tested without Airflow.
"""
