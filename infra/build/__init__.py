"""Count, judge, present: from pinned Delta tables to marts. `infra.build.steps` is what a DAG calls."""
