package import Domain
package import Encoding

/// A CA of a tree that is to be made, taken in or ended, with everything that decides what becomes of it.
package struct CeremonyTerms: Hashable, Sendable {
    package let operation: CeremonyOperation
    package let issuerID: IssuerID
    /// The CA that is there already.
    package let authorityID: AuthorityID?
    /// Names, key, life, limits and certificates, by the names of the API. Never a private key.
    package let parameters: JSONObject

    package init(
        _ operation: CeremonyOperation, of issuer: IssuerID, authority: AuthorityID? = nil, _ parameters: JSONObject
    ) {
        self.operation = operation
        issuerID = issuer
        authorityID = authority
        self.parameters = parameters
    }

    package var payload: JSONObject {
        var payload: JSONObject = [
            "operation": .string(operation.rawValue), "issuer_id": .string(issuerID.text),
            "parameters": .object(parameters),
        ]
        payload["ca_id"] = authorityID.map { .string($0.text) }
        return payload
    }

    init?(_ payload: JSONObject) {
        guard let operation = payload["operation"]?.stringValue.flatMap({ CeremonyOperation(rawValue: $0) }),
            let issuer = payload["issuer_id"]?.stringValue, let parameters = payload["parameters"]?.objectValue
        else { return nil }
        self.operation = operation
        issuerID = IssuerID(stored: issuer)
        authorityID = payload["ca_id"]?.stringValue.map { AuthorityID(stored: $0) }
        self.parameters = parameters
    }
}
