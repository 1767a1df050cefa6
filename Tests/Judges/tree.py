"""pyca/cryptography on a tree of CAs: the path of each leaf with its names constrained, and the list of the issuing CA.

Arguments: paths or no-paths, root, what is between (the issuing CA first), list in PEM, leaves (each with its chain).
"""
import sys
from cryptography import x509
from cryptography.x509 import verification

paths, root, between, crl, *leaves = sys.argv[1:]
read = lambda file: x509.load_pem_x509_certificates(open(file, "rb").read())
root, between = read(root)[0], read(between)
crl = x509.load_pem_x509_crl(open(crl, "rb").read())
chain = [*between, root]
for below, above in zip(chain, chain[1:]):
    below.verify_directly_issued_by(above)
assert crl.is_signature_valid(between[0].public_key()) and crl.issuer == between[0].subject
trusted = verification.PolicyBuilder().store(verification.Store([root]))
for file in leaves:
    leaf, *above = read(file)
    assert above[:2] == between, "another chain is delivered"
    leaf.verify_directly_issued_by(between[0])
    if paths == "paths":
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        host = x509.DNSName(names.get_values_for_type(x509.DNSName)[0])
        assert len(trusted.build_server_verifier(host).verify(leaf, above)) == 4
    entry = crl.get_revoked_certificate_by_serial_number(leaf.serial_number)
    print(entry.extensions.get_extension_for_class(x509.CRLReason).value.reason.value if entry else "good")
