"""The local stack of one home: PostgreSQL, Airflow, and the processes they are made of."""
