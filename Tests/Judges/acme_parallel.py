"""An ACME client that has many orders open at once, and one pool of nonces for all of them.

acme_parallel.py DIRECTORY CA KID HMAC ORDERS CONNECTIONS

Every answer brings a nonce into the pool, and whoever asks next takes one of those, so that the nonces of one order pay for
the requests of another. Prints a JSON object: what was counted, and the seconds of each step.
"""

import base64
import hashlib
import hmac
import http.client
import json
import queue
import ssl
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

directory_url, authority, kid, secret, orders, connections = sys.argv[1:]
orders, connections = int(orders), int(connections)
trust = ssl.create_default_context(cafile=authority)
place = urlsplit(directory_url).netloc
local = threading.local()
pool = queue.SimpleQueue()
lock = threading.Lock()
nonces = []
statuses = {}
fetched = 0


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def text(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def request(method, url, body=None):
    if not hasattr(local, "connection"):
        local.connection = http.client.HTTPSConnection(place, timeout=60, context=trust)
    headers = {"Content-Type": "application/jose+json"} if body else {}
    local.connection.request(method, urlsplit(url).path, body, headers)
    answer = local.connection.getresponse()
    content = answer.read()
    nonce = answer.getheader("Replay-Nonce")
    with lock:
        statuses[answer.status] = statuses.get(answer.status, 0) + 1
        if nonce:
            nonces.append(nonce)
    if nonce:
        pool.put(nonce)
    return answer, content


key = ec.generate_private_key(ec.SECP256R1())
point = key.public_key().public_numbers()
jwk = {"crv": "P-256", "kty": "EC", "x": b64(point.x.to_bytes(32, "big")), "y": b64(point.y.to_bytes(32, "big"))}
directory = json.loads(request("GET", directory_url)[1])
account = None


def take():
    global fetched
    try:
        return pool.get_nowait()
    except queue.Empty:
        request("HEAD", directory["newNonce"])
        with lock:
            fetched += 1
        return take()


def post(url, payload):
    header = {"alg": "ES256", "nonce": take(), "url": url}
    header.update({"kid": account} if account else {"jwk": jwk})
    protected, body = b64(text(header)), "" if payload is None else b64(text(payload))
    r, s = decode_dss_signature(key.sign(f"{protected}.{body}".encode(), ec.ECDSA(hashes.SHA256())))
    signature = b64(r.to_bytes(32, "big") + s.to_bytes(32, "big"))
    answer, content = request("POST", url, text({"protected": protected, "payload": body, "signature": signature}))
    if answer.status >= 400:
        raise SystemExit(f"{url}: {answer.status} {content.decode()}")
    return answer, content


def bind():
    protected = b64(text({"alg": "HS256", "kid": kid, "url": directory["newAccount"]}))
    payload = b64(text(jwk))
    octets = base64.urlsafe_b64decode(secret + "=" * (-len(secret) % 4))
    code = hmac.new(octets, f"{protected}.{payload}".encode(), hashlib.sha256).digest()
    return {"protected": protected, "payload": payload, "signature": b64(code)}


account = post(
    directory["newAccount"], {"termsOfServiceAgreed": True, "externalAccountBinding": bind()})[0].getheader("Location")


def open_order(number):
    name = f"n{number}.certctl.test"
    answer, content = post(directory["newOrder"], {"identifiers": [{"type": "dns", "value": name}]})
    order = json.loads(content)
    assert order["status"] == "ready", content
    return name, answer.getheader("Location"), order["finalize"]


def finalize(opened):
    name, order, finalization = opened
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    names = x509.SubjectAlternativeName([x509.DNSName(name)])
    csr = builder.add_extension(names, False).sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    post(finalization, {"csr": b64(csr.public_bytes(serialization.Encoding.DER))})


def download(opened):
    name, order, _ = opened
    while True:
        state = json.loads(post(order, None)[1])
        if state["status"] != "processing":
            break
        time.sleep(0.2)
    assert state["status"] == "valid", state
    chain = post(state["certificate"], None)[1]
    leaf = x509.load_pem_x509_certificate(chain)
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == [name], (name, names)
    return leaf.serial_number


seconds = {}


def step(name, work, items):
    start = time.monotonic()
    done = list(workers.map(work, items))
    seconds[name] = round(time.monotonic() - start, 1)
    return done


with ThreadPoolExecutor(connections) as workers:
    opened = step("open", open_order, range(orders))
    step("finalize", finalize, opened)
    serials = step("download", download, opened)
print(json.dumps({
    "orders": len({order for _, order, _ in opened}), "serials": len(set(serials)), "statuses": statuses,
    "nonces": len(nonces), "different": len(set(nonces)), "fetched": fetched, "seconds": seconds,
}))
