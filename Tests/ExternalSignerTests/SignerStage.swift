import Domain
import EmbeddedCA
import Foundation
import HostEffects
import PKI
import Synchronization
import TestSupport
import Threads

@testable import ExternalSigner

/// A signer in this process, at a socket of its own.
final class SignerStage: Sendable {
    static let passphrase = "correct horse battery"
    static let now = Timestamp(secondsSinceEpoch: 1_780_000_000)

    let directory: TemporaryDirectory
    private let events = Mutex<[SignerEvent]>([])
    private let server = Mutex<SignerServer?>(nil)
    private let rules: SignerServer.Rules
    private let signaturesPerMinute: Int?

    var socket: String { directory.path("s") }
    var keys: String { directory.path("keys") }

    init(signaturesPerMinute: Int? = nil, _ change: (inout SignerServer.Rules) -> Void = { _ in }) throws {
        directory = try TemporaryDirectory("sig")
        var rules = SignerServer.Rules(users: [geteuid()])
        change(&rules)
        self.rules = rules
        self.signaturesPerMinute = signaturesPerMinute
        try start()
    }

    deinit { stop() }

    func start() throws {
        let server = try SignerServer(
            socket: socket, keys: folder(), rules: rules,
            report: { [weak self] event in self?.note(event) })
        self.server.withLock { $0 = server }
        _ = BlockingThread.start { server.run() }
    }

    func stop() {
        server.withLock { server in
            server?.stop()
            server = nil
        }
    }

    /// Few rounds: what a passphrase costs is not what these tests are about.
    func folder(_ passphrase: String = passphrase, fileSystem: FileSystem = .live) throws -> KeyFolder {
        try KeyFolder(
            keys, passphrase: Secret(passphrase), signaturesPerMinute: signaturesPerMinute, iterations: 1000,
            fileSystem: fileSystem, time: .system, random: .system)
    }

    func driver(
        user: UInt32? = nil, connections: Int = 4, timeout: Duration = .seconds(20)
    ) -> ProcessKeyDriver {
        ProcessKeyDriver(socket: socket, user: user, connections: connections, timeout: timeout)
    }

    private func note(_ event: SignerEvent) { events.withLock { $0.append(event) } }
    var told: [SignerEvent] { events.withLock { $0 } }

    func write(_ name: String, _ text: String, mode: Int = 0o600) throws {
        let path = "\(keys)/\(name)"
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
    }

    static func root(_ signer: any Signer) async throws -> X509Certificate {
        try await LocalCA.createRoot(
            commonName: "Process Root", serial: RecordedSerial(alreadyRecorded: .random(.system)), signer: signer,
            validity: (now - .seconds(60), now + .days(365)))
    }

    static func authority(_ signer: any Signer) async throws -> LocalCA {
        try LocalCA(
            certificateChain: [try await root(signer)], signer: signer, settings: LocalCASettings(), now: now)
    }

    static func leaf(_ authority: LocalCA) async throws -> X509Certificate {
        let csr = try CertificationRequestBuilder.makeCSR(
            commonName: "", subjectAltNames: [try SubjectAltName(classifying: "a.example")], key: .generate(.ecdsaP256),
            mustStaple: false, extendedKeyUsages: [])
        let issuance = LocalIssuance(
            serial: RecordedSerial(alreadyRecorded: .random(.system)), request: try VerifiedCertificationRequest(csr),
            commonName: nil, names: [try SubjectAltName(classifying: "a.example")], now: now)
        return try await authority.issue(issuance).certificate
    }
}

/// Keeps what it was asked to sign.
final class Recording: Signer {
    let key: PrivateKey
    let orders = Mutex<[SigningOrder]>([])
    var publicKey: SubjectPublicKey { key.publicKey }
    let purposes = SigningPurposes.authority

    init(_ spec: KeySpec = .ecdsaP256) throws { key = try .generate(spec) }

    func signature(for order: SigningOrder) async throws(SignerError) -> [UInt8] {
        orders.withLock { $0.append(order) }
        do throws(KeyError) { return try key.sign(order.message, algorithm: order.algorithm) } catch {
            throw .unsupported("\(error)")
        }
    }

    func last() -> SigningOrder? { orders.withLock { $0.last } }
}
