import Domain
import Query
import Store

/// Which issuer stands behind a profile (protocol-servers §1.5).
enum ACMEIssuerBinding {
    /// That of the profile, else the only enabled one; throws when there is none, or when nobody said which.
    static func issuer(for profile: ACMEProfile, in tx: any Transaction) throws -> IssuerID {
        if let chosen = profile.fields.issuerID {
            guard try IssuerStore().find(chosen, in: tx)?.enabled ?? false else {
                throw ACMEProblem(
                    .serverInternal, "the issuer of this profile is disabled; tell the operator of this server")
            }
            return chosen
        }
        let enabled = try tx.rows("SELECT id FROM issuers WHERE enabled ORDER BY id LIMIT 2")
        guard enabled.count == 1, let only = enabled.first else {
            throw ACMEProblem(
                .serverInternal,
                enabled.isEmpty
                    ? "no issuer is enabled behind this profile; tell the operator of this server"
                    : "the profile names no issuer and several are enabled; tell the operator of this server")
        }
        return try only.id("id")
    }
}
