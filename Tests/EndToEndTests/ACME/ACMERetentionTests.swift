import Crypto
import DatabaseTestSupport
import Foundation
import TestSupport
import Testing

@Suite(
    "Domain §13: how long the ACME server remembers what has ended", .tags(.slow),
    .enabled(if: EngineUnderTest.available.contains(.postgres)))
struct ACMERetentionTests {
    typealias Client = ACMETestClient

    @Test("orders and ended accounts go after the time that is set; certificates stay; the key opens no account again")
    func retention() async throws {
        let stage = try await ACMEStage.make(
            .postgres, ["CERTCTL_RETENTION_ACME": "2h", "CERTCTL_ACME_SERVER_GC_INTERVAL": "1s"])
        let inside = PostgresInspection(
            url: try #require(stage.server.environment["CERTCTL_DATABASE_URL"]), logs: stage.work.url)
        let living = stage.client()
        try await living.register()
        let (kept, _, _) = try await living.obtain(["kept.certctl.test"])
        let leaving = stage.client()
        try await leaving.register()
        let (order, _, _) = try await leaving.obtain(["gone.certctl.test"])
        let keyPath = "/api/v1/admin/acme/eab-keys/\(stage.keyID)"
        let key = try await stage.server.client.get(keyPath)
        let account = try #require(leaving.kid)
        #expect(key.text("bound_account_id") == account.components(separatedBy: "/").last, "\(key.body)")

        #expect(try await leaving.post(account, ["status": "deactivated"]).status == 200)
        // Three hours pass for the account; its certificate is in force, and so it stays.
        try await inside.rows("UPDATE acme_accounts SET updated_at = updated_at - interval '3 hours'")
        try await inside.rows(
            "UPDATE acme_orders SET expires_at = now() - interval '3 hours', updated_at = now() - interval '3 hours'")
        try await Task.sleep(for: .seconds(3))
        #expect(try await total("accounts", stage) == 2)
        #expect(try await total("orders", stage) == 2)
        // The certificate of the one that left ended an hour ago, and then three hours ago.
        let ended = "UPDATE acme_authorizations SET expires_at = now() - interval '3 hours'"
        let gone = "WHERE order_id = '\(order.components(separatedBy: "/").last ?? "")'"
        try await inside.rows(ended)
        try await inside.rows("UPDATE acme_orders SET needed_until = now() - interval '1 hour' \(gone)")
        try await Task.sleep(for: .seconds(3))
        #expect(try await total("orders", stage) == 2)
        try await inside.rows("UPDATE acme_orders SET needed_until = now() - interval '3 hours' \(gone)")
        let isForgotten = try await eventually {
            let accounts = try await total("accounts", stage)
            return accounts == 1
        }
        #expect(isForgotten)
        #expect(try await total("orders", stage) == 1)

        // RFC 8555 §7.3.6: what the key signs is refused, whether it names the account or itself.
        let refused = try await leaving.post(account, nil)
        #expect(refused.status == 401 && Client.problem(refused) == "unauthorized", "\(refused.body)")
        let again = try await leaving.register()
        #expect(again.status == 401 && Client.problem(again) == "unauthorized", "\(again.body)")
        let rolled = try await living.keyChange(to: leaving.key)
        #expect(rolled.status == 409 && Client.field("location", rolled) == account, "\(rolled.body)")
        let after = try await stage.server.client.get(keyPath)
        #expect(after.json["used_count"] as? Int == 2, "\(after.body)")
        #expect(try await total("certificates", stage, path: "/api/v1/certificates?source=ACME") == 2)

        // What the other account holds is downloaded and revoked by it still; what is gone, by the key of the certificate alone.
        let url = try await living.post(kept, nil).text("certificate")
        #expect(try await living.revocation(of: url) == 200)
        let metrics = try await stage.server.client.get("/api/v1/metrics/prometheus").body
        #expect(metrics.contains("certctl_acme_gc_accounts_deleted_total 1"), "\(metrics)")
        #expect(metrics.contains("certctl_acme_gc_forgotten_total 1"))
        await stage.server.stop()
    }

    private func total(_ name: String, _ stage: ACMEStage, path: String? = nil) async throws -> Int? {
        try await stage.server.client.get(path ?? "/api/v1/admin/acme/\(name)").json["total"] as? Int
    }
}

extension ACMETestClient {
    /// Asks for another key for the account (RFC 8555 §7.3.5).
    fileprivate func keyChange(to new: P256.Signing.PrivateKey) async throws -> Reply {
        let url = "\(base)/key-change"
        let inner = try Self.jws(
            ["alg": "ES256", "jwk": Self.jwk(new), "url": url],
            payload: try Self.json(["account": kid ?? "", "oldKey": Self.jwk(key)]), new)
        return try await post(url, inner)
    }

    /// Revokes what is at an address; the status of the answer.
    fileprivate func revocation(of url: String?) async throws -> Int? {
        guard let url else { return nil }
        let chain = try await post(url, nil).body
        let der = Self.base64url(try Self.der(chain))
        return try await post("\(base)/revoke-cert", ["certificate": der]).status
    }
}
