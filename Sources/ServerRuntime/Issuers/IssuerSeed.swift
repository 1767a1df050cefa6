import Domain
import Encoding
import Lifecycle
import PKI
import Query
import Settings
import Store

/// Makes the built-in issuer at the first start, and keeps it at the CA that the settings supply (specification,
/// operations §4.11).
struct IssuerSeed: Sendable {
    static let local = IssuerID(stored: "iss-local")
    /// Replicas that start together change one row; one of them has to look again.
    private static let updateAttempts = 5

    let database: any Database
    let flow: IssuerFlow
    let subordinate: KeyPairPaths?
    /// The first issuer gets a key of a kind that may sign.
    let algorithms: AlgorithmPolicy

    /// Creates `iss-local` when there is no issuer at all, or when a CA is supplied for it. One that exists takes the
    /// supplied CA, unless an operator made it: what the API created, settings never change.
    ///
    /// Settings that no longer name a CA leave it in place: to stop using it is a decision about the issuer.
    ///
    /// - Returns: Whether `iss-local` uses the supplied CA; `false` when none is supplied.
    @discardableResult
    func plant() async throws -> Bool {
        let (stored, isEmpty) = try await database.read { tx in
            (try IssuerStore().find(Self.local, in: tx), try IssuerStore().isEmpty(in: tx))
        }
        if stored == nil, isEmpty || subordinate != nil { try await create() }
        guard let subordinate else { return false }
        for _ in 0..<Self.updateAttempts {
            if let isUsed = try await adopt(subordinate) { return isUsed }
        }
        throw StartUpFailure(.unavailable, "issuer \(Self.local.text) changes all the time; start the server again")
    }

    private func create() async throws {
        do {
            _ = try await flow.create(
                IssuerDraft(
                    id: Self.local.text, name: "Local CA", type: IssuerType.genericCA.rawValue,
                    config: subordinate.map { Self.config([:], with: $0) } ?? generated
                ),
                source: .env, by: .system
            )
        } catch let error as ServiceError where error.code == .alreadyExists {
            return
        }
    }

    private var generated: JSONObject {
        let kinds = algorithms.signingKinds
        guard let first = kinds.first, !kinds.contains(.ecdsaP256) else { return [:] }
        return ["key_algorithm": .string(first.rawValue)]
    }

    /// `nil` when somebody else changed the issuer at the same moment.
    private func adopt(_ paths: KeyPairPaths) async throws -> Bool? {
        let issuer = try await database.read { tx in try IssuerStore().get(Self.local, in: tx) }
        guard issuer.source == .env else { return false }
        let stored = issuer.config.objectValue ?? [:]
        let config = Self.config(stored, with: paths)
        guard config != stored else { return true }
        var change = IssuerChange()
        change.config = .set(config)
        do {
            _ = try await flow.update(Self.local, change, expecting: issuer.rowVersion, by: .system)
            return true
        } catch let error as ServiceError where error.code == .preconditionFailed {
            return nil
        }
    }

    private static func config(_ stored: JSONObject, with paths: KeyPairPaths) -> JSONObject {
        var config = stored
        config["ca_cert_path"] = .string(paths.certificate)
        config["ca_key_path"] = .string(paths.key)
        return config
    }
}
