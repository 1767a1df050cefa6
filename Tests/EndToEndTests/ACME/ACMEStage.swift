import Crypto
import Foundation
import TestSupport
import Testing

/// A control plane with the ACME server switched on, a profile that trusts accounts, and a key to open them with.
struct ACMEStage {
    let server: ControlPlane
    let work: TemporaryDirectory
    let keyID: String
    let hmacKey: String

    static let profile = Inventory.profile
    var directory: String { "\(server.baseURL)/acme/directory" }

    static func make(
        _ engine: EngineUnderTest, _ extra: [String: String] = [:]
    ) async throws -> ACMEStage {
        var environment = engine.environment
        environment["CERTCTL_ACME_SERVER_ENABLED"] = "true"
        environment["CERTCTL_ACME_SERVER_DEFAULT_PROFILE_ID"] = profile
        environment.merge(extra) { _, given in given }
        let server = try await ControlPlane.start(
            databaseURL: try await engine.makeDatabaseURL(), environment: environment)
        try await server.becomeAdministrator()
        try await Inventory.create(on: server)
        let made = try await server.client.post(
            "/api/v1/admin/acme/eab-keys",
            ["label": "tests", "profile_id": profile, "owner_id": Inventory.owner, "team_id": Inventory.team])
        try Inventory.expect(201, made)
        return ACMEStage(
            server: server, work: try TemporaryDirectory("acme"), keyID: try #require(made.text("id")),
            hmacKey: try #require(made.text("hmac_key")))
    }

    static let shortProfile = "prof-short"

    /// Offers clients of the directory a profile of certificates that last for two hours.
    func offerShortProfile(_ mode: String) async throws {
        try Inventory.expect(
            201,
            try await server.client.post(
                "/api/v1/profiles",
                ["id": Self.shortProfile, "name": "short", "max_ttl_seconds": 7200, "acme_auth_mode": mode]))
        try Inventory.expect(
            200,
            try await server.client.put(
                "/api/v1/profiles/\(Self.profile)", ["acme_profiles": [Self.shortProfile]]))
    }

    /// Whether a certificate ends within the two hours of that profile.
    func isShort(_ path: String) async throws -> Bool {
        try await openssl(["x509", "-in", path, "-noout", "-checkend", "7200"]).status == 1
    }

    func serial(_ path: String) async throws -> String {
        try await openssl(["x509", "-in", path, "-noout", "-serial"]).output
    }

    /// What lets ``expectSoundAudit()`` come to a verdict at once.
    static let quickCheckpoints = ["CERTCTL_AUDIT_CHECKPOINT_INTERVAL": "1s"]

    /// The audit log is whole, up to what was done last.
    func expectSoundAudit() async throws {
        let page = try await server.client.get("/api/v1/audit?per_page=1")
        let newest = try #require((page.json["data"] as? [[String: Any]])?.first?["id"] as? String, "\(page.body)")
        let isCovered = try await eventually(within: .seconds(60), every: .milliseconds(300)) {
            let row = try await server.client.get("/api/v1/audit/\(newest)")
            guard let place = row.json["seq"] as? Int else { return false }
            let latest = try await server.client.get("/api/v1/audit/checkpoints?latest=true")
            let size = (latest.json["data"] as? [[String: Any]])?.first?["tree_size"] as? Int ?? 0
            return size > place
        }
        #expect(isCovered)
        let verified = try await server.cli(["audit", "verify", "--full"])
        #expect(verified.status == 0 && verified.output.contains("sound: "), "\(verified.output)\(verified.errors)")
    }

    func client() -> ACMETestClient { ACMETestClient(stage: self) }

    func openssl(_ arguments: [String]) async throws -> ProgramOutcome {
        try await runProgram("/usr/bin/openssl", arguments, logs: work.url)
    }
}

/// A client that can also say what no honest client says.
final class ACMETestClient: @unchecked Sendable {
    // Proof: each test drives its client from one task.
    typealias Reply = CurlClient.Reply

    let stage: ACMEStage
    var key = P256.Signing.PrivateKey()
    /// The address of the account, once there is one.
    var kid: String?
    var base: String { "\(origin)/acme" }

    /// What the addresses of requests begin with, and the servers that take the requests, by turns.
    let origin: String
    private let servers: [ControlPlane]
    private var turn = 0

    init(stage: ACMEStage) {
        self.stage = stage
        origin = stage.server.baseURL
        servers = [stage.server]
    }

    /// A client of several servers that have one address for the world.
    init(stage: ACMEStage, origin: String, servers: [ControlPlane]) {
        self.stage = stage
        self.origin = origin
        self.servers = servers
    }

    private func nextServer() -> ControlPlane {
        turn += 1
        return servers[turn % servers.count]
    }

    // MARK: Pieces

    static func base64url(_ data: some DataProtocol) -> String {
        Data(data).base64EncodedString().replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
    }

    static func json(_ object: [String: Any]) throws -> Data {
        try JSONSerialization.data(withJSONObject: object, options: [.sortedKeys, .withoutEscapingSlashes])
    }

    static func jwk(_ key: P256.Signing.PrivateKey) -> [String: Any] {
        let point = key.publicKey.rawRepresentation
        return [
            "crv": "P-256", "kty": "EC", "x": base64url(point.prefix(32)), "y": base64url(point.suffix(32)),
        ]
    }

    /// A flattened JWS.
    static func jws(
        _ header: [String: Any], payload: Data, _ key: P256.Signing.PrivateKey
    ) throws -> [String: Any] {
        let protected = base64url(try json(header))
        let body = base64url(payload)
        let signature = try key.signature(for: Data("\(protected).\(body)".utf8))
        return ["protected": protected, "payload": body, "signature": base64url(signature.rawRepresentation)]
    }

    func nonce() async throws -> String {
        let reply = try await nextServer().anonymous.get("/acme/new-nonce")
        try #require(reply.status == 204)
        return try #require(Self.field("replay-nonce", reply))
    }

    static func field(_ name: String, _ reply: Reply) -> String? {
        reply.headers.split(whereSeparator: \.isNewline).first { $0.lowercased().hasPrefix("\(name): ") }
            .map { String($0.dropFirst(name.count + 2)) }
    }

    func send(_ body: [String: Any], to url: String, type: String = "application/jose+json") async throws -> Reply {
        try await nextServer().anonymous.send(
            "POST", String(url.dropFirst(origin.count)),
            body: String(decoding: try Self.json(body), as: UTF8.self), headers: ["Content-Type: \(type)"])
    }

    /// A signed request. `change` spoils the header before it is signed.
    func post(
        _ url: String, _ payload: [String: Any]?, withKey: Bool = false, signedBy other: P256.Signing.PrivateKey? = nil,
        _ change: (inout [String: Any]) -> Void = { _ in }
    ) async throws -> Reply {
        var header: [String: Any] = ["alg": "ES256", "nonce": try await nonce(), "url": url]
        if withKey { header["jwk"] = Self.jwk(other ?? key) } else { header["kid"] = kid ?? "" }
        change(&header)
        return try await send(
            try Self.jws(header, payload: try payload.map { try Self.json($0) } ?? Data(), other ?? key), to: url)
    }

    // MARK: Steps

    /// An external account binding. `change` spoils its header before the code is made.
    func binding(
        for url: String, keyID: String? = nil, secret: String? = nil, jwk: [String: Any]? = nil,
        _ change: (inout [String: Any]) -> Void = { _ in }
    ) throws -> [String: Any] {
        let text = (secret ?? stage.hmacKey).replacing("-", with: "+").replacing("_", with: "/")
        let octets = try #require(Data(base64Encoded: text + String(repeating: "=", count: (4 - text.count % 4) % 4)))
        var header: [String: Any] = ["alg": "HS256", "kid": keyID ?? stage.keyID, "url": url]
        change(&header)
        let protected = Self.base64url(try Self.json(header))
        let payload = Self.base64url(try Self.json(jwk ?? Self.jwk(key)))
        let code = HMAC<SHA256>.authenticationCode(
            for: Data("\(protected).\(payload)".utf8), using: SymmetricKey(data: octets))
        return ["protected": protected, "payload": payload, "signature": Self.base64url(Data(code))]
    }

    @discardableResult
    func register(bound: Bool = true) async throws -> Reply {
        let url = "\(base)/new-account"
        var payload: [String: Any] = ["contact": ["mailto:ops@certctl.test"], "termsOfServiceAgreed": true]
        if bound { payload["externalAccountBinding"] = try binding(for: url) }
        let reply = try await post(url, payload, withKey: true)
        if reply.status < 300 { kid = Self.field("location", reply) }
        return reply
    }

    func order(_ names: [String], type: String = "dns") async throws -> (url: String, reply: Reply) {
        let reply = try await post(
            "\(base)/new-order", ["identifiers": names.map { ["type": type, "value": $0] }])
        return (Self.field("location", reply) ?? "", reply)
    }

    func csr(_ names: [String]) async throws -> Data {
        let pem = try await makeCSR(names[0], in: stage.work, names: names)
        let body = pem.split(separator: "\n").filter { !$0.hasPrefix("-----") }.joined()
        return try #require(Data(base64Encoded: body))
    }

    func finalize(_ order: String, _ csr: Data) async throws -> Reply {
        try await post("\(order)/finalize", ["csr": Self.base64url(csr)])
    }

    /// Asks for an order until it has ended.
    func settled(_ order: String, within patience: Duration = .seconds(30)) async throws -> Reply {
        var reply = try await post(order, nil)
        let isOver = try await eventually(within: patience) {
            reply = try await post(order, nil)
            return ["valid", "invalid"].contains(reply.text("status") ?? "")
        }
        try #require(isOver, "\(reply.body)")
        return reply
    }

    /// The chain of a certificate that was ordered and issued.
    func obtain(_ names: [String]) async throws -> (order: String, chain: String, url: String) {
        let (order, created) = try await order(names)
        try #require(created.status == 201, "\(created.body)")
        let finalized = try await finalize(order, try await csr(names))
        try #require(finalized.status == 200, "\(finalized.body)")
        let done = try await settled(order)
        try #require(done.text("status") == "valid", "\(done.body)")
        let url = try #require(done.text("certificate"))
        let chain = try await post(url, nil)
        try #require(chain.status == 200, "\(chain.body)")
        return (order, chain.body, url)
    }

    static func problem(_ reply: Reply) -> String {
        (reply.text("type") ?? "").replacing("urn:ietf:params:acme:error:", with: "")
    }

    static func der(_ pem: String) throws -> Data {
        let first = pem.components(separatedBy: "-----END CERTIFICATE-----")[0]
        let body = first.split(separator: "\n").filter { !$0.hasPrefix("-----") }.joined()
        return try #require(Data(base64Encoded: body))
    }
}
