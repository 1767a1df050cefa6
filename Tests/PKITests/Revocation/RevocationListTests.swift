import Domain
import Foundation
import PKI
import TestSupport
import Testing

extension TestAuthority {
    /// A list of this authority, valid for a week from ``now``.
    func list(
        number: UInt64 = 7, _ entries: [RevocationListEntry], change: (inout RevocationListTemplate) -> Void = { _ in }
    ) throws -> CertificateRevocationList {
        var template = RevocationListTemplate(
            issuer: certificate.subject, updates: (Self.now, Self.now + .days(7)), number: CRLNumber(number),
            signatureAlgorithm: key.publicKey.signatureAlgorithm,
            authorityKeyIdentifier: certificate.extensions.subjectKeyIdentifier ?? [])
        template.entries = entries
        change(&template)
        let tbs = try template.tbsCertList()
        return try CertificateRevocationList(der: tbs.listDER(signature: key.sign(tbs.der)))
    }
}

extension RevocationListEntry {
    init(_ certificate: X509Certificate, _ reason: RevocationReason = .unspecified) {
        self.init(serialNumber: certificate.serialNumber, revocationDate: TestAuthority.now, reason: reason)
    }
}

@Suite("RFC 5280 §5: certificate revocation lists")
struct RevocationListTests {
    static let time = "1780086400"
    static let url = "http://crl.example/1"

    @Test("what is written is read back, and openssl reads the same")
    func roundTrip() async throws {
        let root = try TestAuthority.root()
        let since = TestAuthority.now - .days(400 * 365)
        let entries = try RevocationReason.allCases.filter { $0 != .removeFromCRL }.map { reason in
            RevocationListEntry(
                serialNumber: try SerialNumber([0x80, reason.code]), revocationDate: TestAuthority.now - .days(1),
                reason: reason, invalidityDate: reason == .keyCompromise ? since : nil)
        }
        let list = try root.list(number: 300, entries) {
            $0.freshestCRL = [try? URIName("http://crl.example/delta")].compactMap(\.self)
        }
        #expect(list.entries.map(\.reason) == entries.map(\.reason))
        #expect(list.entries.map(\.serialNumber) == entries.map(\.serialNumber))
        #expect(list.entries.map(\.invalidityDate) == entries.map(\.invalidityDate))
        #expect(list.number == CRLNumber(300) && list.number?.description == "300")
        #expect(list.version == 2 && !list.isDelta && list.unknownCritical.isEmpty)
        #expect(list.thisUpdate == TestAuthority.now && list.nextUpdate == TestAuthority.now + .days(7))
        #expect(list.authorityKeyIdentifier == root.certificate.extensions.subjectKeyIdentifier)
        #expect(list.verifySignature(with: root.certificate.subjectPublicKey))

        let openssl = try OpenSSL()
        let path = try openssl.file("list", list.pem)
        let text = try await openssl.succeed(
            "crl", "-in", path, "-noout", "-text", "-CAfile", openssl.file("r", root.certificate.pem))
        for mention in ["Key Compromise", "CA Compromise", "Certificate Hold", "Privilege Withdrawn", "AA Compromise"] {
            #expect(text.contains(mention), "\(mention)")
        }
        // RFC 5280 §5.3.1: unspecified is left out.
        #expect(text.split(separator: "\n").count { $0.contains("CRL Reason Code") } == entries.count - 1)
        #expect(text.contains("CRL Number: \n                300") && text.contains("http://crl.example/delta"))
    }

    @Test("an empty list has no revokedCertificates")
    func empty() async throws {
        let root = try TestAuthority.root()
        let list = try root.list([])
        let openssl = try OpenSSL()
        let text = try await openssl.succeed("crl", "-in", openssl.file("list", list.pem), "-noout", "-text")
        #expect(text.contains("No Revoked Certificates"))
    }

    @Test("a list that relying parties would refuse is not written")
    func refused() throws {
        let root = try TestAuthority.root()
        let leaf = try root.leaf()
        #expect(throws: CRLError.self) { try root.list([RevocationListEntry(leaf, .removeFromCRL)]) }
        #expect(throws: CRLError.self) { try root.list([RevocationListEntry(leaf), RevocationListEntry(leaf)]) }
        #expect(throws: CRLError.self) { try root.list(number: 7, []) { $0.baseNumber = CRLNumber(7) } }
        #expect(throws: Never.self) {
            try root.list(number: 8, [RevocationListEntry(leaf, .removeFromCRL)]) { $0.baseNumber = CRLNumber(7) }
        }
    }

    @Test("openssl refuses what our lists revoke and accepts the rest: complete, of a scope, delta")
    func opensslRelies() async throws {
        let root = try TestAuthority.root()
        let (good, bad, held) = (
            try root.leaf("good.example") { $0.crlDistributionPoints = [Self.url] },
            try root.leaf("bad.example") { $0.crlDistributionPoints = [Self.url] },
            try root.leaf("held.example") { $0.crlDistributionPoints = [Self.url] }
        )
        let point = IssuingDistributionPoint(urls: [try URIName(Self.url)], coverage: .userCertificates)
        let complete = try root.list(
            number: 1, [RevocationListEntry(bad, .keyCompromise), RevocationListEntry(held, .certificateHold)]
        ) {
            $0.issuingDistributionPoint = point
            $0.freshestCRL = [try? URIName("http://crl.example/delta")].compactMap(\.self)
        }
        let delta = try root.list(
            number: 2, [RevocationListEntry(good, .superseded), RevocationListEntry(held, .removeFromCRL)]
        ) {
            $0.issuingDistributionPoint = point
            $0.baseNumber = CRLNumber(1)
        }
        let openssl = try OpenSSL()
        let file = try openssl.file("ca", root.certificate.pem)
        func accepted(_ leaf: X509Certificate, _ lists: [CertificateRevocationList]) async throws -> Bool {
            let outcome = try await openssl.run(
                "verify", "-attime", Self.time, "-crl_check", "-extended_crl", "-use_deltas", "-CAfile", file,
                "-CRLfile", openssl.file("lists", lists.map(\.pem).joined()), openssl.file("leaf", leaf.pem))
            return outcome.status == 0
        }
        func ours(_ leaf: X509Certificate, _ lists: [CertificateRevocationList]) -> Bool {
            var parameters = PathParameters(time: TestAuthority.now + .days(1))
            parameters.revocation = .hard
            return
                (try? ChainVerifier(roots: [root.certificate]).validate(
                    leaf, intermediates: [], revocationLists: lists, parameters: parameters)) != nil
        }
        let table: [(X509Certificate, [CertificateRevocationList], Bool)] = [
            (good, [complete], true), (bad, [complete], false), (held, [complete], false),
            (good, [complete, delta], false), (bad, [complete, delta], false), (held, [complete, delta], true),
            (good, [delta], false),
        ]
        for (index, (leaf, lists, expected)) in table.enumerated() {
            #expect(try await accepted(leaf, lists) == expected, "openssl, row \(index)")
            #expect(ours(leaf, lists) == expected, "certctl, row \(index)")
        }
    }

    @Test("lists that openssl makes are read: numbers, reasons, hold, dates")
    func opensslMakes() async throws {
        let openssl = try OpenSSL()
        let root = try TestAuthority.root()
        let leaf = try root.leaf()
        _ = try openssl.file("index.txt", "")
        _ = try openssl.file("crlnumber", "0100\n")
        let config = try openssl.file(
            "ca.cnf",
            """
            [ca]
            default_ca = d
            [d]
            database = \(openssl.path("index.txt"))
            crlnumber = \(openssl.path("crlnumber"))
            default_md = sha256
            default_crl_days = 30
            crl_extensions = e
            [e]
            authorityKeyIdentifier = keyid
            issuingDistributionPoint = critical, @p
            [p]
            fullname = URI:\(Self.url)
            onlyuser = TRUE
            """)
        let key = try openssl.file("key", root.key.pkcs8PEM.withText { $0 })
        let authority = try openssl.file("ca", root.certificate.pem)
        try await openssl.succeed(
            "ca", "-config", config, "-keyfile", key, "-cert", authority, "-revoke", openssl.file("leaf", leaf.pem),
            "-crl_compromise", "20250102030405Z")
        try await openssl.succeed(
            "ca", "-config", config, "-keyfile", key, "-cert", authority, "-gencrl", "-out", openssl.path("list"))
        let list = try CertificateRevocationList(pem: openssl.read("list"))
        #expect(list.number == CRLNumber(256))
        let entry = try #require(list.entry(for: leaf))
        #expect(entry.reason == .keyCompromise)
        #expect(entry.invalidityDate?.rfc3339 == "2025-01-02T03:04:05Z")
        #expect(list.verifySignature(with: root.key.publicKey))
        #expect(list.entry(for: try root.leaf()) == nil)
    }

    @Test("a list of thirty thousand entries is read in seconds of a debug build")
    func large() throws {
        let root = try TestAuthority.root()
        let entries = try (0..<30_000).map { (index: UInt32) in
            let serial = try SerialNumber([1] + (0..<3).map { UInt8(truncatingIfNeeded: index >> (8 * $0)) })
            return RevocationListEntry(serialNumber: serial, revocationDate: TestAuthority.now, reason: .superseded)
        }
        let octets = try root.list(entries).der
        let (list, time) = try withProcessorTime { try CertificateRevocationList(der: octets) }
        #expect(time < .seconds(15))
        #expect(list.entries.count == entries.count)
    }

    /// certtool knows no time but the present.
    @Test("certtool reads our lists and verifies them under the authority, and no other")
    func gnutls() async throws {
        let now = Timestamp(secondsSinceEpoch: Int64(Date().timeIntervalSince1970))
        let key = try PrivateKey.generate(.ecdsaP384)
        let template = try TestAuthority.template(
            "Root", key: key, issuer: nil, isCA: true, from: now - .days(1), to: now + .days(1))
        let root = TestAuthority(certificate: try TestAuthority.sign(template, key: key), key: key)
        var list = RevocationListTemplate(
            issuer: root.certificate.subject, updates: (now - .hours(1), now + .hours(1)), number: CRLNumber(300),
            signatureAlgorithm: key.publicKey.signatureAlgorithm, authorityKeyIdentifier: key.publicKey.keyIdentifier)
        list.entries = try RevocationReason.allCases.filter { $0 != .removeFromCRL }.map { reason in
            RevocationListEntry(
                serialNumber: try SerialNumber([0x80, reason.code]), revocationDate: now - .hours(2), reason: reason,
                invalidityDate: now - .days(2))
        }
        list.issuingDistributionPoint = IssuingDistributionPoint(
            urls: [try URIName(Self.url)], coverage: .userCertificates)
        let tbs = try list.tbsCertList()
        let signed = try CertificateRevocationList(der: tbs.listDER(signature: key.sign(tbs.der)))

        let openssl = try OpenSSL()
        let file = try openssl.file("list", signed.pem)
        func certtool(_ arguments: String...) async throws -> ProgramOutcome {
            try await runProgram("/usr/bin/certtool", arguments, logs: openssl.directory.url)
        }
        let info = try await certtool("--crl-info", "--infile", file)
        #expect(info.status == 0, "\(info.errors)")
        #expect(info.output.contains("Revoked certificates (9)") && info.output.contains("CRL Number"))
        let own = try await certtool(
            "--verify-crl", "--load-ca-certificate", openssl.file("own", root.certificate.pem), "--infile", file)
        #expect(own.output.contains("Verification output: Verified"), "\(own.output)")
        let other = try await certtool(
            "--verify-crl", "--load-ca-certificate", openssl.file("other", TestAuthority.root().certificate.pem),
            "--infile", file)
        #expect(other.output.contains("Verification output: Not verified"), "\(other.output)")
    }
}
