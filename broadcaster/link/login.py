"""The login, in as few round trips as a far line lets it have.

paramiko asks for the login's service, waits for the word that it may log in, and logs in then. Nothing in that word
changes what is sent next, so here both go out together, as RFC 4252 allows. It is only called when the host key has
been found to be the pinned one: what is shown of the centre comes after that, as before.

Sources: RFC 4253 section 10; RFC 4252 sections 5 and 7.
"""

from __future__ import annotations

import threading

import paramiko
from paramiko.auth_handler import AuthOnlyHandler
from paramiko.common import cMSG_SERVICE_REQUEST, cMSG_USERAUTH_REQUEST
from paramiko.transport import ServiceRequestingTransport

from broadcaster.link.packets import pack_bytes, pack_text

_METHOD = "publickey"


class PromptTransport(ServiceRequestingTransport):
    """paramiko's transport, with a login by one Ed25519 key that costs one round trip less."""

    def log_in(self, username: str, key: paramiko.PKey) -> list[str]:
        """Log in.

        Returns:
            What the station asks for beside the key; mostly nothing.

        Raises:
            paramiko.AuthenticationException: The key is not let in, or the line broke.
            paramiko.SSHException: The line broke.
        """
        handler = AuthOnlyHandler(self)
        handler.auth_method, handler.username = _METHOD, username
        handler.auth_event = answered = threading.Event()  # before anything is sent: the answer may be quick
        self.auth_handler = handler
        asked = cMSG_USERAUTH_REQUEST + b"".join(map(pack_text, (username, "ssh-connection", _METHOD)))
        asked += b"\x01" + pack_text(key.get_name()) + pack_bytes(key.asbytes())  # 1: with a signature
        signature = key.sign_ssh_data(pack_bytes(self.session_id or b"") + asked).asbytes()
        self.packetizer.send_message(paramiko.Message(cMSG_SERVICE_REQUEST + pack_text("ssh-userauth")))
        self.packetizer.send_message(paramiko.Message(asked + pack_bytes(signature)))
        return handler.wait_for_response(answered)
