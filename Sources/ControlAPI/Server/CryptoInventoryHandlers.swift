import APIContract
import Domain
import Encoding
import HTTPServing
import Lifecycle
import PKI

/// Every algorithm in use (specification, security §20.11).
struct CryptoInventoryHandlers: Sendable {
    let context: LifecycleContext
    let controlPlaneCA: @Sendable () -> String?

    func register(in handlers: inout HandlerTable) {
        handlers.on(CryptoRoutes.inventory, inventory)
        handlers.on(CryptoRoutes.lints, lints)
    }

    private func lints(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let linter = self.context.linter
        return .json(
            PageEnvelope(
                all: LintRule.allCases.map { rule in
                    LintBody {
                        $0.rule = rule.rawValue
                        $0.severity = linter.severities[rule].rawValue
                        $0.defaultSeverity = rule.defaultSeverity.rawValue
                        $0.isAdjustable = !rule.isFixed
                        $0.summary = rule.summary
                        $0.source = rule.source
                    }
                }))
    }

    private func inventory(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let taken = try await CryptoInventory.take(self.context, controlPlane: controlPlaneCA())
        let prefersBOM = context.request.prefers("application/vnd.cyclonedx+json", over: "application/json")
        guard context.query.text("format") == "cyclonedx" || (context.query.text("format") == nil && prefersBOM)
        else { return .json(body(taken)) }
        let bom = CryptoBillOfMaterials(
            taken, denying: self.context.algorithms, id: UUIDv7.text(at: taken.takenAt, random: self.context.random))
        return .octets(200, "application/vnd.cyclonedx+json; version=1.6", bom.json.octets)
    }

    private func body(_ taken: CryptoInventory) -> CryptoInventoryBody {
        let algorithms = context.algorithms
        return CryptoInventoryBody {
            $0.takenAt = taken.takenAt
            $0.algorithms = CryptoRegister.entries.map { entry in
                let algorithm = entry.algorithm
                return CryptoAlgorithmBody {
                    $0.name = algorithm.name
                    $0.primitive = algorithm.primitive.rawValue
                    $0.parameter = algorithm.parameter
                    $0.oid = algorithm.oid
                    $0.quantumLevel = algorithm.quantumLevel
                    $0.isQuantumVulnerable = algorithm.isQuantumVulnerable
                    $0.isLegacy = algorithm.isLegacy
                    $0.isDenied = algorithms.denies(algorithm)
                    $0.keys = taken.count(of: algorithm)
                    $0.uses = entry.uses.map { use in
                        CryptoUseBody {
                            $0.module = use.module
                            $0.purpose = use.purpose
                        }
                    }
                }
            }
            $0.keys = taken.keys.map { count in
                CryptoKeyBody {
                    $0.holder = count.holder.rawValue
                    $0.key = count.key
                    $0.count = count.count
                    $0.firstEnd = count.firstEnd
                    $0.lastEnd = count.lastEnd
                    $0.isQuantumVulnerable = CryptoInventory.algorithm(ofKey: count.key)?.isQuantumVulnerable ?? true
                    $0.isDenied = algorithms.denies(keyNamed: count.key)
                }
            }
            $0.signers = taken.signers.map { signer in
                let certificate = signer.certificate
                return CryptoSignerBody {
                    $0.holder = signer.holder.rawValue
                    $0.subject = certificate.subject.description
                    $0.issuer = certificate.issuer.description
                    $0.serialNumber = certificate.serialNumber.hex
                    $0.key = certificate.subjectPublicKey.name
                    $0.signature = certificate.signatureAlgorithm?.description ?? certificate.refusedAlgorithm ?? ""
                    $0.notBefore = certificate.notBefore
                    $0.notAfter = certificate.notAfter
                    $0.fingerprintSHA256 = certificate.fingerprintSHA256
                }
            }
        }
    }
}

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

    var json: JSONValue {
        [
            "bomFormat": "CycloneDX", "specVersion": "1.6", "serialNumber": .string("urn:uuid:\(id)"), "version": 1,
            "metadata": [
                "timestamp": .string(taken.takenAt.rfc3339),
                "component": [
                    "type": "application", "name": "certctl", "bom-ref": "certctl",
                    "version": .string(Version.number),
                ],
            ],
            "components": .array(CryptoRegister.entries.map(algorithm) + taken.signers.map(certificate)),
            "dependencies": .array([
                [
                    "ref": "certctl",
                    "dependsOn": .array(CryptoRegister.entries.map { .string(Self.reference($0.algorithm.name)) }),
                ]
            ]),
        ]
    }

    private static func reference(_ algorithm: String) -> String { "crypto/algorithm/\(algorithm)" }

    private func algorithm(_ entry: CryptoRegister.Entry) -> JSONValue {
        let algorithm = entry.algorithm
        var details: JSONObject = [
            "primitive": .string(algorithm.primitive.rawValue),
            "nistQuantumSecurityLevel": .integer(Int64(algorithm.quantumLevel)),
        ]
        if let parameter = algorithm.parameter { details["parameterSetIdentifier"] = .string(parameter) }
        var properties: JSONObject = ["assetType": "algorithm", "algorithmProperties": .object(details)]
        if let oid = algorithm.oid { properties["oid"] = .string(oid) }
        var notes: [JSONValue] = entry.uses.map { use in
            ["name": .string("certctl:use:\(use.module)"), "value": .string(use.purpose)]
        }
        let keys = taken.count(of: algorithm)
        if keys > 0 { notes.append(["name": "certctl:keys", "value": .string("\(keys)")]) }
        if algorithms.denies(algorithm) { notes.append(["name": "certctl:denied", "value": "true"]) }
        return [
            "type": "cryptographic-asset", "bom-ref": .string(Self.reference(algorithm.name)),
            "name": .string(algorithm.name), "cryptoProperties": .object(properties), "properties": .array(notes),
        ]
    }

    private func certificate(_ signer: CryptoInventory.Signer) -> JSONValue {
        let certificate = signer.certificate
        var details: JSONObject = [
            "subjectName": .string(certificate.subject.description),
            "issuerName": .string(certificate.issuer.description),
            "notValidBefore": .string(certificate.notBefore.rfc3339),
            "notValidAfter": .string(certificate.notAfter.rfc3339), "certificateFormat": "X.509",
        ]
        if let own = CryptoInventory.algorithm(ofKey: certificate.subjectPublicKey.name) {
            details["subjectPublicKeyRef"] = .string(Self.reference(own.name))
        }
        return [
            "type": "cryptographic-asset",
            "bom-ref": .string("crypto/certificate/\(certificate.fingerprintSHA256)"),
            "name": .string(certificate.subject.description),
            "cryptoProperties": ["assetType": "certificate", "certificateProperties": .object(details)],
            "properties": [["name": "certctl:holder", "value": .string(signer.holder.rawValue)]],
        ]
    }
}
