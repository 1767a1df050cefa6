"""pyca/cryptography: the user principal name in a certificate, and a request that asks for another spelling of it."""
import sys
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

leaf, request = sys.argv[1:]
oid = x509.ObjectIdentifier("1.3.6.1.4.1.311.20.2.3")
names = x509.load_pem_x509_certificate(open(leaf, "rb").read()).extensions.get_extension_for_class(
    x509.SubjectAlternativeName).value
(name,) = names.get_values_for_type(x509.OtherName)
assert name.type_id == oid and name.value[0] == 0x0C and name.value[1] == len(name.value) - 2
print(name.value[2:].decode("utf-8"))
user = b"Alice@CORP.example"
builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).add_extension(
    x509.SubjectAlternativeName([x509.OtherName(oid, bytes([0x0C, len(user)]) + user)]), critical=True)
csr = builder.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
open(request, "wb").write(csr.public_bytes(serialization.Encoding.PEM))
