import ControlAPI
import Domain
import HostEffects
import Lifecycle
import Logging
import Sealing
import Settings
import Telemetry

/// Wires OCSP together: responders, answers, their routes and loops.
struct OCSPAssembly {
    let handlers: PKIHandlers
    private let service: OCSPService

    /// - `directory`: Where keys of responders lie; `nil` seals them in the database.
    init(
        _ context: LifecycleContext, registry: IssuerRegistry, sealer: Sealer, live: LiveConfiguration,
        directory: String?, metrics: MetricsRegistry, signers: SignerAssembly, fileSystem: FileSystem, log: Logger
    ) throws {
        let plan: @Sendable () -> OCSPPlan = { live.read { Self.plan($0.pki) } }
        let files = try directory.map { try Self.files($0, fileSystem, context.time) }
        let observers = OCSPMetrics(metrics, log: log).observers(counting: { driver in
            // Keys of responders are of this kind, whatever that of their authority is (issuers §4.1.6).
            signers.metrics.answered(by: driver, algorithm: "ECDSA-P256")
        })
        service = OCSPService(
            context, authorities: OCSPAuthorities(context, registry: registry),
            keeper: OCSPResponderKeeper(context, sealer: sealer, files: files, keys: signers.keys, plan: plan),
            observers: observers, plan: plan)
        handlers = PKIHandlers(
            ocsp: service, observers: observers, time: context.time,
            requestsPerMinute: { live.read { $0.pki.ocspRateLimit } })
    }

    /// The CAs that are answered for.
    var authorities: OCSPAuthorities { service.authorities }

    func loops(_ leadership: Leadership) -> [Loop] { OCSPLoops(service, leadership: leadership).loops }

    private static func plan(_ configuration: PKIConfiguration) -> OCSPPlan {
        var plan = OCSPPlan()
        plan.keepsKeysWithAuthority = configuration.ocspKeysWithCA
        plan.responderValidity = configuration.ocspResponderValidity
        plan.rotationGrace = configuration.ocspRotationGrace
        plan.responseValidity = configuration.ocspResponseValidity
        return plan
    }

    private static func files(
        _ directory: String, _ fileSystem: FileSystem, _ time: TimeSource
    ) throws -> OCSPKeyFiles {
        do {
            try fileSystem.makePrivateDirectory(directory)
        } catch {
            throw StartUpFailure(
                .permission, "\(error); set CERTCTL_OCSP_RESPONDER_KEY_DIR to a directory that this user owns")
        }
        return OCSPKeyFiles(
            // An identifier has no slash in it and does not begin with a dot.
            path: { "\(directory)/ocsp-responder-\($0.text).key" },
            read: { try PrivateFileRule.read($0, fileSystem: fileSystem).map { Secret($0) } },
            write: { path, key in
                try key.withBytes { octets in
                    try AtomicFile.replace(
                        path, with: octets, stamp: time.now.microsecondsSinceEpoch, fileSystem: fileSystem)
                }
            })
    }
}

/// The metrics of OCSP (protocol-servers §5.5).
struct OCSPMetrics: Sendable {
    private let events: MetricFamily<Counter>
    private let signatures: MetricFamily<Histogram>
    private let hits: MetricFamily<Counter>
    private let log: Logger

    init(_ registry: MetricsRegistry, log: Logger) {
        events = registry.counter("certctl_ocsp_counter_total", "OCSP requests and their outcomes.", labels: ["label"])
        signatures = registry.histogram(
            "certctl_ocsp_sign_seconds", "Time that the signature of an OCSP answer took.", labels: [],
            bounds: [0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.05, 0.25, 1])
        hits = registry.counter(
            "certctl_ocsp_cache_hits_total", "OCSP answers that were signed before they were asked for.",
            labels: ["tier"])
        self.log = log
        for event in OCSPObservers.Event.allCases { events.with(event.rawValue).add(0) }
        for tier in OCSPObservers.Tier.allCases { hits.with(tier.rawValue).add(0) }
    }

    func observers(counting signed: @escaping @Sendable (_ driver: String) -> Void) -> OCSPObservers {
        var observers = OCSPObservers()
        observers.count = { events.with($0.rawValue).add() }
        observers.signed = { duration, driver in
            signatures.with().observe(duration.inSeconds)
            signed(driver)
        }
        observers.hit = { hits.with($0.rawValue).add() }
        observers.failed = { authority, error in
            log.error("OCSP cannot be answered", LogField("authority_id", authority.text), .error(error))
        }
        return observers
    }
}
