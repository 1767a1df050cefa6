import Domain
import EmbeddedCA
import ExternalSigner
import HostEffects
import Logging
import PKCS11
import PKI
import Settings
import Telemetry

/// The drivers of keys outside of the database, and what is told of every signature (issuers §5).
struct SignerAssembly: Sendable {
    let keys: KeyDriverRegistry
    /// Reads a key file that an issuer supplies with its certificate.
    let readKey: @Sendable (_ path: String, _ passphrase: Secret?) async throws -> PrivateKey
    let metrics: SignerMetrics
    /// How often keys of authorities may sign; `nil` for no limit.
    let ceilings: SignatureCeilings?

    init(
        _ configuration: PKIConfiguration, live: LiveConfiguration, metrics registry: MetricsRegistry,
        fileSystem: FileSystem, time: TimeSource, random: RandomSource, log: Logger
    ) {
        let token = TokenKeyDriver(
            module: configuration.pkcs11Module.map { TokenModule(path: $0) }, sessions: configuration.pkcs11Sessions,
            timeout: configuration.pkcs11Timeout, pin: { live.read { $0.pki.pkcs11PIN } })
        let process = ProcessKeyDriver(
            socket: configuration.signerSocket,
            // The start has refused a name that is nobody's; who went away since then is nobody.
            user: configuration.signerUser.map { Ownership.user(named: $0) ?? .max },
            connections: configuration.signerConnections, timeout: configuration.signerTimeout)
        let files = FileKeyDriver(
            directory: configuration.caKeyDirectory, passphrase: { live.read { $0.pki.caKeyPassphrase } },
            fileSystem: fileSystem, time: time, random: random)
        keys = KeyDriverRegistry([token, process, files])
        readKey = { try await files.supplied($0, passphrase: $1) }
        metrics = SignerMetrics(registry, log: log)
        let ceiling = configuration.caSignaturesPerMinute
        ceilings = ceiling > 0 ? SignatureCeilings(perMinute: ceiling) : nil
        let executors = [(token.name, token.executor), (process.name, process.executor)]
        registry.addCollector("signer_queue") {
            executors.flatMap { name, executor in
                let labels = [(name: "driver", value: name)]
                return [
                    MetricSample(
                        "certctl_signer_queue_length", "Signatures that wait for a thread of their driver.",
                        labels: labels, Double(executor.queueLength)),
                    MetricSample(
                        "certctl_signer_busy_threads", "Threads that are in a call of their driver, or hang there.",
                        labels: labels, Double(executor.busyThreads)),
                ]
            }
        }
    }
}

/// Counts and logs signatures by keys of authorities and their responders (issuers §5.3).
struct SignerMetrics: Sendable {
    private let operations: MetricFamily<Counter>
    private let log: Logger

    init(_ registry: MetricsRegistry, log: Logger) {
        operations = registry.counter(
            "certctl_signer_operations_total", "Signatures by keys of certification authorities.",
            labels: ["driver", "algorithm", "purpose", "result"])
        self.log = log
    }

    func observe(_ operation: SignerOperation) {
        operations.with(
            operation.driver, operation.algorithm, operation.purpose.rawValue, operation.outcome.rawValue
        ).add()
        let fields = [
            LogField("key_driver", operation.driver), LogField("algorithm", operation.algorithm),
            LogField("purpose", operation.purpose.rawValue), LogField("sha256", operation.messageSHA256),
        ]
        if operation.outcome == .ok {
            log.log(.info, "signed with the key of a CA", fields)
        } else {
            log.log(
                .warning, "the key of a CA did not sign", fields + [LogField("result", operation.outcome.rawValue)])
        }
    }

    /// An answer of an OCSP responder: too many to log each.
    func answered(by driver: String, algorithm: String) {
        operations.with(driver, algorithm, SigningPurpose.ocsp.rawValue, SignerOperation.Outcome.ok.rawValue).add()
    }
}
