"""A security key (FIDO) in software, in an ssh-agent of its own: it signs as a token would, when it is touched.

    with Token(tmp_path / "token") as token:
        sshd.authorize(token.public)

PROTOCOL.u2f and PROTOCOL.agent of OpenSSH; sshd checks the signature as it does any.
"""

import base64
import hashlib
import os
import socket
import struct
import threading
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

KIND, APPLICATION = b"sk-ssh-ed25519@openssh.com", b"ssh:"
TOUCHED = 1
IDENTITIES, SIGN = 11, 13


def string(content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + content


class Token:
    """`path` is the agent's socket; `key` names the key's files, of which only the public one is there."""

    def __init__(self, folder):
        folder = Path(folder)
        folder.mkdir()
        self.path, self.key, self.signed = str(folder / "agent"), folder / "id_ed25519_sk", 0
        self._private = Ed25519PrivateKey.generate()
        public = self._private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.blob = string(KIND) + string(public) + string(APPLICATION)
        Path(f"{self.key}.pub").write_text(f"{KIND.decode()} {base64.b64encode(self.blob).decode()} token\n")

    def __enter__(self):
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(self.path)
        self._listening.listen()
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        os.unlink(self.path)

    def _serve(self):
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection):
        with connection, connection.makefile("rb") as asked:
            while len(size := asked.read(4)) == 4:
                connection.sendall(string(self._reply(asked.read(struct.unpack(">I", size)[0]))))

    def _reply(self, request: bytes) -> bytes:
        if request[0] == IDENTITIES:
            return b"\x0c" + struct.pack(">I", 1) + string(self.blob) + string(b"token")
        if request[0] == SIGN:
            size = struct.unpack(">I", request[1:5])[0]
            (length,) = struct.unpack(">I", request[5 + size : 9 + size])
            return b"\x0e" + string(self._signature(request[9 + size : 9 + size + length]))
        return b"\x05"

    def _signature(self, content: bytes) -> bytes:
        self.signed += 1
        state = bytes([TOUCHED]) + struct.pack(">I", self.signed)
        hashes = hashlib.sha256(APPLICATION).digest(), hashlib.sha256(content).digest()
        made = self._private.sign(hashes[0] + state + hashes[1])
        return string(KIND) + string(made) + state
