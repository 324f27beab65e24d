"""The command line: one module a command in infra/cli/commands, found by name; `./telaga --help` lists them."""
