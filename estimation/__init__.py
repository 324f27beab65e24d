"""Statistics between the two dbt runs: counts in, judged estimates out.

Pure functions of polars frames and numpy arrays: no files, no tables, none of the project's other packages. A benchmark
or a notebook calls them as they stand.
"""

import os

# What is solved here is many small systems: threads of the linear algebra only wait for one another (ten times as long
# on a busy machine of two cores). It reads this when numpy is first imported; a number that someone set stands.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
