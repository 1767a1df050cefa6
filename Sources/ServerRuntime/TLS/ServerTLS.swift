import Crypto
import Domain
import HTTPServing
import HostEffects
import Logging
import PKI
import Query
import Sealing
import Settings
import Synchronization

/// The TLS material of the listener, and what keeps it current (specification, operations §6.2, §6.3).
final class ServerTLS: Sendable {
    private enum Source {
        case files(KeyPairPaths)
        case generated(ServerIdentityFiles, names: [SubjectAltName])
    }

    private struct State {
        /// The identity in use, when it is generated.
        var identity: ServerIdentity?
        /// The digest of the files in use, when they are supplied.
        var digest: [UInt8]?
        var shared: SharedServerIdentity?
    }

    let material: TLSMaterialSource
    private let source: Source
    private let state: Mutex<State>
    private let fileSystem: FileSystem
    private let time: TimeSource
    private let random: RandomSource
    private let log: Logger

    /// Loads the supplied files, or loads or makes the generated identity.
    static func load(
        _ configuration: ServerConfiguration,
        directory: DataDirectory,
        fileSystem: FileSystem,
        time: TimeSource,
        random: RandomSource,
        log: Logger
    ) async throws -> ServerTLS {
        switch configuration.tls.material {
        case .files(let paths):
            let (material, digest) = try read(paths, fileSystem: fileSystem)
            try refuseExpired(material, path: paths.certificate, now: time.now, log: log)
            return ServerTLS(
                material: try source(material), source: .files(paths), state: State(digest: digest),
                fileSystem: fileSystem, time: time, random: random, log: log
            )
        case .generated:
            let names = try ServerNames.resolve(configuration)
            let files = ServerIdentityFiles(directory: directory, fileSystem: fileSystem, time: time)
            let identity = try await loadOrMake(files, names: names, time: time, random: random)
            return ServerTLS(
                material: try source(identity.material), source: .generated(files, names: names),
                state: State(identity: identity), fileSystem: fileSystem, time: time, random: random, log: log
            )
        }
    }

    private init(
        material: TLSMaterialSource,
        source: Source,
        state: consuming sending State,
        fileSystem: FileSystem,
        time: TimeSource,
        random: RandomSource,
        log: Logger
    ) {
        self.material = material
        self.source = source
        self.state = Mutex(state)
        self.fileSystem = fileSystem
        self.time = time
        self.random = random
        self.log = log
    }

    /// The certificate of the CA behind the generated identity, for clients that want to pin it.
    var authority: X509Certificate? { state.withLock { $0.identity?.authority } }

    /// Takes over the identity that the replicas share, or shares this one when none is stored yet.
    func share(through shared: SharedServerIdentity) async throws {
        guard case .generated = source else { return }
        state.withLock { $0.shared = shared }
        if let stored = try await shared.load() { return try adopt(stored) }
        guard let own = state.withLock({ $0.identity }) else { return }
        if try await shared.replace(nil, with: own) { return }
        if let stored = try await shared.load() { try adopt(stored) }
    }

    /// Brings the material up to date: changed files, a leaf that is due, another replica's renewal.
    ///
    /// A failure keeps the old material and is logged; handshakes go on.
    ///
    /// - Parameter readsFiles: Whether supplied files are part of it.
    func refresh(readsFiles: Bool = true) async {
        do {
            switch source {
            case .files(let paths):
                if readsFiles { try refreshFiles(paths) }
            case .generated(_, let names): try await refreshGenerated(names: names)
            }
        } catch {
            log.error("TLS material was not reloaded; the old one stays in use", metadata: ["error": "\(error)"])
        }
    }

    private func refreshFiles(_ paths: KeyPairPaths) throws {
        let (material, digest) = try Self.read(paths, fileSystem: fileSystem)
        guard state.withLock({ $0.digest }) != digest else { return }
        try self.material.replace(with: material)
        state.withLock { $0.digest = digest }
        log.notice("TLS certificate reloaded", metadata: ["path": "\(paths.certificate)"])
    }

    private func refreshGenerated(names: [SubjectAltName]) async throws {
        let (identity, shared) = state.withLock { ($0.identity, $0.shared) }
        guard let identity else { return }
        if let shared, let stored = try await shared.load(), stored.leaf != identity.leaf { return try adopt(stored) }
        guard identity.isDueForRenewal(at: time.now) else { return }
        let renewed = try await identity.renewed(names: names, now: time.now, random: random)
        if let shared, try await !shared.replace(identity.leaf.fingerprintSHA256, with: renewed) {
            if let stored = try await shared.load() { try adopt(stored) }
            return
        }
        try adopt(renewed)
        log.notice("TLS certificate renewed", metadata: ["not_after": "\(renewed.leaf.notAfter.rfc3339)"])
    }

    private func adopt(_ identity: ServerIdentity) throws {
        guard case .generated(let files, _) = source else { return }
        try files.store(identity)
        try material.replace(with: identity.material)
        state.withLock { $0.identity = identity }
    }

    // MARK: Loading

    private static func loadOrMake(
        _ files: ServerIdentityFiles,
        names: [SubjectAltName],
        time: TimeSource,
        random: RandomSource
    ) async throws -> ServerIdentity {
        let now = time.now
        if let stored = try loaded(files), stored.isValid(at: now) {
            guard !stored.covers(names) || stored.isDueForRenewal(at: now) else { return stored }
            let renewed = try await stored.renewed(names: names, now: now, random: random)
            try files.store(renewed)
            return renewed
        }
        var identity = try await ServerIdentity.make(names: names, now: now, random: random)
        if let (certificate, key) = try files.loadAuthority(), certificate.isValid(at: now) {
            let kept = ServerIdentity(
                authority: certificate, authorityKey: key, leaf: identity.leaf, leafKey: identity.leafKey
            )
            identity = try await kept.renewed(names: names, now: now, random: random)
        }
        try files.store(identity)
        return identity
    }

    /// What cannot be parsed is made anew; what may not be read is not.
    private static func loaded(_ files: ServerIdentityFiles) throws -> ServerIdentity? {
        do {
            return try files.load()
        } catch let error as FileError {
            throw error
        } catch {
            return nil
        }
    }

    private static func source(_ material: TLSMaterial) throws -> TLSMaterialSource {
        do {
            return try TLSMaterialSource(material)
        } catch {
            throw StartUpFailure(.configuration, "TLS: \(error)")
        }
    }

    /// Whether supplied files can be served now.
    static func check(_ paths: KeyPairPaths, fileSystem: FileSystem, now: Timestamp) throws {
        let (material, _) = try read(paths, fileSystem: fileSystem)
        _ = try source(material)
        let quiet = Logger(label: "tls", factory: { _ in SwiftLogNoOpLogHandler() })
        try refuseExpired(material, path: paths.certificate, now: now, log: quiet)
    }

    private static func read(
        _ paths: KeyPairPaths,
        fileSystem: FileSystem
    ) throws -> (material: TLSMaterial, digest: [UInt8]) {
        let chain: [UInt8]?
        let key: [UInt8]?
        do {
            chain = try fileSystem.read(PathRules.realPath(paths.certificate) ?? paths.certificate)
            key = try PrivateFileRule.read(paths.key, fileSystem: fileSystem)
        } catch {
            throw StartUpFailure(.permission, "TLS certificate and key: \(error)")
        }
        guard let chain else {
            throw StartUpFailure(.configuration, "CERTCTL_SERVER_TLS_CERT_PATH: \(paths.certificate) does not exist")
        }
        guard let key else {
            throw StartUpFailure(.configuration, "CERTCTL_SERVER_TLS_KEY_PATH: \(paths.key) does not exist")
        }
        var hash = SHA256()
        hash.update(data: chain)
        hash.update(data: key)
        let material = TLSMaterial(chainPEM: String(decoding: chain, as: UTF8.self), keyPEM: Secret(key))
        return (material, Array(hash.finalize()))
    }

    private static func refuseExpired(_ material: TLSMaterial, path: String, now: Timestamp, log: Logger) throws {
        guard let leaf = try? X509Certificate.bundle(pem: material.chainPEM).first else { return }
        guard leaf.notAfter > now else {
            throw StartUpFailure(
                .configuration,
                "the TLS certificate \(path) expired at \(leaf.notAfter.rfc3339); replace it, or unset "
                    + "CERTCTL_SERVER_TLS_CERT_PATH and CERTCTL_SERVER_TLS_KEY_PATH to let the server make one"
            )
        }
        if leaf.notAfter - now < .days(7) {
            log.warning("the TLS certificate expires soon", metadata: ["not_after": "\(leaf.notAfter.rfc3339)"])
        }
    }
}
