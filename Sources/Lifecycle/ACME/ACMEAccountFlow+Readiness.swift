package import Domain
import Query
import Store

extension ACMEAccountFlow {
    private static let mostProfiles = 200

    /// The profiles that have a directory.
    package func served() async throws -> [ProfileID] {
        try await context.read { tx in try Self.enabledProfiles(in: tx) }
    }

    private static func enabledProfiles(in tx: any Transaction) throws -> [ProfileID] {
        try tx.rows("SELECT id FROM certificate_profiles WHERE enabled ORDER BY id LIMIT \(mostProfiles)")
            .map { row -> ProfileID in try row.id("id") }
    }

    /// What keeps clients of enabled profiles from ordering, and what lets anybody order, by profile; empty when all is well
    /// (protocol-servers §1.5, §2.6).
    package func complaints() async throws -> [ProfileID: String] {
        let plan = plan()
        guard plan.isEnabled else { return [:] }
        return try await context.read { tx in
            var complaints: [ProfileID: String] = [:]
            for id in try Self.enabledProfiles(in: tx) {
                guard let fields = try ProfileStore().find(id, in: tx)?.fields else { continue }
                let profile = ACMEProfile(id: id, fields: fields)
                do {
                    _ = try ACMEIssuerBinding.issuer(for: profile, in: tx)
                    if profile.mode == .trustAuthenticated, !plan.requiresBinding(under: profile) {
                        complaints[id] = "warning: accounts order names without a proof and without a key"
                    }
                } catch let problem as ACMEProblem {
                    complaints[id] = problem.detail
                }
            }
            return complaints
        }
    }
}
