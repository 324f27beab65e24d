"""Statistics between the two dbt runs: counts in, judged estimates out.

Pure functions of polars frames and numpy arrays: no files, no tables, none of the project's other packages. A benchmark
or a notebook calls them as they stand.
"""
