"""An SFTP server on 127.0.0.1, run with the interpreter of the environment `peers` (asyncssh).

`python sftp_server.py ROOT CONTROL`: serves ROOT to the user `agency` (by password or a key in
CONTROL/authorized_keys), with the host keys CONTROL/host_*; prints its port. Where CONTROL/cut holds a number, the
connection that reads beyond that byte of a file is dropped, once. Offsets that are read are added to CONTROL/reads.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import asyncssh

PASSWORD = "ag:ency/p@ss"


async def serve(root: Path, control: Path) -> None:
    class Server(asyncssh.SSHServer):
        def password_auth_supported(self) -> bool:
            return True

        def validate_password(self, username: str, password: str) -> bool:
            return (username, password) == ("agency", PASSWORD)

    class Files(asyncssh.SFTPServer):
        def __init__(self, chan: Any) -> None:
            super().__init__(chan, chroot=str(root))
            self._connection = chan.get_connection()

        def read(self, file_obj: Any, offset: int, size: int) -> Any:
            cut = control / "cut"
            with (control / "reads").open("a") as log:
                log.write(f"{offset}\n")
            if cut.exists() and offset + size > int(cut.read_text()):
                cut.unlink()
                self._connection.abort()
                raise asyncssh.SFTPConnectionLost("cut")
            return super().read(file_obj, offset, size)

    keys = sorted(str(path) for path in control.glob("host_*") if not path.name.endswith(".pub"))
    authorized = control / "authorized_keys"
    server = await asyncssh.listen(
        "127.0.0.1",
        0,
        server_factory=Server,
        server_host_keys=keys,
        sftp_factory=Files,
        authorized_client_keys=str(authorized) if authorized.exists() else None,
    )
    print(server.get_port(), flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), Path(sys.argv[2])))
