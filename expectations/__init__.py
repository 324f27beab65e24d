"""Great Expectations judges each batch before it is committed: on its profile, and on a sample of its rows as read."""
