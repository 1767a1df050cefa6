import Domain
import Foundation
import TestSupport
import Testing

@testable import PKI

/// A trap on hostile input stops the whole process, this test run included: surviving is the claim.
@Suite("protocol-servers §9.1: decoders survive 4 000 mutated encodings each")
struct DecoderFuzzTests {
    /// - `share`: Divides the executions, of a decoder that is slow.
    /// - `rarelyAccepted`: Of a decoder that takes nothing but the original, or nearly so.
    /// - `limit`: What one input may take on the average.
    static func fuzz(
        _ corpus: [[UInt8]], seed: UInt64, share: Int = 1, rarelyAccepted: Bool = false,
        limit: Duration = .milliseconds(10), _ decode: ([UInt8]) -> Bool
    ) async throws {
        for original in corpus { try #require(decode(original), "the corpus itself must be readable") }
        let executions = max(1, FuzzRun.executions / share)
        var mutator = Mutator(seed: FuzzRun.seed(of: seed))
        var accepted = 0
        var duration = Duration.zero
        for index in 0..<executions {
            // Tests share a thread for each core: those beside this one have their turns.
            if index % 16 == 0 { await Task.yield() }
            let input = mutator.mutate(corpus[index % corpus.count], donors: corpus)
            let (isRead, time) = withProcessorTime { decode(input) }
            if isRead { accepted += 1 }
            duration += time
        }
        let least = rarelyAccepted ? -1 : executions / 200
        #expect(
            accepted > least, "mutations that never get past the structure check prove little (seed \(FuzzRun.seed))")
        #expect(accepted < executions, "a decoder that accepts everything checks nothing (seed \(FuzzRun.seed))")
        #expect(duration < limit * executions, "no input may take the decoder long (seed \(FuzzRun.seed))")
    }

    /// Certificates that use every extension certctl decodes.
    static func certificates() throws -> [X509Certificate] {
        let root = try TestAuthority.root("Root", .ecdsaP384)
        let rsa = try TestAuthority.root("RSA", .rsa2048)
        let leaf = try rsa.leaf("www.example.com") { template in
            template.subjectAltNames = [
                try? SubjectAltName(classifying: "*.example.com"), try? SubjectAltName(classifying: "192.0.2.1"),
                try? SubjectAltName(classifying: "2001:db8::1"), try? SubjectAltName(classifying: "a@example.com"),
                try? SubjectAltName(classifying: "spiffe://example.com/x"),
            ].compactMap(\.self)
            template.crlDistributionPoints = ["http://crl.example/1", "http://crl.example/2"]
            template.ocspURLs = ["http://ocsp.example"]
            template.caIssuersURLs = ["http://ca.example/ca.cer"]
            template.policies = [OID(2, 5, 29, 32, 0), OID(1, 3, 6, 1, 4, 1, 99_999, 1)]
            template.mustStaple = true
        }
        return [root.certificate, try root.subordinate("Sub") { $0.pathLenConstraint = 1 }.certificate, leaf]
    }

    @Test("certificates")
    func certificate() async throws {
        try await Self.fuzz(Self.certificates().map(\.der), seed: 1) { octets in
            guard let certificate = try? X509Certificate(der: octets) else { return false }
            // What is derived lazily must survive as well.
            _ = certificate.subject.description + certificate.extensions.all.map(\.oid.description).joined()
            _ = certificate.subject.matches(certificate.issuer)
            return true
        }
    }

    /// PKITS has every extension of RFC 5280 in forms that certctl does not write.
    @Test("certificates and lists of NIST PKITS")
    func published() async throws {
        let certificates = try TestVectors.files(in: "pkits/certs", extension: "crt").sorted { $0.key < $1.key }
        let readable = certificates.map(\.value).filter { (try? X509Certificate(der: $0)) != nil }
        try await Self.fuzz(readable, seed: 5) { (try? X509Certificate(der: $0)) != nil }
        let published = try TestVectors.files(in: "pkits/crls", extension: "crl").sorted { $0.key < $1.key }
        let lists = published.map(\.value).filter { (try? CertificateRevocationList(der: $0)) != nil }
        let leaf = try TestAuthority.root().leaf()
        try await Self.fuzz(lists, seed: 6) { octets in
            guard let list = try? CertificateRevocationList(der: octets) else { return false }
            _ = list.entry(for: leaf)
            return true
        }
    }

    @Test("revocation lists of ours")
    func list() async throws {
        let root = try TestAuthority.root()
        let entries = try RevocationReason.allCases.map { reason in
            RevocationListEntry(
                serialNumber: try SerialNumber([0x80, reason.code]), revocationDate: TestAuthority.now, reason: reason,
                invalidityDate: TestAuthority.now)
        }
        let list = try root.list(number: 9, entries) {
            $0.baseNumber = CRLNumber(8)
            $0.issuingDistributionPoint = IssuingDistributionPoint(
                urls: [try? URIName("http://crl.example/1")].compactMap(\.self), coverage: .authorities)
        }
        try await Self.fuzz([list.der], seed: 7) { (try? CertificateRevocationList(der: $0)) != nil }
    }

    @Test("certification requests")
    func request() async throws {
        let key = try PrivateKey.generate(.ecdsaP256)
        let request = try CertificationRequestBuilder.makeCSR(
            commonName: "www.example.com",
            subjectAltNames: [
                SubjectAltName(classifying: "www.example.com"), SubjectAltName(classifying: "192.0.2.1"),
            ],
            key: key, mustStaple: true, extendedKeyUsages: [.serverAuth])
        try await Self.fuzz([request.der], seed: 2) { octets in
            guard let request = try? CertificationRequest(der: octets) else { return false }
            _ = try? request.names()
            return true
        }
    }

    @Test("OCSP requests")
    func ocspRequest() async throws {
        let root = try TestAuthority.root()
        let corpus = try CertIDHash.allCases.map { hash in
            OCSPRequest.encode(
                [CertID(hash, of: try SerialNumber([1, 2, 3]), issuer: IssuerIdentity(root.certificate))],
                nonce: [UInt8](repeating: 9, count: 32))
        }
        try await Self.fuzz(corpus, seed: 8) { (try? OCSPRequest(der: $0)) != nil }
    }

    @Test("OCSP answers")
    func ocspAnswer() async throws {
        let root = try TestAuthority.root()
        let certID = CertID(.sha1, of: try SerialNumber([1, 2, 3]), issuer: IssuerIdentity(root.certificate))
        let updates = (this: TestAuthority.now, next: TestAuthority.now + .hours(4))
        let statuses: [OCSPCertificateStatus] = [
            .good, .unknown, .revoked(at: TestAuthority.now, reason: .superseded),
        ]
        let responses = statuses.map { status in
            OCSPSingleResponse(certID, status, updates: updates, archiveCutoff: TestAuthority.now)
        }
        let corpus = [try root.responder().answer(responses, nonce: [1, 2, 3, 4]), OCSPFailure.tryLater.der]
        try await Self.fuzz(corpus, seed: 9) { octets in
            guard let reply = try? OCSPReply(der: octets) else { return false }
            if case .answer(let answer) = reply { try? answer.verify(issuer: root.certificate, at: TestAuthority.now) }
            return true
        }
    }

    @Test("public keys")
    func publicKey() async throws {
        let keys = try [KeySpec.ecdsaP256, .ecdsaP384, .ecdsaP521, .ed25519, .rsa2048].map { spec in
            try PrivateKey.generate(spec).publicKey.spkiDER
        }
        try await Self.fuzz(keys, seed: 3) { (try? SubjectPublicKey(spkiDER: $0)) != nil }
    }

    @Test("private keys")
    func privateKey() async throws {
        let keys = try [KeySpec.ecdsaP256, .ecdsaP384, .ecdsaP521, .ed25519].map { spec in
            try PrivateKey.generate(spec).pkcs8DER.withBytes { Array($0) }
        }
        try await Self.fuzz(keys, seed: 4) { (try? PrivateKey(pkcs8DER: $0)) != nil }
    }

    @Test("BER, which comes out as DER or not at all")
    func ber() async throws {
        let nested = DERStructureTests.nested(30)
        let pieces: [UInt8] = [
            0x30, 0x80, 0x24, 0x80, 0x04, 0x02, 1, 2, 0x04, 0x01, 3, 0, 0, 0x23, 4, 3, 2, 0, 7, 0, 0,
        ]
        try await Self.fuzz([pieces, nested] + Self.certificates().map(\.der), seed: 8) { octets in
            guard let der = try? BER.der(from: octets[...]) else { return false }
            guard der.count <= octets.count + 8 else {
                Issue.record("\(octets.count) octets of BER became \(der.count) of DER")
                return false
            }
            _ = try? DERNode(parsing: der[...])
            return true
        }
    }
}
