"""pyca/cryptography, whose ML-DSA is another implementation than ours: keys, signatures and requests, both ways.

key KEY PUBLIC MESSAGE SIGNATURE OUT   reads our key, compares its public part, verifies our signature, and signs the
                                       message with the key and a key of its own
request ALGORITHM NAME KEY CSR         makes a key and a certification request
chain CA LEAF CRL                      verifies our certificate and our list
answer CA LEAF URL                     asks for the status of a certificate and verifies answer and responder
tree ROOT CA LEAF                      verifies certificates of two tiers
csr FILE                               verifies our request for the certificate of a CA
"""
import pathlib, sys, urllib.request
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives import serialization as form
from cryptography.hazmat.primitives.asymmetric import mldsa
from cryptography.x509 import ocsp
from cryptography.x509.oid import NameOID

read = lambda file: pathlib.Path(file).read_bytes()
write = lambda file, octets: pathlib.Path(file).write_bytes(octets)
pem = lambda key: key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption())
kinds = {"ML-DSA-65": mldsa.MLDSA65PrivateKey, "ML-DSA-87": mldsa.MLDSA87PrivateKey}
spki = lambda key: key.public_key().public_bytes(form.Encoding.DER, form.PublicFormat.SubjectPublicKeyInfo)
command, *words = sys.argv[1:]
if command == "key":
    ours, public, message, signature, out = words
    key = form.load_pem_private_key(read(ours), None)
    assert spki(key) == read(public), "another public key"
    key.public_key().verify(read(signature), read(message))
    own = next(kind for kind in kinds.values() if isinstance(key, kind)).generate()
    write(out + ".sig", key.sign(read(message)))
    write(out + ".pem", pem(own))
    write(out + ".pub", spki(own))
    write(out + ".own", own.sign(read(message)))
elif command == "request":
    algorithm, name, out, request = words
    key = kinds[algorithm].generate()
    names = x509.SubjectAlternativeName([x509.DNSName(name)])
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    csr = x509.CertificateSigningRequestBuilder().subject_name(subject).add_extension(names, False).sign(key, None)
    write(out, pem(key))
    write(request, csr.public_bytes(form.Encoding.PEM))
elif command == "answer":
    ca, leaf = (x509.load_pem_x509_certificate(read(file)) for file in words[:2])
    question = ocsp.OCSPRequestBuilder().add_certificate(leaf, ca, hashes.SHA256())
    body = question.add_extension(x509.OCSPNonce(b"0123456789abcdef"), False).build().public_bytes(form.Encoding.DER)
    kind = {"Content-Type": "application/ocsp-request"}
    reply = urllib.request.urlopen(urllib.request.Request(words[2], body, kind), timeout=20).read()
    answer = ocsp.load_der_ocsp_response(reply)
    responder = answer.certificates[0]
    responder.verify_directly_issued_by(ca)
    responder.public_key().verify(answer.signature, answer.tbs_response_bytes)
    print(answer.certificate_status.name, type(responder.public_key()).__name__)
elif command == "tree":
    root, ca, leaf = (x509.load_pem_x509_certificates(read(file))[0] for file in words)
    root.verify_directly_issued_by(root)
    ca.verify_directly_issued_by(root)
    leaf.verify_directly_issued_by(ca)
    print(*(type(c.public_key()).__name__ for c in (root, ca, leaf)))
elif command == "csr":
    request = x509.load_pem_x509_csr(read(words[0]))
    assert request.is_signature_valid
    print(type(request.public_key()).__name__)
else:
    ca, leaf = (x509.load_pem_x509_certificate(read(file)) for file in words[:2])
    ca.verify_directly_issued_by(ca)
    leaf.verify_directly_issued_by(ca)
    assert x509.load_der_x509_crl(read(words[2])).is_signature_valid(ca.public_key())
    usage = leaf.extensions.get_extension_for_class(x509.KeyUsage).value
    assert usage.digital_signature and not usage.key_encipherment and not usage.key_agreement
    print(ca.signature_algorithm_oid.dotted_string, type(leaf.public_key()).__name__)
