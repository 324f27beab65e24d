"""Who may do what in the lake's bucket."""
