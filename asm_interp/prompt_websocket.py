"""A Jupyter server's connection to the browser that sends small messages at once.

A TCP socket by default holds a small message back until the one before is acknowledged (Nagle's algorithm), and a
browser acknowledges some 40 ms late. A slider's move is two small messages and a picture: it would wait that long.
"""

from __future__ import annotations

from typing import Any

from jupyter_server.services.kernels.connection.channels import ZMQChannelsWebsocketConnection


class PromptConnection(ZMQChannelsWebsocketConnection):
    """Jupyter's own connection, without the wait. For ``ServerApp.kernel_websocket_connection_class``."""

    def connect(self) -> Any:  # Jupyter's own two classes do not agree on it
        """Connect the browser to the kernel."""
        self.websocket_handler.set_nodelay(True)
        return super().connect()
