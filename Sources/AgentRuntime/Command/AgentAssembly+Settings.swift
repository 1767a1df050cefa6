import ConnectorKit
import Domain
import HostEffects
import Outbound
import PKI
import Settings

/// What the settings and the state directory say about trust, credentials and the rules of this host.
extension AgentAssembly {
    var pin: CertificatePin? { configuration.server.caFingerprint.flatMap { CertificatePin("sha256:\($0)") } }

    func trustBeforeEnrolment() throws -> TrustAnchors {
        if configuration.server.skipsVerification { return .unverified }
        guard let path = configuration.server.caBundlePath else { return .system }
        return try Self.bundle(at: path)
    }

    /// Without enrolment the pin is redeemed at the first start.
    func pinAnchor(at url: HTTPSURL) async throws {
        guard let pin, configuration.server.caBundlePath == nil,
            try !state.folder.exists(StateDirectory.trustAnchorName)
        else { return }
        let anchor = try await PinnedFetch.anchor(of: url, pin: pin, timeout: .seconds(10))
        try state.folder.write(StateDirectory.trustAnchorName, octets: Array(anchor.pem.utf8))
    }

    /// Read at the start and again on SIGHUP: key, then bundle, pinned anchor or the roots of the system.
    @Sendable func credentials() throws -> ConnectionCredentials {
        let key: Secret
        if let configured = configuration.apiKey {
            key = configured
        } else {
            guard let stored = try state.identity.load() else { throw StartError.noIdentity }
            key = stored.apiKey
        }
        return ConnectionCredentials(trust: try trust(), headers: [ConnectionCredentials.bearer(key)])
    }

    private func trust() throws -> TrustAnchors {
        if configuration.server.skipsVerification { return .unverified }
        if let path = configuration.server.caBundlePath { return try Self.bundle(at: path) }
        guard let octets = try state.folder.read(StateDirectory.trustAnchorName) else { return .system }
        return try TrustAnchors(pemBundle: String(decoding: octets, as: UTF8.self))
    }

    private static func bundle(at path: String) throws -> TrustAnchors {
        // Orchestrators mount bundles through symbolic links, which the file system layer does not follow.
        guard let octets = try FileSystem.live.read(PathRules.realPath(path) ?? path) else {
            throw StartError.noBundle(path)
        }
        return try TrustAnchors(pemBundle: String(decoding: octets, as: UTF8.self))
    }

    /// How proofs of names are looked at from here.
    var lookout: Lookout {
        .live(
            configuration.vantage, random: random, time: time,
            resolverFile: {
                (try? FileSystem.live.read("/etc/resolv.conf")).flatMap { $0 }
                    .map { String(decoding: $0, as: UTF8.self) }
            })
    }

    var hostPolicy: HostPolicy {
        let policy = configuration.policy
        return HostPolicy(
            allowedPaths: policy.paths.isEmpty ? nil : policy.paths,
            allowedCommands: policy.commands.isEmpty ? nil : policy.commands,
            allowedTargetTypes: policy.targetTypes.isEmpty ? nil : policy.targetTypes.map(\.rawValue)
        )
    }
}
