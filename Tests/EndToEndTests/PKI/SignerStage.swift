import Foundation
import Synchronization
import TestSupport
import Testing

/// `certctl signer serve`, as an operator runs it.
final class SignerProcess: Sendable {
    static let passphrase = "quercus-and-tilia-77"

    let directory: TemporaryDirectory
    private let running: Mutex<ChildProgram>
    private let more: [String]
    private let user: UInt32?

    var process: ChildProgram { running.withLock { $0 } }
    var socket: String { directory.path("run/s") }
    var keys: String { directory.path("keys") }

    /// - `more`: Further options.
    /// - `user`: Whom it runs as, if that is not the user of the test; only root can say so.
    init(_ more: [String] = [], as user: UInt32? = nil) async throws {
        self.more = more
        self.user = user
        directory = try TemporaryDirectory("signer")
        for folder in ["run", "keys"] {
            try FileManager.default.createDirectory(
                atPath: directory.path(folder), withIntermediateDirectories: true,
                attributes: [.posixPermissions: folder == "run" ? 0o755 : 0o700])
        }
        let file = directory.path("passphrase")
        try "\(Self.passphrase)\n".write(toFile: file, atomically: true, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: file)
        if let user {
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: directory.url.path)
            for item in ["run", "keys", "passphrase"] {
                try FileManager.default.setAttributes(
                    [.ownerAccountID: user, .groupOwnerAccountID: user], ofItemAtPath: directory.path(item))
            }
        }
        running = Mutex(try Self.spawn(directory, more, user))
        try await waitUntilReady()
    }

    private static func spawn(_ directory: TemporaryDirectory, _ more: [String], _ user: UInt32?) throws -> ChildProgram
    {
        let command =
            [
                ControlPlane.binary, "signer", "serve", "--socket", directory.path("run/s"), "--keys",
                directory.path("keys"), "--passphrase-file", directory.path("passphrase"),
            ] + more
        let other = user.map { ["/usr/bin/setpriv", "--reuid=\($0)", "--regid=\($0)", "--clear-groups"] } ?? []
        let whole = other + command
        return try ChildProgram(
            whole[0], Array(whole.dropFirst()), environment: ["HOME": directory.url.path], logs: directory.url)
    }

    func startAgain() async throws {
        let process = try Self.spawn(directory, more, user)
        running.withLock { $0 = process }
        try await waitUntilReady()
    }

    private func waitUntilReady() async throws {
        let isReady = await eventually(within: .seconds(30)) {
            !process.isRunning || process.output.contains("the signer answers")
        }
        try #require(isReady && process.isRunning, "\(process.transcript)")
    }

    func stop() async { await process.stop() }
}

/// A server, a signer, and a CA whose key is in it.
struct SignerAuthorityStage {
    let pki: PKIStage
    let signer: SignerProcess
    var client: CurlClient { pki.server.client }
    var root: String { pki.work.path("signer-ca.pem") }
    var list: String { pki.work.path("signer.crl") }

    static func start(
        _ engine: EngineUnderTest, signer options: [String] = [], as user: UInt32? = nil,
        _ extra: [String: String] = [:]
    ) async throws -> SignerAuthorityStage {
        let signer = try await SignerProcess(options, as: user)
        let environment = ["CERTCTL_SIGNER_SOCKET": signer.socket].merging(extra) { _, given in given }
        return SignerAuthorityStage(pki: try await PKIStage.start(engine, environment), signer: signer)
    }

    func stop() async {
        await pki.server.stop()
        await signer.stop()
    }

    static func config(_ name: String, _ more: [String: Any] = [:]) -> [String: Any] {
        ["key_driver": "exec", "key_ref": "signer:\(name)"].merging(more) { _, given in given }
    }

    func createIssuer(
        _ id: String = "iss-signer", _ config: [String: Any] = Self.config("ca1")
    ) async throws -> CurlClient.Reply {
        try await client.post(
            "/api/v1/issuers", ["id": id, "name": "Signer CA \(id)", "type": "local", "config": config])
    }

    func issue(_ id: String, issuer: String = "iss-signer") async throws -> CurlClient.Reply {
        var record = Inventory.certificate(id, name: "\(id).certctl.test")
        record["issuer_id"] = issuer
        try Inventory.expect(201, try await client.post("/api/v1/certificates", record))
        return try await submit(id)
    }

    func submit(_ id: String) async throws -> CurlClient.Reply {
        let csr = try await makeCSR("\(id).certctl.test", in: pki.work)
        return try await client.post("/api/v1/certificates/\(id)/csr", ["csr_pem": csr])
    }

    /// Whether the order of `id` was fulfilled by now, without anybody having restarted the server.
    func isFulfilled(_ id: String) async throws -> Bool {
        if try await submit(id).status == 201 { return true }
        return (try? await chain(id)) != nil
    }

    func chain(_ id: String) async throws -> String {
        let page = try await client.get("/api/v1/certificates/\(id)/versions")
        let version = try #require((page.json["data"] as? [[String: Any]])?.first, "\(page.body)")
        return try #require(version["pem_chain"] as? String)
    }

    func fetchRoot() async throws {
        _ = try await pki.curl(["--output", root, "\(pki.url)/.well-known/pki/ca/iss-signer.pem"])
    }

    func fetchList() async throws -> Bool {
        let answer = try await pki.run(
            "/usr/bin/curl", ["--silent", "--fail", "--output", list, "\(pki.url)/.well-known/pki/crl/iss-signer"])
        return answer.isEmpty && FileManager.default.fileExists(atPath: list)
    }

    func metrics() async throws -> String { try await client.get("/api/v1/metrics/prometheus").body }

    func openssl(_ arguments: [String]) async throws -> ProgramOutcome { try await pki.openssl(arguments) }
}
