"""A receiver of security events for tests: usage audit_receiver.py syslog|webhook PORT FILE PEM|- SECRET REFUSALS"""
import hashlib, hmac, http.server, json, os, re, socket, ssl, sys, threading, time as clock
kind, port, path, pem, secret, refusals = sys.argv[1:7]
left = int(refusals)
parent = os.getppid()
def follow():
    while os.getppid() == parent:
        clock.sleep(1)
    os._exit(0)
threading.Thread(target=follow, daemon=True).start()
def take(value):
    with open(path, "a") as out:
        out.write(json.dumps(value) + "\n")
context = None
if pem != "-":
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
class Hook(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        global left
        body = self.rfile.read(int(self.headers["Content-Length"]))
        time, code = re.fullmatch(r"t=(\d+),v1=([0-9a-f]{64})", self.headers["X-Certctl-Signature"]).groups()
        good = hmac.new(secret.encode(), time.encode() + b"." + body, hashlib.sha256).hexdigest() == code
        if left > 0 or not good:
            left -= 1
            take({"refused": True, "signed": good})
            self.send_response(503)
        else:
            for event in json.loads(body)["events"]:
                take({"signed": good, "seq": event["seq"], "event": event})
            for jws in json.loads(body)["checkpoints"]:
                take({"signed": good, "checkpoint": jws})
            self.send_response(204)
        self.send_header("Content-Length", "0")
        self.end_headers()
    def log_message(self, *_):
        pass
def frames(stream):
    while True:
        digits = b""
        while (octet := stream.read(1)) not in (b" ", b""):
            digits += octet
        if not digits:
            return
        yield stream.read(int(digits))
def syslog(connection):
    with connection.makefile("rb") as stream:
        for frame in frames(stream):
            parts = re.fullmatch(
                rb"<(\d+)>1 (\S+) (\S+) certctl - (\S+) (\[certctl@32473(?: \w+=\"(?:[^\"\\\]]|\\.)*\")*\]) "
                rb"\xef\xbb\xbf(.*)", frame, re.S)
            if not parts:
                take({"malformed": frame.decode(errors="replace")})
                continue
            priority, time, host, action, data, text = (part.decode() for part in parts.groups())
            found = re.search(r'seq="(\d+)"', data)
            take({"priority": int(priority), "action": action, "text": text,
                  "seq": int(found.group(1)) if found else None})
if kind == "webhook":
    server = http.server.HTTPServer(("127.0.0.1", int(port)), Hook)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    print("ready", flush=True)
    server.serve_forever()
listener = socket.create_server(("127.0.0.1", int(port)))
print("ready", flush=True)
while True:
    connection, _ = listener.accept()
    try:
        syslog(context.wrap_socket(connection, server_side=True) if context else connection)
    except (OSError, ssl.SSLError) as problem:
        print(problem, flush=True)
    connection.close()
