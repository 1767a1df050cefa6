import Domain
import Encoding
import Foundation
import TestSupport
import Testing

@testable import PKI

/// A trap on hostile input stops the whole process: surviving is the claim.
@Suite("protocol-servers §9.1: decoders of keys and of their parameters survive mutated encodings")
struct KeyFuzzTests {
    @Test("ML-DSA public keys")
    func postQuantumPublicKey() async throws {
        let keys = try [KeySpec.mlDSA65, .mlDSA87].map { try PrivateKey.generate($0).publicKey.spkiDER }
        try await DecoderFuzzTests.fuzz(keys, seed: 31) { (try? SubjectPublicKey(spkiDER: $0)) != nil }
    }

    /// Nearly nothing that is changed in an RSA key leaves one.
    @Test("RSA private keys in PKCS#8")
    func rsaPrivateKey() async throws {
        let keys = try [KeySpec.rsa2048, .rsa3072].map { spec in
            try PrivateKey.generate(spec).pkcs8DER.withBytes { Array($0) }
        }
        try await DecoderFuzzTests.fuzz(keys, seed: 32, share: 4, rarelyAccepted: true) {
            (try? PrivateKey(pkcs8DER: $0)) != nil
        }
    }

    @Test("ML-DSA private keys in PKCS#8")
    func postQuantumPrivateKey() async throws {
        let keys = try [KeySpec.mlDSA65, .mlDSA87].map { spec in
            try PrivateKey.generate(spec).pkcs8DER.withBytes { Array($0) }
        }
        try await DecoderFuzzTests.fuzz(keys, seed: 33, share: 4, rarelyAccepted: true) {
            (try? PrivateKey(pkcs8DER: $0)) != nil
        }
    }

    @Test("SEC1 and PKCS#1, as openssl writes them", arguments: ["EC PRIVATE KEY", "RSA PRIVATE KEY"])
    func traditional(label: String) async throws {
        let isRSA = label.hasPrefix("RSA")
        let openssl = try OpenSSL()
        var corpus: [[UInt8]] = []
        for spec in isRSA ? [KeySpec.rsa2048] : [.ecdsaP256, .ecdsaP384, .ecdsaP521] {
            let key = try PrivateKey.generate(spec)
            let file = try openssl.file("key", key.pkcs8PEM.withText { $0 })
            try await openssl.succeed(
                "pkey", "-in", file, "-traditional", "-outform", "DER", "-out", openssl.path("traditional"))
            corpus.append(Array(try Data(contentsOf: URL(filePath: openssl.path("traditional")))))
        }
        try await DecoderFuzzTests.fuzz(corpus, seed: isRSA ? 34 : 35, share: isRSA ? 4 : 1, rarelyAccepted: isRSA) {
            (try? PrivateKey(pem: PEMBlock(label: label, octets: $0).text)) != nil
        }
    }

    @Test("parameters of RSASSA-PSS")
    func probabilisticSignatures() async throws {
        let hashes: [(OID, Int)] = [
            (OID(2, 16, 840, 1, 101, 3, 4, 2, 1), 32), (OID(2, 16, 840, 1, 101, 3, 4, 2, 2), 48),
            (OID(2, 16, 840, 1, 101, 3, 4, 2, 3), 64),
        ]
        let corpus = hashes.map { oid, length in
            let hash = DERWriter.sequence(DERWriter.oid(oid), DERWriter.null)
            return DERWriter.sequence(
                DERWriter.oid(.rsaPSS),
                DERWriter.sequence(
                    DERWriter.explicit(0, hash),
                    DERWriter.explicit(1, DERWriter.sequence(DERWriter.oid(.mgf1), hash)),
                    DERWriter.explicit(2, DERWriter.integer(length))))
        }
        try await DecoderFuzzTests.fuzz(corpus, seed: 36) { octets in
            guard let node = try? DERNode(parsing: octets[...]), let algorithm = try? SignatureAlgorithm(node) else {
                return false
            }
            // What is accepted can be written, and means the same then.
            return (try? SignatureAlgorithm(identifierDER: algorithm.identifierDER)) == algorithm
        }
    }

    /// A password that is wrong is found out after everything was read.
    private static func isRead(_ body: () throws -> Void) -> Bool {
        do {
            try body()
            return true
        } catch {
            return error as? KeyStoreError == .wrongPassword
        }
    }

    private static func derivation(_ length: Int?, _ function: OID) -> [UInt8] {
        DERWriter.sequence(
            DERWriter.oid(.pbkdf2),
            DERWriter.sequence(
                DERWriter.octetString([UInt8](repeating: 7, count: 16)), DERWriter.integer(2),
                length.map { DERWriter.integer($0) } ?? [], DERWriter.sequence(DERWriter.oid(function), DERWriter.null))
        )
    }

    @Test("parameters of PBES2, and of the ciphers of PKCS#12 with 3DES and RC2")
    func encryption() async throws {
        let ciphers: [(OID, Int, OID)] = [
            (.aes128CBC, 16, .hmacWithSHA256), (.aes192CBC, 24, .hmacWithSHA384), (.aes256CBC, 32, .hmacWithSHA512),
            (.tripleDESCBC, 24, .hmacWithSHA1),
        ]
        let modern = ciphers.map { cipher, length, function in
            let iv = [UInt8](repeating: 9, count: cipher == .tripleDESCBC ? 8 : 16)
            return DERWriter.sequence(
                DERWriter.oid(.pbes2),
                DERWriter.sequence(
                    Self.derivation(length, function),
                    DERWriter.sequence(DERWriter.oid(cipher), DERWriter.octetString(iv))))
        }
        let oldCiphers: [OID] = [
            .pbeWithSHA1And3DES, .pbeWithSHA1And2Key3DES, .pbeWithSHA1AndRC2128, .pbeWithSHA1AndRC240,
        ]
        let old = oldCiphers.map { cipher in
            DERWriter.sequence(
                DERWriter.oid(cipher),
                DERWriter.sequence(DERWriter.octetString([UInt8](repeating: 5, count: 8)), DERWriter.integer(2)))
        }
        let ciphertext = [UInt8](repeating: 0x5A, count: 48)
        // A mutation may ask for a million rounds of a password function, which is allowed and takes its time.
        try await DecoderFuzzTests.fuzz(modern + old, seed: 37, share: 2, limit: .milliseconds(50)) { octets in
            Self.isRead {
                _ = try PasswordBasedEncryption.decrypt(
                    ciphertext, algorithm: try DERNode(parsing: octets[...]), password: Secret("x"))
            }
        }
    }

    @Test("PBMAC1 of PKCS#12 (RFC 9579)")
    func authentication() async throws {
        let safe = DERWriter.sequence()
        let functions: [(Int, OID)] = [(32, .hmacWithSHA256), (64, .hmacWithSHA512)]
        let corpus = functions.map { length, function in
            let mac = DERWriter.sequence(
                DERWriter.sequence(
                    DERWriter.oid(.pbmac1),
                    DERWriter.sequence(
                        Self.derivation(length, function), DERWriter.sequence(DERWriter.oid(function), DERWriter.null))),
                DERWriter.octetString([UInt8](repeating: 1, count: length)))
            let content = DERWriter.sequence(
                DERWriter.oid(.cmsData), DERWriter.explicit(0, DERWriter.octetString(safe)))
            return DERWriter.sequence(
                DERWriter.integer(3), content,
                DERWriter.sequence(mac, DERWriter.octetString([UInt8](repeating: 2, count: 8)), DERWriter.integer(1)))
        }
        try await DecoderFuzzTests.fuzz(corpus, seed: 38, share: 2, limit: .milliseconds(50)) { octets in
            Self.isRead { _ = try PKCS12.decode(octets, password: Secret("x")) }
        }
    }

    @Test("what a signing process is sent: no authority and no second purpose passes for another")
    func receivedPermit() async throws {
        let root = try TestAuthority.root()
        let algorithm = root.key.publicKey.signatureAlgorithm
        let subordinate = try TestAuthority.template("Sub", key: .generate(.ecdsaP256), issuer: root, isCA: true)
        let leaf = try TestAuthority.template("www.example.com", key: .generate(.ecdsaP256), issuer: root, isCA: false)
        let list = RevocationListTemplate(
            issuer: root.certificate.subject, updates: (TestAuthority.now, TestAuthority.now + .days(7)),
            number: CRLNumber(7), signatureAlgorithm: algorithm, authorityKeyIdentifier: [1, 2, 3])
        let request = try CertificationRequestBuilder.makeCSR(
            commonName: "www.example.com", subjectAltNames: [], key: .generate(.ecdsaP256))
        let certID = CertID(.sha1, of: try SerialNumber([1, 2, 3]), issuer: IssuerIdentity(root.certificate))
        let answer = try root.responder().answer([
            OCSPSingleResponse(certID, .good, updates: (this: TestAuthority.now, next: TestAuthority.now + .hours(4)))
        ])
        let messages: [(SigningPurpose, [UInt8])] = [
            (.leaf, leaf.tbsCertificate().der), (.ca, subordinate.tbsCertificate().der),
            (.crl, try list.tbsCertList().der), (.request, try Self.first(of: request.der)),
            (.ocsp, try Self.responseData(of: answer)),
        ]
        for (index, (purpose, message)) in messages.enumerated() {
            try await DecoderFuzzTests.fuzz([message], seed: 40 + UInt64(index), share: 2) { octets in
                guard Self.isPermitted(octets, purpose, algorithm) else { return false }
                let others: [SigningPurpose] = purpose == .leaf ? [.ca, .crl, .ocsp] : [.leaf]
                for other in others where Self.isPermitted(octets, other, algorithm) {
                    Issue.record("\(Hex.encode(octets)) is permitted as \(purpose) and as \(other)")
                }
                return true
            }
        }
    }

    private static func isPermitted(
        _ octets: [UInt8], _ purpose: SigningPurpose, _ algorithm: SignatureAlgorithm
    ) -> Bool {
        do {
            _ = try ReceivedPermit(octets, for: purpose, algorithm: algorithm)
            return true
        } catch {
            return false
        }
    }

    private static func first(of der: [UInt8]) throws -> [UInt8] {
        var fields = try DERNode(parsing: der[...]).sequence("signed", limit: 4)
        return Array(try fields.next().encoded)
    }

    /// Out of an OCSPResponse (RFC 6960 §4.2.1).
    private static func responseData(of der: [UInt8]) throws -> [UInt8] {
        var response = try DERNode(parsing: der[...]).sequence("response", limit: 2)
        _ = try response.next()
        var octets = try response.next().explicit("bytes").sequence("bytes", limit: 2)
        _ = try octets.next()
        return try first(of: Array(try octets.next().octetString("basic response")))
    }
}
