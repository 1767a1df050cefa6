"""Goes between ACME clients and a server, and lets nobody have an answer before a test agrees.

acme_gate.py PORT CERTIFICATE SERVER-PORT SERVER-CA FOLDER

Requests go through one at a time. When the server has answered the n-th of them below /acme/, FOLDER/n.asked says what was
asked and answered, and the client gets the answer when FOLDER/n.go is there.
"""

import http.client
import os
import ssl
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

port, certificate, upstream, authority, folder = sys.argv[1:]
trust = ssl.create_default_context(cafile=authority)
turn = threading.Lock()
count = 0


class Gate(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def pass_on(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        with turn:
            onward = http.client.HTTPSConnection("127.0.0.1", int(upstream), timeout=60, context=trust)
            onward.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() not in ("connection", "keep-alive"):
                    onward.putheader(name, value)
            onward.endheaders(body or None)
            answer = onward.getresponse()
            content = answer.read()
            onward.close()
            if self.path.startswith("/acme/"):
                self.wait(answer.status)
        self.send_response_only(answer.status, answer.reason)
        for name, value in answer.getheaders():
            if name.lower() not in ("connection", "keep-alive"):
                self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_HEAD = do_POST = pass_on

    def wait(self, status):
        global count
        count += 1
        stem = os.path.join(folder, str(count))
        with open(stem + ".new", "w") as file:
            file.write(f"{self.command} {self.path} {status}")
        os.rename(stem + ".new", stem + ".asked")
        while not os.path.exists(stem + ".go"):
            time.sleep(0.01)

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", int(port)), Gate)
server.daemon_threads = True
front = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
front.load_cert_chain(certificate)
server.socket = front.wrap_socket(server.socket, server_side=True)
server.serve_forever()
