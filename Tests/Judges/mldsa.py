"""pyca/cryptography, whose ML-DSA is another implementation than ours: keys, signatures and requests, both ways.

key KEY PUBLIC MESSAGE SIGNATURE OUT   reads our key, compares its public part, verifies our signature, and signs the
                                       message with the key and a key of its own
request ALGORITHM NAME KEY CSR         makes a key and a certification request
chain CA LEAF CRL                      verifies our certificate and our list
"""
import pathlib, sys
from cryptography import x509
from cryptography.hazmat.primitives import serialization as form
from cryptography.hazmat.primitives.asymmetric import mldsa
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
else:
    ca, leaf = (x509.load_pem_x509_certificate(read(file)) for file in words[:2])
    ca.verify_directly_issued_by(ca)
    leaf.verify_directly_issued_by(ca)
    assert x509.load_der_x509_crl(read(words[2])).is_signature_valid(ca.public_key())
    usage = leaf.extensions.get_extension_for_class(x509.KeyUsage).value
    assert usage.digital_signature and not usage.key_encipherment and not usage.key_agreement
    print(ca.signature_algorithm_oid.dotted_string, type(leaf.public_key()).__name__)
