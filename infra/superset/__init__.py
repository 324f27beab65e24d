"""Dashboards: Superset's settings, its assets as code, who may open what, and how a home starts and stops it."""
