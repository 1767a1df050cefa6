import Domain
import Foundation
import PKI
import TestSupport
import Testing

extension TestAuthority {
    /// A responder of this authority, as RFC 6960 §4.2.2.2 wants it.
    func responder() throws -> TestAuthority {
        let key = try PrivateKey.generate(.ecdsaP256)
        var template = try Self.template("OCSP Responder", key: key, issuer: self, isCA: false)
        template.extendedKeyUsages = [.ocspSigning]
        template.subjectAltNames = []
        template.isNotChecked = true
        return TestAuthority(certificate: try Self.sign(template, key: self.key), key: key)
    }

    /// A signed answer of this responder; `enclosed` for one that is not the CA itself.
    func answer(
        _ responses: [OCSPSingleResponse], nonce: [UInt8]? = nil, enclosed: Bool = true
    ) throws -> [UInt8] {
        var template = OCSPResponseTemplate(
            responder: certificate.subjectPublicKey, producedAt: Self.now, responses: responses)
        template.nonce = nonce
        let tbs = template.tbsResponseData()
        return tbs.responseDER(signature: try key.sign(tbs.der), certificates: enclosed ? [certificate] : [])
    }
}

@Suite("RFC 6960: OCSP requests and answers, beside openssl")
struct OCSPTests {
    private static let updates = (this: TestAuthority.now, next: TestAuthority.now + .hours(4))

    private static func request(_ openssl: OpenSSL, _ arguments: [String]) async throws -> OCSPRequest {
        let path = openssl.path("request.der")
        let outcome = try await openssl.run(["ocsp"] + arguments + ["-reqout", path])
        #expect(outcome.status == 0, "\(outcome.errors)")
        return try OCSPRequest(der: Array(Data(contentsOf: URL(filePath: path))))
    }

    @Test("what openssl asks is read: several certificates, either hash, with a nonce and without")
    func requests() async throws {
        let (root, other) = (try TestAuthority.root(), try TestAuthority.root("Other"))
        let leaves = try [root.leaf("a.example"), root.leaf("b.example")]
        let openssl = try OpenSSL()
        let ca = try openssl.file("ca", root.certificate.pem)
        let paths = try leaves.enumerated().map { try openssl.file("leaf\($0.offset)", $0.element.pem) }
        let both = try await Self.request(
            openssl, ["-issuer", ca, "-cert", paths[0], "-sha256", "-cert", paths[1], "-no_nonce"])
        #expect(both.nonce == nil && both.certIDs.map(\.hash) == [.sha1, .sha256])
        #expect(both.certIDs.map(\.serialNumber) == leaves.map(\.serialNumber))
        let (own, foreign) = (IssuerIdentity(root.certificate), IssuerIdentity(other.certificate))
        #expect(both.certIDs.allSatisfy { $0.matches(own) && !$0.matches(foreign) })
        #expect(both.certIDs[0] == CertID(.sha1, of: leaves[0].serialNumber, issuer: own), "octet by octet")
        let one = try await Self.request(openssl, ["-issuer", ca, "-cert", paths[0], "-nonce"])
        #expect(one.nonce?.count == 16)
    }

    @Test("openssl relies on our answers: good, revoked, unknown; of a delegated responder and of the CA itself")
    func answers() async throws {
        let root = try TestAuthority.root()
        let leaf = try root.leaf()
        let openssl = try OpenSSL()
        let ca = try openssl.file("ca", root.certificate.pem)
        let path = try openssl.file("leaf", leaf.pem)
        let asked = try await Self.request(openssl, ["-issuer", ca, "-cert", path, "-nonce"])
        let certID = try #require(asked.certIDs.first)
        let statuses: [(OCSPCertificateStatus, String)] = [
            (.good, ": good"), (.unknown, ": unknown"),
            (.revoked(at: TestAuthority.now - .hours(1), reason: .keyCompromise), "Reason: keyCompromise"),
            (.revoked(at: TestAuthority.now - .hours(1), reason: .unspecified), ": revoked"),
        ]
        for (signer, isDelegated) in [(try root.responder(), true), (root, false)] {
            for (status, expected) in statuses {
                let octets = try signer.answer(
                    [OCSPSingleResponse(certID, status, updates: Self.updates)], nonce: asked.nonce,
                    enclosed: isDelegated)
                try Data(octets).write(to: URL(filePath: openssl.path("answer.der")))
                let outcome = try await openssl.run([
                    "ocsp", "-no_nonce", "-issuer", ca, "-cert", path, "-respin",
                    openssl.path("answer.der"), "-CAfile", ca, "-attime",
                    "\(TestAuthority.now.secondsSinceEpoch + 60)", "-validity_period", "9999999999",
                ])
                let said = outcome.output + outcome.errors
                #expect(said.contains("Response verify OK") && said.contains(expected), "\(said)")
                #expect(!said.contains("WARNING"), "\(said)")
            }
        }
    }

    @Test("an answer that was altered does not verify")
    func altered() async throws {
        let root = try TestAuthority.root()
        let leaf = try root.leaf()
        let certID = CertID(.sha1, of: leaf.serialNumber, issuer: IssuerIdentity(root.certificate))
        var octets = try root.responder().answer([
            OCSPSingleResponse(certID, .good, updates: Self.updates, archiveCutoff: TestAuthority.now - .days(30))
        ])
        let openssl = try OpenSSL()
        let ca = try openssl.file("ca", root.certificate.pem)
        let position = try #require(octets.firstIndex(of: 0x18), "a time")
        octets[position + 5] ^= 1
        try Data(octets).write(to: URL(filePath: openssl.path("answer.der")))
        let outcome = try await openssl.run([
            "ocsp", "-respin", openssl.path("answer.der"), "-CAfile", ca, "-no_nonce", "-issuer", ca,
        ])
        #expect((outcome.output + outcome.errors).contains("Response Verify Failure"), "\(outcome.errors)")
    }

    @Test("what must be answered with malformedRequest is refused, and says why")
    func refusals() throws {
        let root = try TestAuthority.root()
        let certID = CertID(.sha1, of: .random(.system), issuer: IssuerIdentity(root.certificate)).der
        func sequence(_ parts: [UInt8]...) -> [UInt8] { Self.element(0x30, parts.flatMap(\.self)) }
        func request(_ list: [[UInt8]], extensions: [UInt8] = []) -> [UInt8] {
            let tail = extensions.isEmpty ? [] : Self.element(0xA2, Self.element(0x30, extensions))
            return sequence(sequence(Self.element(0x30, list.flatMap(\.self)), tail))
        }
        func nonce(_ count: Int) -> [UInt8] {
            let oid: [UInt8] = [0x06, 0x09, 0x2B, 0x06, 0x01, 0x05, 0x05, 0x07, 0x30, 0x01, 0x02]
            return sequence(oid, Self.element(0x04, Self.element(0x04, [UInt8](repeating: 7, count: count))))
        }
        let item = sequence(certID)
        #expect(try OCSPRequest(der: request([item])).certIDs.count == 1)
        #expect(try OCSPRequest(der: request([item], extensions: nonce(128))).nonce?.count == 128)
        let critical = sequence([0x06, 0x03, 0x2A, 0x03, 0x04], [0x01, 0x01, 0xFF], [0x04, 0x02, 0x05, 0x00])
        for (name, octets) in [
            ("nothing", []), ("no certificate", request([])), ("trailing octets", request([item]) + [0]),
            ("seventeen certificates", request(Array(repeating: item, count: 17))),
            ("an empty nonce", request([item], extensions: nonce(0))),
            ("a nonce of 129", request([item], extensions: nonce(129))),
            ("two nonces", request([item], extensions: nonce(8) + nonce(9))),
            ("an unknown critical extension", request([item], extensions: critical)),
            ("more than 16 KiB", [UInt8](repeating: 0x30, count: OCSPRequest.maximumSize + 1)),
        ] {
            #expect(throws: OCSPRequestError.self, "\(name)") { try OCSPRequest(der: octets) }
        }
    }

    private static func element(_ tag: UInt8, _ content: [UInt8]) -> [UInt8] {
        let length: [UInt8] =
            switch content.count {
            case ..<0x80: [UInt8(content.count)]
            case ..<0x100: [0x81, UInt8(content.count)]
            default: [0x82, UInt8(content.count >> 8), UInt8(content.count & 0xFF)]
            }
        return [tag] + length + content
    }

    @Test("failures are the octets of RFC 6960, unsigned")
    func failures() {
        #expect(OCSPFailure.malformedRequest.der == [0x30, 0x03, 0x0A, 0x01, 0x01])
        #expect(OCSPFailure.tryLater.der == [0x30, 0x03, 0x0A, 0x01, 0x03])
        #expect(OCSPFailure.unauthorized.der == [0x30, 0x03, 0x0A, 0x01, 0x06])
    }
}
