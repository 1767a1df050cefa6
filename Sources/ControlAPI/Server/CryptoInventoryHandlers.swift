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
            $0.signatures = taken.signatures.map { count in
                CryptoSignatureBody {
                    $0.signature = count.signature
                    $0.count = count.count
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
                    $0.signature = certificate.signatureName
                    $0.notBefore = certificate.notBefore
                    $0.notAfter = certificate.notAfter
                    $0.fingerprintSHA256 = certificate.fingerprintSHA256
                }
            }
        }
    }
}
