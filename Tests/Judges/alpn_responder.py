"""Answers handshakes of tls-alpn-01 with the certificates that dehydrated puts into a folder (as its documentation shows).

alpn_responder.py PORT FOLDER CERTIFICATE    where CERTIFICATE, with its key, is for names that the folder has nothing for
"""

import os
import socket
import ssl
import sys

port, folder, fallback = sys.argv[1:]


def make_context(certificate, key=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    context.set_alpn_protocols(["acme-tls/1"])
    return context


def choose(connection, name, _):
    stem = os.path.join(folder, os.path.basename(name or ""))
    if os.path.exists(stem + ".crt.pem"):
        connection.context = make_context(stem + ".crt.pem", stem + ".key.pem")


plain = make_context(fallback)
plain.sni_callback = choose
listener = socket.create_server(("127.0.0.1", int(port)))
while True:
    connection, _ = listener.accept()
    connection.settimeout(10)
    try:
        plain.wrap_socket(connection, server_side=True).close()
    except OSError:
        connection.close()
