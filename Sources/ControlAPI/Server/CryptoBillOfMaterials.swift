import Domain
import Encoding
import Lifecycle
import PKI

extension CryptoInventory {
    func count(of algorithm: CryptoAlgorithm) -> Int {
        keys.filter { Self.algorithm(ofKey: $0.key) == algorithm }.reduce(0) { $0 + $1.count }
    }
}

/// The inventory as a CycloneDX 1.6 cryptography bill of materials (ECMA-424).
struct CryptoBillOfMaterials {
    private let taken: CryptoInventory
    private let algorithms: AlgorithmPolicy
    private let id: String

    /// - `algorithms`: What nothing new is made with.
    /// - `id`: A UUID, which makes the document one of its own.
    init(_ taken: CryptoInventory, denying algorithms: AlgorithmPolicy, id: String) {
        self.taken = taken
        self.algorithms = algorithms
        self.id = id
    }

    /// Something of the document, and the references of what it rests on.
    private struct Part {
        let reference: String
        let component: JSONObject
        var restsOn: [String] = []
    }

    var json: JSONValue {
        let parts =
            CryptoRegister.entries.map(algorithm) + [transport] + taken.keys.map(keys)
            + publicKeys + taken.signers.map(certificate)
        let application = JSONValue.object([
            "ref": "certctl", "dependsOn": .array(parts.map { .string($0.reference) }),
        ])
        let others = parts.filter { !$0.restsOn.isEmpty }.map { part in
            JSONValue.object([
                "ref": .string(part.reference), "dependsOn": .array(part.restsOn.map { .string($0) }),
            ])
        }
        return [
            "bomFormat": "CycloneDX", "specVersion": "1.6", "serialNumber": .string("urn:uuid:\(id)"), "version": 1,
            "metadata": [
                "timestamp": .string(taken.takenAt.rfc3339),
                "component": [
                    "type": "application", "name": "certctl", "bom-ref": "certctl",
                    "version": .string(Version.number),
                ],
            ],
            "components": .array(parts.map { .object($0.component) }),
            "dependencies": .array([application] + others),
        ]
    }

    private static func reference(_ algorithm: String) -> String { "crypto/algorithm/\(algorithm)" }

    private static func reference(ofKey key: SubjectPublicKey) -> String { "crypto/key/\(key.spkiSHA256)" }

    private func asset(_ reference: String, _ name: String, _ properties: JSONObject, _ notes: [JSONValue])
        -> JSONObject
    {
        [
            "type": "cryptographic-asset", "bom-ref": .string(reference), "name": .string(name),
            "cryptoProperties": .object(properties), "properties": .array(notes),
        ]
    }

    private func note(_ name: String, _ value: String) -> JSONValue {
        ["name": .string("certctl:\(name)"), "value": .string(value)]
    }

    // MARK: Algorithms and protocols

    private func algorithm(_ entry: CryptoRegister.Entry) -> Part {
        let algorithm = entry.algorithm
        var details: JSONObject = [
            "primitive": .string(algorithm.primitive.rawValue),
            "nistQuantumSecurityLevel": .integer(Int64(algorithm.quantumLevel)),
        ]
        if let parameter = algorithm.parameter { details["parameterSetIdentifier"] = .string(parameter) }
        var properties: JSONObject = ["assetType": "algorithm", "algorithmProperties": .object(details)]
        if let oid = algorithm.oid { properties["oid"] = .string(oid) }
        var notes = entry.uses.map { note("use:\($0.module)", $0.purpose) }
        let keys = taken.count(of: algorithm)
        if keys > 0 { notes.append(note("keys", "\(keys)")) }
        if algorithms.denies(algorithm) { notes.append(note("denied", "true")) }
        let reference = Self.reference(algorithm.name)
        return Part(reference: reference, component: asset(reference, algorithm.name, properties, notes))
    }

    /// What the listeners speak (RFC 8446 §B.4).
    private var transport: Part {
        let suites: [(name: String, algorithm: String, octets: [String])] = [
            ("TLS_AES_128_GCM_SHA256", "AES-128-GCM", ["0x13", "0x01"]),
            ("TLS_AES_256_GCM_SHA384", "AES-256-GCM", ["0x13", "0x02"]),
            ("TLS_CHACHA20_POLY1305_SHA256", "ChaCha20-Poly1305", ["0x13", "0x03"]),
        ]
        let groups = CryptoRegister.entries.map(\.algorithm).filter { $0.primitive == .keyAgreement }.map(\.name)
        let properties: JSONObject = [
            "assetType": "protocol",
            "protocolProperties": [
                "type": "tls", "version": "1.3",
                "cipherSuites": .array(
                    suites.map { suite in
                        [
                            "name": .string(suite.name),
                            "algorithms": .array([.string(Self.reference(suite.algorithm))]),
                            "identifiers": .array(suite.octets.map { .string($0) }),
                        ]
                    }),
                "cryptoRefArray": .array(groups.map { .string(Self.reference($0)) }),
            ],
        ]
        let reference = "crypto/protocol/tls-1.3"
        return Part(
            reference: reference, component: asset(reference, "TLS 1.3", properties, [note("use", "the listeners")]),
            restsOn: (suites.map(\.algorithm) + groups).map(Self.reference))
    }

    // MARK: Keys and certificates

    /// Private keys of one kind, which are somewhere: those of managed certificates mostly with agents.
    private func keys(_ count: CryptoInventory.KeyCount) -> Part {
        let algorithm = CryptoInventory.algorithm(ofKey: count.key).map { Self.reference($0.name) }
        var details: JSONObject = ["type": "private-key", "state": "active"]
        if let algorithm { details["algorithmRef"] = .string(algorithm) }
        if let end = count.lastEnd { details["expirationDate"] = .string(end.rfc3339) }
        var notes = [note("holder", count.holder.rawValue), note("keys", "\(count.count)")]
        if algorithms.denies(keyNamed: count.key) { notes.append(note("denied", "true")) }
        let reference = "crypto/keys/\(count.holder.rawValue)/\(count.key)"
        return Part(
            reference: reference,
            component: asset(
                reference, "\(count.key) of \(count.holder.rawValue)",
                ["assetType": "related-crypto-material", "relatedCryptoMaterialProperties": .object(details)], notes),
            restsOn: algorithm.map { [$0] } ?? [])
    }

    /// Each public key once, however many certificates are about it.
    private var publicKeys: [Part] {
        var seen: Set<String> = []
        return taken.signers.compactMap { signer in
            let key = signer.certificate.subjectPublicKey
            let reference = Self.reference(ofKey: key)
            guard seen.insert(reference).inserted else { return nil }
            let algorithm = CryptoInventory.algorithm(ofKey: key.name).map { Self.reference($0.name) }
            var details: JSONObject = [
                "type": "public-key", "id": .string(key.spkiSHA256), "size": .integer(Int64(key.size)),
            ]
            if let algorithm { details["algorithmRef"] = .string(algorithm) }
            return Part(
                reference: reference,
                component: asset(
                    reference, key.name,
                    ["assetType": "related-crypto-material", "relatedCryptoMaterialProperties": .object(details)],
                    [note("holder", signer.holder.rawValue)]),
                restsOn: algorithm.map { [$0] } ?? [])
        }
    }

    private func certificate(_ signer: CryptoInventory.Signer) -> Part {
        let certificate = signer.certificate
        let key = Self.reference(ofKey: certificate.subjectPublicKey)
        var details: JSONObject = [
            "subjectName": .string(certificate.subject.description),
            "issuerName": .string(certificate.issuer.description),
            "notValidBefore": .string(certificate.notBefore.rfc3339),
            "notValidAfter": .string(certificate.notAfter.rfc3339), "certificateFormat": "X.509",
            "subjectPublicKeyRef": .string(key),
        ]
        var restsOn = [key]
        if let algorithm = signature(on: certificate) {
            details["signatureAlgorithmRef"] = .string(algorithm)
            restsOn.append(algorithm)
        }
        let reference = "crypto/certificate/\(certificate.fingerprintSHA256)"
        return Part(
            reference: reference,
            component: asset(
                reference, certificate.subject.description,
                ["assetType": "certificate", "certificateProperties": .object(details)],
                [note("holder", signer.holder.rawValue), note("signature", certificate.signatureName)]),
            restsOn: restsOn)
    }

    /// The algorithm of the register, which goes by the key that signed; `nil` when whoever signed is not known here.
    private func signature(on certificate: X509Certificate) -> String? {
        let issuer = taken.signers.first {
            certificate.issuer.matches($0.certificate.subject) && certificate.verifySignature(issuedBy: $0.certificate)
        }
        let algorithm = issuer.flatMap { CryptoInventory.algorithm(ofKey: $0.certificate.subjectPublicKey.name) }
        return algorithm.map { Self.reference($0.name) }
    }
}
