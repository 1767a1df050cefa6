import Foundation
import TestSupport
import Testing

/// What a newcomer creates first: a team, an owner, a profile.
struct Inventory {
    static let team = "t-web"
    static let owner = "o-web"
    static let profile = "prof-web"
    static let policy = "rp-default"
    static let issuer = "iss-local"

    static func create(on server: ControlPlane, maximumLifetime seconds: Int = 0) async throws {
        let client = server.client
        try await expect(201, client.post("/api/v1/teams", ["id": team, "name": "web"]))
        try await expect(
            201,
            client.post(
                "/api/v1/owners", ["id": owner, "name": "Web", "email": "web@certctl.test", "team_id": team]
            )
        )
        try await expect(
            201,
            client.post(
                "/api/v1/profiles",
                [
                    "id": profile, "name": "web", "allowed_ekus": ["serverAuth"], "max_ttl_seconds": seconds,
                    "allow_short_lived": seconds > 0 && seconds < 3600,
                    "allowed_key_algorithms": [
                        ["algorithm": "ECDSA", "min_size": 256], ["algorithm": "RSA", "min_size": 2048],
                        ["algorithm": "Ed25519", "min_size": 256],
                    ],
                ]
            )
        )
    }

    /// The body that creates a certificate record in this inventory.
    static func certificate(_ id: String, name: String, targets: [String] = [], issue: Bool = false) -> [String: Any] {
        [
            "id": id, "name": id, "common_name": name, "sans": [name], "environment": "staging", "owner_id": owner,
            "team_id": team, "issuer_id": issuer, "renewal_policy_id": policy, "certificate_profile_id": profile,
            "target_ids": targets, "issue": issue,
        ]
    }

    @discardableResult
    static func expect(_ status: Int, _ reply: CurlClient.Reply) throws -> CurlClient.Reply {
        try #require(reply.status == status, "\(reply.status): \(reply.body)")
        return reply
    }
}

/// A CSR made by OpenSSL, with the key left in `directory`.
func makeCSR(
    _ name: String,
    in directory: TemporaryDirectory,
    keyType: [String] = ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
    names: [String]? = nil
) async throws -> String {
    let stem = UUID().uuidString
    let sans = (names ?? [name]).map { "DNS:\($0)" }.joined(separator: ",")
    let outcome = try await runProgram(
        "/usr/bin/openssl",
        ["req", "-new", "-newkey"] + keyType + [
            "-nodes", "-subj", "/CN=\(name)", "-addext", "subjectAltName=\(sans)", "-keyout",
            directory.path("\(stem).key"), "-out", directory.path("\(stem).csr"),
        ],
        logs: directory.url
    )
    try #require(outcome.status == 0, "\(outcome.errors)")
    return try String(contentsOfFile: directory.path("\(stem).csr"), encoding: .utf8)
}
