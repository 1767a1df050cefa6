"""pyca/cryptography: each certificate of a chain of four is signed by the next, with what the next was made to allow."""
import sys
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
end = "-----END CERTIFICATE-----"
def read(path):
    blocks = open(path).read().split(end)
    return [x509.load_pem_x509_certificate((b + end).encode()) for b in blocks if b.strip()]
def verify(lower, upper):
    key, digest = upper.public_key(), lower.signature_hash_algorithm
    scheme = [padding.PKCS1v15(), digest] if isinstance(key, rsa.RSAPublicKey) else [ec.ECDSA(digest)]
    key.verify(lower.signature, lower.tbs_certificate_bytes, *scheme)
chain = read(sys.argv[1]) + read(sys.argv[2]) + read(sys.argv[3])
assert len(chain) == 4, len(chain)
for lower, upper in zip(chain, chain[1:]):
    verify(lower, upper)
    aki = lower.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    ski = upper.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    assert aki.key_identifier == ski.digest
lengths = [c.extensions.get_extension_for_class(x509.BasicConstraints).value for c in chain]
assert [(b.ca, b.path_length) for b in lengths] == [(False, None), (True, 0), (True, 1), (True, 2)]
for ca in chain[1:3]:
    names = ca.extensions.get_extension_for_class(x509.NameConstraints)
    assert names.critical
    assert [n.value for n in names.value.permitted_subtrees] == ["certctl.test"]
    assert [n.value for n in names.value.excluded_subtrees] == ["bad.certctl.test"]
points = chain[0].extensions.get_extension_for_class(x509.CRLDistributionPoints).value
assert points[0].full_name[0].value.endswith("/crl/" + sys.argv[4])
print("agreed")
