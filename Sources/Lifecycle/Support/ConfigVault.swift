import Domain
import Encoding
import Sealing

/// Seals and opens the configurations of issuers and targets.
struct ConfigVault: Sendable {
    /// Whose configuration it is; a sealed one opens nowhere else.
    enum Owner {
        case issuer(IssuerID)
        case target(TargetID)

        var place: SealedPlace {
            switch self {
            case .issuer(let id): SealedPlace(table: "issuers", column: "encrypted_config", rowID: id.text)
            case .target(let id): SealedPlace(table: "deployment_targets", column: "encrypted_config", rowID: id.text)
            }
        }
    }

    private let sealer: Sealer

    init(_ sealer: Sealer) { self.sealer = sealer }

    func seal(_ config: JSONObject, for owner: Owner) -> [UInt8] {
        sealer.seal(Array(JSONValue.object(config).text.utf8), for: owner.place)
    }

    /// The whole configuration; what is shown is already whole when nothing was sealed.
    func open(_ sealed: [UInt8]?, shown: JSONValue, for owner: Owner) throws -> JSONValue {
        guard let sealed else { return shown }
        do {
            return try sealer.open(sealed, for: owner.place).withBytes { try JSONValue(parsing: $0) }
        } catch {
            throw ServiceError(
                .internalError,
                "a stored configuration cannot be opened: \(error); check the encryption key of the server"
            )
        }
    }

    func openObject(_ sealed: [UInt8]?, shown: JSONValue, for owner: Owner) throws -> JSONObject {
        try open(sealed, shown: shown, for: owner).objectValue ?? JSONObject()
    }
}
