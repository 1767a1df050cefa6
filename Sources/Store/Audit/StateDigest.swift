import AuditProof
import Domain
import Encoding
package import Query

/// The tables whose rows an audit event names before and after a change.
package enum AuditedTable: Sendable {
    case teams, owners, profiles, issuers, targets, renewalPolicies, certificates, intermediateCAs
}

/// The SHA-256 of a whole row: an audit event that holds it proves which state the change began and ended with, without
/// repeating what the row says.
package enum StateDigest {
    /// Lower-case hexadecimal; `nil` when there is no such row. Secrets enter as they are stored, sealed.
    package static func of(_ table: AuditedTable, _ id: String, in tx: any Transaction) throws -> String? {
        try tx.row(select(table, id)).map { row in
            let members = zip(row.columns.names, row.values).map { name, value in
                JSONObject.Member(key: name, value: json(value))
            }
            return LogHash(of: CanonicalJSON.octets(of: .object(JSONObject(distinctMembers: members)))).hex
        }
    }

    private static func select(_ table: AuditedTable, _ id: String) -> SQL {
        switch table {
        case .teams: "SELECT * FROM teams WHERE id = \(id)"
        case .owners: "SELECT * FROM owners WHERE id = \(id)"
        case .profiles: "SELECT * FROM certificate_profiles WHERE id = \(id)"
        case .issuers: "SELECT * FROM issuers WHERE id = \(id)"
        case .targets: "SELECT * FROM deployment_targets WHERE id = \(id)"
        case .renewalPolicies: "SELECT * FROM renewal_policies WHERE id = \(id)"
        case .intermediateCAs: "SELECT * FROM intermediate_cas WHERE id = \(id)"
        case .certificates: "SELECT * FROM managed_certificates WHERE id = \(id)"
        }
    }

    private static func json(_ value: Value) -> JSONValue {
        switch value {
        case .null: .null
        case .text(let text), .json(let text): .string(text)
        case .integer(let number): .integer(number)
        case .real(let number): .number(number)
        case .bytes(let octets): .string(Hex.encode(octets))
        case .bool(let flag): .bool(flag)
        case .time(let time): .integer(time.microsecondsSinceEpoch)
        }
    }
}
