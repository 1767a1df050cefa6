import Crypto
import Domain
import Encoding
import Foundation
import PKI
import Store
import TestSupport
import Testing

@testable import ControlAPI
@testable import Lifecycle

/// A trap on hostile input stops the whole process, this test run included: surviving is the claim, and that no changed
/// request is taken for one that was signed.
@Suite("RFC 8555 §6, §10: the decoders of signed requests survive 16 000 mutated ones")
struct JOSEFuzzTests {
    /// Executions for each decoder. `CERTCTL_FUZZ_EXECUTIONS` asks for more, all from the same seeds.
    static let executions =
        ProcessInfo.processInfo.environment["CERTCTL_FUZZ_EXECUTIONS"].flatMap { Int($0) } ?? 4000

    private static func fuzz(_ corpus: [JSONValue], seed: UInt64, _ decode: ([UInt8]) throws -> Bool) async throws {
        for original in corpus { try #require(try decode(original.octets), "the corpus itself must be readable") }
        var mutator = JSONMutator(seed: seed)
        var accepted = 0
        var duration = Duration.zero
        for index in 0..<executions {
            // Tests share a thread for each core: those beside this one have their turns.
            if index % 16 == 0 { await Task.yield() }
            let octets = mutator.mutate(corpus[index % corpus.count].octets, donors: corpus)
            let (isRead, time) = try withProcessorTime { try decode(octets) }
            if isRead { accepted += 1 }
            duration += time
        }
        #expect(accepted > executions / 200, "mutations that never get past the parser prove little")
        #expect(accepted < executions, "a decoder that accepts everything checks nothing")
        #expect(duration < .milliseconds(10 * executions), "no input may take the decoder long")
    }

    // MARK: Corpora

    private static let url = "https://ca.certctl.test/acme/new-order"

    private static func signed(
        _ algorithm: String, _ jwk: JSONValue, _ payload: JSONValue, _ sign: ([UInt8]) throws -> [UInt8]
    ) throws -> JSONValue {
        let header: JSONValue = [
            "alg": .string(algorithm), "jwk": jwk, "nonce": "AAAAAAAAAAAAAAAAAAAAAA", "url": .string(url),
        ]
        let protected = Base64URL.encode(header.octets)
        let body = Base64URL.encode(payload.octets)
        let signature = try sign(Array("\(protected).\(body)".utf8))
        return [
            "protected": .string(protected), "payload": .string(body),
            "signature": .string(Base64URL.encode(signature)),
        ]
    }

    private static func point(_ raw: Data, _ curve: String) -> JSONValue {
        let half = raw.count / 2
        return [
            "crv": .string(curve), "kty": "EC", "x": .string(Base64URL.encode(Array(raw.prefix(half)))),
            "y": .string(Base64URL.encode(Array(raw.suffix(half)))),
        ]
    }

    private static let order: JSONValue = [
        "identifiers": [
            ["type": "dns", "value": "a.certctl.test"], ["type": "dns", "value": "*.b.certctl.test"],
            ["type": "ip", "value": "192.0.2.1"], ["type": "ip", "value": "2001:db8::1"],
        ],
        "notAfter": "2030-01-01T00:00:00Z", "profile": "prof-web", "replaces": "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE",
    ]

    /// Requests that verify, one for each kind of key.
    private static func requests() throws -> [JSONValue] {
        let (p256, p521, ed) = (P256.Signing.PrivateKey(), P521.Signing.PrivateKey(), Curve25519.Signing.PrivateKey())
        return [
            try signed("ES256", point(p256.publicKey.rawRepresentation, "P-256"), order) {
                Array(try p256.signature(for: $0).rawRepresentation)
            },
            try signed("ES512", point(p521.publicKey.rawRepresentation, "P-521"), ["csr": "MIIB"]) {
                Array(try p521.signature(for: $0).rawRepresentation)
            },
            try signed(
                "EdDSA",
                [
                    "crv": "Ed25519", "kty": "OKP",
                    "x": .string(Base64URL.encode(Array(ed.publicKey.rawRepresentation))),
                ], order
            ) { Array(try ed.signature(for: $0)) },
        ]
    }

    // MARK: Decoders

    @Test("whole requests: whatever verifies is what was signed")
    func requests() async throws {
        let corpus = try Self.requests()
        let genuine = Set(try corpus.map { try Self.statement(FlattenedJWS($0)) })
        var forged = 0
        try await Self.fuzz(corpus, seed: 31) { octets in
            guard let jws = try? FlattenedJWS(octets: octets) else { return false }
            _ = try? jws.text("kid")
            guard let algorithm = try? jws.algorithm(), let json = jws.header["jwk"], let key = try? PublicJWK(json)
            else { return true }
            guard key.isValid(jws.signature, over: jws.signingInput, algorithm) else { return true }
            if !genuine.contains(try Self.statement(jws)) { forged += 1 }
            return true
        }
        #expect(forged == 0)
    }

    /// What a request says, octet by octet, by whom, and the signature.
    private static func statement(_ jws: FlattenedJWS) throws -> [[UInt8]] {
        [jws.signingInput, jws.signature, jws.payload, jws.header["jwk"]?.octets ?? []]
    }

    @Test("public keys: one thumbprint for each key, no secret members, and it reads what it writes")
    func keys() async throws {
        let examples = [
            PublishedJOSETests.rsa, PublishedJOSETests.p256, PublishedJOSETests.p521, PublishedJOSETests.cookbookEC,
            PublishedJOSETests.ed25519,
        ].map { JSONValue.object($0) }
        var wrong: [String] = []
        try await Self.fuzz(examples, seed: 32) { octets in
            guard let json = try? JSONValue(parsing: octets), let key = try? PublicJWK(json) else { return false }
            let isSound =
                key.key.jwkThumbprint == key.thumbprint && (try? PublicJWK(key.canonical))?.thumbprint == key.thumbprint
                && json["d"] == nil && json["k"] == nil
            if !isSound { wrong.append(json.text) }
            return true
        }
        #expect(wrong.isEmpty, "\(wrong.prefix(3))")
    }

    @Test("orders: names come out in the one form that they are compared in, or not at all")
    func orders() async throws {
        let profile = ACMEProfile(id: ProfileID(stored: "prof-web"), fields: ProfileFields(name: "web"))
        var wrong: [String] = []
        try await Self.fuzz([Self.order], seed: 33) { octets in
            guard let json = try? JSONValue(parsing: octets),
                let names = try? ACMENames.read(json["identifiers"], under: profile)
            else { return false }
            let again = try? ACMENames.read(.array(names.map(\.json)), under: profile)
            if again != names || names.isEmpty || Set(names).count != names.count { wrong.append(json.text) }
            _ = json["replaces"]?.stringValue.flatMap(ACMECertificateName.init)
            return true
        }
        #expect(wrong.isEmpty, "\(wrong.prefix(3))")
    }

    @Test("external account bindings: whatever a key is taken to have made, it made")
    func bindings() async throws {
        let key = try PublicJWK(.object(PublishedJOSETests.p256))
        let secret = Secret(Array("a secret of thirty-two octets!!!".utf8))
        let header: JSONValue = ["alg": "HS256", "kid": "eab-1", "url": .string(Self.url)]
        let (protected, payload) = (Base64URL.encode(header.octets), Base64URL.encode(key.canonical.octets))
        let code = secret.withBytes {
            ExternalBinding.code(.hs256, Array("\(protected).\(payload)".utf8), SymmetricKey(data: $0))
        }
        let genuine: JSONValue = [
            "protected": .string(protected), "payload": .string(payload),
            "signature": .string(Base64URL.encode(code)),
        ]
        var forged = 0
        try await Self.fuzz([genuine], seed: 34) { octets in
            guard let json = try? JSONValue(parsing: octets),
                let binding = try? ExternalBinding.read(json, for: key, at: Self.url)
            else { return false }
            let isGenuine = json["payload"] == genuine["payload"] && json["protected"] == genuine["protected"]
            if binding.isMade(secret), !isGenuine { forged += 1 }
            return true
        }
        #expect(forged == 0)
    }
}
