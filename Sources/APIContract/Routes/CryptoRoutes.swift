import Domain

/// Encryption at rest (specification, security §10.3).
package enum CryptoRoutes {
    package static let status = ProtectedRoute(
        "getCryptoStatus", .get, "/api/v1/auth/crypto/status", .permission(.cryptoRekey),
        "What is sealed, with which keys, and how far a rotation is.",
        responses: [.json(200, CryptoStatusBody.self, "The state.")], cli: .verb("admin crypto-status")
    )

    package static let rekey = ProtectedRoute(
        "rekey", .post, "/api/v1/auth/crypto/rekey", .permission(.cryptoRekey), audit: "crypto.rekey_started",
        isLongLived: true, "Rotates the encryption key while everybody works, or seals again what is left over.",
        request: .body(RekeyRequest.self),
        responses: [
            .json(200, CryptoStatusBody.self, "Nothing goes on: a rehearsal, or values were sealed again."),
            .json(202, CryptoStatusBody.self, "The new key seals; the leader seals everything again."),
            .error(.invalidState, "There is no other key, or a running server does not have it yet."),
        ],
        cli: .verb("admin rotate-key")
    )

    package static let inventory = ProtectedRoute(
        "getCryptoInventory", .get, "/api/v1/crypto/inventory", .permission(.auditRead),
        "Every algorithm in use: what the program has, and the keys of certificates and authorities.",
        query: [
            QueryParameter(
                "format", .choice(["json", "cyclonedx"]),
                "cyclonedx: a CycloneDX 1.6 cryptography bill of materials. Without it, that when Accept prefers it.")
        ],
        responses: [
            .json(200, CryptoInventoryBody.self, "The inventory."),
            .text(200, "application/vnd.cyclonedx+json", "{\"bomFormat\":\"CycloneDX\"}", "The same as a CBOM."),
        ],
        cli: .verb("crypto inventory")
    )

    package static let lints = ProtectedRoute(
        "listLints", .get, "/api/v1/crypto/lints", .permission(.profileRead),
        "The rules that certificates are held against, with what a finding leads to.",
        responses: [.json(200, PageEnvelope<LintBody>.self, "The rules, all of them.")], cli: .verb("crypto lints")
    )

    package static let all: [Route] = [status.route, rekey.route, inventory.route, lints.route]
}
