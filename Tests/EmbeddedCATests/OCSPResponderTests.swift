import Domain
import EmbeddedCA
import PKI
import TestSupport
import Testing

@Suite("Protocol servers §5.5: the delegated responder of a CA")
struct OCSPResponderTests {
    @Test("its certificate is what RFC 6960 §4.2.2.2 asks for, and openssl agrees")
    func certificate() async throws {
        let ca = try await CAUnderTest.generated(.rsa2048)
        let key = try PrivateKey.generate(.ecdsaP256)
        let certificate = try await ca.authority.appointResponder(
            key.publicKey, serial: RecordedSerial(alreadyRecorded: .random(.system)), validity: .days(30),
            now: CAUnderTest.now)
        #expect(certificate.subject.commonName == "OCSP Responder for CertCtl Local CA")
        #expect(certificate.notAfter == CAUnderTest.now + .days(30))
        let openssl = try OpenSSL()
        let root = try openssl.file("root.pem", ca.authority.certificate.pem)
        let file = try openssl.file("responder.pem", certificate.pem)
        try await openssl.succeed(
            "verify", "-x509_strict", "-attime", "1780000100", "-purpose", "ocsphelper", "-CAfile", root, file)
        let text = try await openssl.run(["x509", "-in", file, "-noout", "-text"])
        #expect(text.output.contains("OCSP No Check") && text.output.contains("OCSP Signing"))
        let responder = try OCSPResponder(
            certificate: certificate, signer: InProcessSigner(key: key, purposes: .responder), driver: "memory",
            issuer: ca.authority.certificate)
        let certID = CertID(
            .sha1, of: .random(.system), issuer: IssuerIdentity(ca.authority.certificate))
        let octets = try await responder.sign(
            OCSPResponseTemplate(
                responder: certificate.subjectPublicKey, producedAt: CAUnderTest.now,
                responses: [OCSPSingleResponse(certID, .good, updates: (CAUnderTest.now, CAUnderTest.now + .hours(4)))])
        )
        guard case .answer(let answer) = try OCSPReply(der: octets) else {
            Issue.record("no answer")
            return
        }
        try answer.verify(issuer: ca.authority.certificate, at: CAUnderTest.now)
    }

    @Test("it never outlives the CA")
    func lifetime() async throws {
        let ca = try await CAUnderTest.generated(lifetime: .days(10))
        let certificate = try await ca.authority.appointResponder(
            PrivateKey.generate(.ecdsaP256).publicKey, serial: RecordedSerial(alreadyRecorded: .random(.system)),
            validity: .days(30), now: CAUnderTest.now)
        #expect(certificate.notAfter == ca.authority.certificate.notAfter)
    }
}
