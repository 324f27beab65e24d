"""Figures, measured: each module is one `./telaga bench NAME` with SUMMARY, ENVIRONMENT, configure() and run()."""
