"""Where Telaga runs: command line, local stack, environments, simulator."""
