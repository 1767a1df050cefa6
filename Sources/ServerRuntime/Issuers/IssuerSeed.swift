import Domain
import Encoding
import Lifecycle
import Query
import Settings
import Store

/// Makes the built-in issuer at the first start (specification, issuers §3.5).
struct IssuerSeed: Sendable {
    static let local = "iss-local"

    let database: any Database
    let flow: IssuerFlow
    let subordinate: KeyPairPaths?

    /// Creates `iss-local` when there is no issuer at all. Replicas that start together create one.
    func plant() async throws {
        guard try await database.read({ try IssuerStore().isEmpty(in: $0) }) else { return }
        var config: JSONObject = [:]
        if let subordinate {
            config["ca_cert_path"] = .string(subordinate.certificate)
            config["ca_key_path"] = .string(subordinate.key)
        }
        do {
            _ = try await flow.create(
                IssuerDraft(id: Self.local, name: "Local CA", type: IssuerType.genericCA.rawValue, config: config),
                source: .env, by: .system
            )
        } catch let error as ServiceError where error.code == .alreadyExists {
            return
        }
    }
}
