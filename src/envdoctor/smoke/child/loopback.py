"""Whether this machine reaches itself over the network, which NCCL and gloo need to find their partners."""

from __future__ import annotations

import socket

ADDRESS = "127.0.0.1"
NONE = "this machine does not reach itself by 127.0.0.1: it has no network, not even a loopback device"


def reaches_itself() -> bool:
    """Connect to a socket of its own; binding one succeeds even where the loopback device is down."""
    try:
        with socket.socket() as listening:
            listening.bind((ADDRESS, 0))
            listening.listen(1)
            with socket.create_connection(listening.getsockname(), timeout=2.0):
                return True
    except OSError:
        return False
