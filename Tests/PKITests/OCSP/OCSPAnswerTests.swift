import Domain
import Foundation
import PKI
import TestSupport
import Testing

@Suite("RFC 6960 §4.2: answers are read, and relied on when the right one signed them")
struct OCSPAnswerTests {
    private static let (now, later) = (TestAuthority.now, TestAuthority.now + .hours(4))

    private static func read(_ octets: [UInt8]) throws -> OCSPAnswer {
        guard case .answer(let answer) = try OCSPReply(der: octets) else {
            throw OCSPTestFailure.noAnswer
        }
        return answer
    }

    private enum OCSPTestFailure: Error { case noAnswer }

    private static func response(
        _ root: TestAuthority, _ status: OCSPCertificateStatus = .good, serial: SerialNumber
    ) -> OCSPSingleResponse {
        let certID = CertID(.sha256, of: serial, issuer: IssuerIdentity(root.certificate))
        return OCSPSingleResponse(certID, status, updates: (now, later), archiveCutoff: now - .days(1))
    }

    @Test("what is written is read back")
    func roundTrip() throws {
        let root = try TestAuthority.root()
        let statuses: [OCSPCertificateStatus] = [
            .good, .unknown, .revoked(at: Self.now - .days(1), reason: .keyCompromise),
            .revoked(at: Self.now - .days(1), reason: .unspecified),
        ]
        let responses = try statuses.enumerated().map { index, status in
            Self.response(root, status, serial: try SerialNumber([9, UInt8(index)]))
        }
        let answer = try Self.read(root.responder().answer(responses, nonce: [7, 8]))
        #expect(answer.responses == responses && answer.nonce == [7, 8] && answer.producedAt == Self.now)
        try answer.verify(issuer: root.certificate, at: Self.now)
        let found = answer.response(about: try SerialNumber([9, 1]), of: root.certificate, at: Self.now)
        #expect(found?.status == .unknown)
        #expect(answer.response(about: try SerialNumber([8]), of: root.certificate, at: Self.now) == nil)
        #expect(
            answer.response(about: try SerialNumber([9, 1]), of: root.certificate, at: Self.later + .minutes(6)) == nil,
            "an answer that has ended is none")
        if case .failure(let status) = try OCSPReply(der: OCSPFailure.tryLater.der) { #expect(status == 3) }
    }

    @Test("an answer counts when the issuer or its appointed responder signed it")
    func trust() throws {
        let (root, other) = (try TestAuthority.root(), try TestAuthority.root("Other"))
        let response = Self.response(root, serial: try SerialNumber([1]))
        try Self.read(root.answer([response], enclosed: false)).verify(issuer: root.certificate, at: Self.now)
        let foreign = try Self.read(other.responder().answer([response]))
        #expect(throws: OCSPAnswerError.self) { try foreign.verify(issuer: root.certificate, at: Self.now) }
        let own = try root.responder()
        let answer = try Self.read(own.answer([response]))
        #expect(throws: OCSPAnswerError.self, "the responder has expired") {
            try answer.verify(issuer: root.certificate, at: Self.now + .days(366))
        }
        #expect(throws: OCSPAnswerError.self, "nobody knows the responder") {
            try Self.read(own.answer([response], enclosed: false)).verify(issuer: root.certificate, at: Self.now)
        }
        let key = try PrivateKey.generate(.ecdsaP256)
        let leaf = TestAuthority(
            certificate: try TestAuthority.sign(
                TestAuthority.template("a.example", key: key, issuer: root, isCA: false), key: root.key), key: key)
        #expect(throws: OCSPAnswerError.self, "a leaf is no responder") {
            try Self.read(leaf.answer([response])).verify(issuer: root.certificate, at: Self.now)
        }
    }

    @Test("answers of openssl's responder are read and verified")
    func differential() async throws {
        let root = try TestAuthority.root()
        let (leaf, responder) = (try root.leaf(), try root.responder())
        let openssl = try OpenSSL()
        let ca = try openssl.file("ca", root.certificate.pem)
        let path = try openssl.file("leaf", leaf.pem)
        let signer = try openssl.file("signer", responder.certificate.pem)
        let key = try openssl.file("key", responder.key.pkcs8PEM.withText { $0 })
        let index = try openssl.file(
            "index", "R\t350101000000Z\t260101000000Z,keyCompromise\t\(leaf.serialNumber.hexPairs)\tunknown\t/CN=x\n")
        try await openssl.succeed("ocsp", "-issuer", ca, "-cert", path, "-reqout", openssl.path("q"))
        try await openssl.succeed(
            "ocsp", "-index", index, "-CA", ca, "-rsigner", signer, "-rkey", key, "-reqin", openssl.path("q"),
            "-respout", openssl.path("r"), "-ndays", "1")
        let answer = try Self.read(Array(Data(contentsOf: URL(filePath: openssl.path("r")))))
        try answer.verify(issuer: root.certificate, at: Self.now)
        guard case .revoked(_, let reason) = try #require(answer.responses.first).status else {
            Issue.record("not revoked")
            return
        }
        #expect(reason == .keyCompromise && answer.nonce?.isEmpty == false)
    }

    @Test("a permit is for the issuer's certificates, the responder's key, and no longer than the responder lives")
    func permits() throws {
        let (root, other) = (try TestAuthority.root(), try TestAuthority.root("Other"))
        let responder = try root.responder()
        let delegation = try OCSPDelegation(responder.certificate, by: root.certificate)
        func admits(_ responses: [OCSPSingleResponse], by key: SubjectPublicKey, at time: Timestamp) -> Bool {
            let template = OCSPResponseTemplate(responder: key, producedAt: time, responses: responses)
            do {
                _ = try delegation.admit(template)
                return true
            } catch {
                return false
            }
        }
        let key = responder.certificate.subjectPublicKey
        let own = Self.response(root, serial: try SerialNumber([1]))
        #expect(admits([own], by: key, at: Self.now))
        #expect(!admits([Self.response(other, serial: try SerialNumber([1]))], by: key, at: Self.now))
        #expect(!admits([own], by: root.certificate.subjectPublicKey, at: Self.now))
        #expect(!admits([own], by: key, at: Self.now + .days(366)))
        #expect(!admits([], by: key, at: Self.now))
        let endless = OCSPSingleResponse(own.certID, .good, updates: (Self.now, Self.now + .days(400)))
        #expect(!admits([endless], by: key, at: Self.now))
        #expect(throws: OCSPRefusal.self) { try OCSPDelegation(responder.certificate, by: other.certificate) }
        #expect(throws: OCSPRefusal.self) { try OCSPDelegation(root.leaf(), by: root.certificate) }
    }
}

extension SerialNumber {
    /// As openssl's index wants it: an even number of upper-case digits.
    fileprivate var hexPairs: String {
        magnitude.map { octet in
            let text = String(octet, radix: 16, uppercase: true)
            return text.count == 1 ? "0\(text)" : text
        }.joined()
    }
}
