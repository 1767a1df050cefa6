import Domain
import Encoding
import Foundation
import PKI
import TestSupport
import Testing

@Suite("ML-DSA: keys, signatures and requests as RFC 9881 has them, beside another implementation")
struct MLDSATests {
    static let specs: [KeySpec] = [.mlDSA65, .mlDSA87]
    private static let message = Array("what is signed".utf8)

    @Test("keys, public keys and signatures are exchanged with pyca", arguments: specs)
    func exchanged(spec: KeySpec) async throws {
        let work = try TemporaryDirectory("mldsa")
        let key = try PrivateKey.generate(spec)
        #expect(key.publicKey.name == spec.rawValue && key.publicKey.size == spec.size)
        func put(_ name: String, _ octets: [UInt8]) throws -> String {
            try Data(octets).write(to: URL(filePath: work.path(name)))
            return work.path(name)
        }
        func get(_ name: String) throws -> [UInt8] { Array(try Data(contentsOf: URL(filePath: work.path(name)))) }
        let outcome = try await Judges.python(
            "mldsa.py",
            [
                "key", try put("key.pem", key.pkcs8PEM.withBytes { $0 }), try put("pub", key.publicKey.spkiDER),
                try put("message", Self.message), try put("signature", key.sign(Self.message)), work.path("theirs"),
            ], logs: work.url)
        try #require(outcome.status == 0, "\(outcome.errors)")
        let algorithm = key.publicKey.signatureAlgorithm
        #expect(key.publicKey.isValid(signature: try get("theirs.sig"), over: Self.message, algorithm: algorithm))
        let theirs = try PrivateKey(pem: String(decoding: get("theirs.pem"), as: UTF8.self))
        let known = try SubjectPublicKey(spkiDER: get("theirs.pub"))
        #expect(theirs.matches(known))
        #expect(known.isValid(signature: try get("theirs.own"), over: Self.message, algorithm: algorithm))
        #expect(!key.publicKey.isValid(signature: try get("theirs.own"), over: Self.message, algorithm: algorithm))
    }

    @Test("one octet more, less or other is no signature, and no other algorithm verifies it", arguments: specs)
    func refused(spec: KeySpec) throws {
        let key = try PrivateKey.generate(spec)
        let good = try key.sign(Self.message)
        let algorithm = key.publicKey.signatureAlgorithm
        var changed = good
        changed[7] ^= 1
        for bad in [changed, good.dropLast(), good + [0], []] {
            #expect(!key.publicKey.isValid(signature: bad, over: Self.message, algorithm: algorithm))
        }
        #expect(!key.publicKey.isValid(signature: good, over: Self.message + [0], algorithm: algorithm))
        for other in [SignatureAlgorithm.ed25519, .ecdsa(.sha256), spec == .mlDSA65 ? .mlDSA87 : .mlDSA65] {
            #expect(!key.publicKey.isValid(signature: good, over: Self.message, algorithm: other))
            #expect(throws: KeyError.self) { try key.sign(Self.message, algorithm: other) }
        }
        #expect(key.sec1PEM == nil && "\(key)" == "***")
        #expect(try PrivateKey(pem: key.pkcs8PEM).matches(key.publicKey))
    }

    @Test("malformed keys are refused: lengths, parameters, an expanded key alone")
    func malformed() throws {
        let key = try PrivateKey.generate(.mlDSA65)
        let spki = key.publicKey.spkiDER
        // SEQUENCE (4 octets of header), AlgorithmIdentifier (13), BIT STRING (5 of header), key.
        #expect(spki.count == 1974)
        #expect(throws: KeyError.self) { try SubjectPublicKey(spkiDER: spki.dropLast()) }
        // The same octets under the other parameter set: its keys are longer.
        var other = spki
        let oid = try #require(other.firstIndex(of: 0x12))
        other[oid] = 0x13
        #expect(throws: KeyError.self) { try SubjectPublicKey(spkiDER: other) }
        func pkcs8(_ content: [UInt8]) -> [UInt8] {
            let body: [UInt8] =
                [0x02, 0x01, 0x00] + [0x30, 0x0B, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x03, 0x12]
                + [0x04, UInt8(content.count)] + content
            return [0x30, UInt8(body.count)] + body
        }
        let seed = [UInt8](repeating: 7, count: 32)
        #expect(try PrivateKey(pkcs8DER: pkcs8([0x80, 32] + seed)).publicKey.algorithm == .mlDSA65)
        let both: [UInt8] = [0x30, 38, 0x04, 32] + seed + [0x04, 2, 1, 2]
        #expect(try PrivateKey(pkcs8DER: pkcs8(both)).publicKey.algorithm == .mlDSA65)
        let bad: [[UInt8]] = [[0x80, 31] + seed.dropLast(), [0x04, 32] + seed, [0x80, 0], [0x05, 0]]
        for bad in bad {
            #expect(throws: KeyError.self) { try PrivateKey(pkcs8DER: pkcs8(bad)) }
        }
    }

    @Test("a request of pyca's is read, and its signature is verified", arguments: specs)
    func request(spec: KeySpec) async throws {
        let work = try TemporaryDirectory("mldsa")
        let outcome = try await Judges.python(
            "mldsa.py", ["request", spec.rawValue, "pq.certctl.test", work.path("key"), work.path("csr")],
            logs: work.url)
        try #require(outcome.status == 0, "\(outcome.errors)")
        let pem = try String(contentsOfFile: work.path("csr"), encoding: .utf8)
        let csr = try CertificationRequest(pem: pem)
        #expect(csr.subjectPublicKey.algorithm == spec.algorithm)
        let octets = try #require(try PEMBlock.parse(pem).first?.octets)
        var broken = octets
        broken[broken.count - 1] ^= 1
        try csr.verifySignature()
        let other = try CertificationRequest(der: broken)
        #expect(throws: CSRError.self) { try other.verifySignature() }
    }
}
