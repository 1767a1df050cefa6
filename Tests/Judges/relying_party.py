"""pyca/cryptography: the path, the list, and an answer for each digest with a nonce."""
import sys, urllib.request
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import ocsp, verification

base, paths, authority, *leaves = sys.argv[1:]
read = lambda file: x509.load_pem_x509_certificate(open(file, "rb").read())
fetch = lambda request: urllib.request.urlopen(request, timeout=20).read()
ca = read(authority)
trusted = verification.PolicyBuilder().store(verification.Store([ca]))
crl = x509.load_der_x509_crl(fetch(base + "/crl/iss-local"))
assert crl.is_signature_valid(ca.public_key())
for file in leaves:
    leaf = read(file)
    leaf.verify_directly_issued_by(ca)
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    if paths == "paths":
        host = x509.DNSName(names.get_values_for_type(x509.DNSName)[0])
        assert len(trusted.build_server_verifier(host).verify(leaf, [])) == 2
    entry = crl.get_revoked_certificate_by_serial_number(leaf.serial_number)
    said = [entry.extensions.get_extension_for_class(x509.CRLReason).value.reason.value if entry else "good"]
    for digest in (hashes.SHA1(), hashes.SHA256()):
        nonce = x509.OCSPNonce(b"0123456789abcdef")
        question = ocsp.OCSPRequestBuilder().add_certificate(leaf, ca, digest).add_extension(nonce, False)
        body = question.build().public_bytes(serialization.Encoding.DER)
        kind = {"Content-Type": "application/ocsp-request"}
        answer = ocsp.load_der_ocsp_response(
            fetch(urllib.request.Request(base + "/ocsp/iss-local", body, kind)))
        responder = answer.certificates[0]
        responder.verify_directly_issued_by(ca)
        responder.public_key().verify(
            answer.signature, answer.tbs_response_bytes, ec.ECDSA(answer.signature_hash_algorithm))
        assert answer.extensions.get_extension_for_class(x509.OCSPNonce).value == nonce
        said.append(answer.certificate_status.name.lower())
    print(*said)
