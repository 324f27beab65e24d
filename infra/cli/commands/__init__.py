"""One module a command: SUMMARY, ENVIRONMENT, configure(parser), run(arguments) -> exit code.

`ENVIRONMENT` names the environment that run() needs (see infra.cli.envs): `none` for a bare Python, `main`, `test`.
Importing a command needs the standard library alone.
"""
