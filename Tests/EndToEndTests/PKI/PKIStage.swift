import Foundation
import TestSupport
import Testing

/// A server whose certificates name its listener in the clear, and the programs that rely on what it says there.
struct PKIStage {
    static let ocsp = "/.well-known/pki/ocsp/iss-local"

    let server: ControlPlane
    let port: Int
    let work: TemporaryDirectory
    let database: String?
    var ca: String { work.path("ca.pem") }
    var leaf: String { work.path("leaf.pem") }

    var url: String { "http://127.0.0.1:\(port)" }
    var responder: String { url + Self.ocsp }

    static func start(_ engine: EngineUnderTest, _ extra: [String: String] = [:]) async throws -> PKIStage {
        let port = LoopbackPort.unused()
        let database = try await engine.makeDatabaseURL()
        var environment = engine.environment
        environment["CERTCTL_PKI_HTTP_LISTEN"] = "127.0.0.1:\(port)"
        environment["CERTCTL_PKI_PUBLIC_URL"] = "http://127.0.0.1:\(port)"
        environment.merge(extra) { _, given in given }
        let server = try await ControlPlane.start(databaseURL: database, environment: environment)
        try await server.becomeAdministrator()
        try await Inventory.create(on: server)
        let stage = PKIStage(server: server, port: port, work: try TemporaryDirectory("pki"), database: database)
        _ = try await stage.curl(["--output", stage.ca, "\(stage.url)/.well-known/pki/ca/iss-local.pem"])
        return stage
    }

    /// Issues a certificate for a new key and writes it, with its chain, to `file`.
    func issue(_ id: String, _ name: String, keyType: [String]? = nil, to file: String) async throws {
        try Inventory.expect(
            201, try await server.client.post("/api/v1/certificates", Inventory.certificate(id, name: name)))
        let csr =
            if let keyType { try await makeCSR(name, in: work, keyType: keyType) } else {
                try await makeCSR(name, in: work)
            }
        try Inventory.expect(201, try await server.client.post("/api/v1/certificates/\(id)/csr", ["csr_pem": csr]))
        let page = try await server.client.get("/api/v1/certificates/\(id)/versions")
        let version = try #require((page.json["data"] as? [[String: Any]])?.first)
        let pem = try #require(version["pem_chain"] as? String, "\(page.body)")
        try pem.write(toFile: file, atomically: true, encoding: .utf8)
    }

    /// What the audit log says of keys that this server made. Whoever reaches for a new key at the same time, the loop of
    /// the lists and whoever issues: none of them takes it for a key of somebody else.
    func keysOnRecord() async throws -> String {
        let adopted = try await server.client.get("/api/v1/audit?action=ca_key_adopted").body
        #expect(!adopted.contains("ca_key_adopted"), "\(adopted)")
        return try await server.client.get("/api/v1/audit?action=ca_key_generated").body
    }

    func run(_ program: String, _ arguments: [String], environment: [String: String] = [:]) async throws -> String {
        let outcome = try await runProgram(program, arguments, environment: environment, logs: work.url)
        return outcome.output + outcome.errors
    }

    func openssl(_ arguments: [String]) async throws -> ProgramOutcome {
        try await runProgram("/usr/bin/openssl", arguments, logs: work.url)
    }

    /// What `openssl ocsp` says of the leaf.
    func ask(_ extra: [String] = [], issuer: String? = nil) async throws -> String {
        // A digest counts for the certificates that follow it.
        let outcome = try await openssl(
            ["ocsp"] + extra + ["-issuer", issuer ?? ca, "-cert", leaf, "-CAfile", ca, "-url", responder])
        return outcome.output + outcome.errors
    }

    func curl(_ arguments: [String]) async throws -> String {
        try await runProgram("/usr/bin/curl", ["--silent", "--show-error"] + arguments, logs: work.url).output
    }
}
