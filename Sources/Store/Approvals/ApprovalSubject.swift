import AuditProof
package import Domain
package import Encoding
import Query

/// The exact request that an approval is about. Each kind carries what it needs and nothing else, so that a request of
/// one kind can't be stored as another; ``digest`` is what the decision is bound to.
package enum ApprovalSubject: Hashable, Sendable {
    case issuance(IssuanceTerms)
    case profileEdit(ProfileEditTerms)
    case roleGrant(RoleGrantTerms)
    case bulkRevocation(BulkRevocationTerms)
    case ceremony(CeremonyTerms)

    package var kind: ApprovalKind {
        switch self {
        case .issuance: .issuance
        case .profileEdit: .profileEdit
        case .roleGrant: .roleGrant
        case .bulkRevocation: .bulkRevocation
        case .ceremony: .ceremony
        }
    }

    package var payload: JSONObject {
        switch self {
        case .issuance(let terms): terms.payload
        case .profileEdit(let terms): terms.payload
        case .roleGrant(let terms): terms.payload
        case .bulkRevocation(let terms): terms.payload
        case .ceremony(let terms): terms.payload
        }
    }

    /// SHA-256 of the canonical payload (RFC 8785), in lower-case hexadecimal.
    package var digest: String { Self.digest(of: payload) }

    static func digest(of payload: JSONObject) -> String {
        LogHash(of: CanonicalJSON.octets(of: .object(payload))).hex
    }

    /// Reads a stored payload back; `nil` for one that is not of its kind, or that says more than was understood.
    init?(_ kind: ApprovalKind, payload: JSONObject) {
        let read: ApprovalSubject? =
            switch kind {
            case .issuance: IssuanceTerms(payload).map { .issuance($0) }
            case .profileEdit: ProfileEditTerms(payload).map { .profileEdit($0) }
            case .roleGrant: RoleGrantTerms(payload).map { .roleGrant($0) }
            case .bulkRevocation: BulkRevocationTerms(payload).map { .bulkRevocation($0) }
            case .ceremony: CeremonyTerms(payload).map { .ceremony($0) }
            }
        guard let read, read.digest == Self.digest(of: payload) else { return nil }
        self = read
    }
}

/// What a certificate will say, who signs it, and whose key it is for.
package struct IssuanceTerms: Hashable, Sendable {
    /// The keys that may be certified.
    package enum Keys: Hashable, Sendable {
        /// Those that these agents make, one each.
        case agents([AgentID])
        /// The one of a request that a client sent.
        case request(spkiSHA256: String, csrPEM: String)

        package func cover(_ slot: IssuanceSlot) -> Bool {
            switch (self, slot) {
            case (.agents(let agents), .agent(let agent)): agents.contains(agent)
            case (.request(let approved, _), .key(let spkiSHA256)): approved == spkiSHA256
            case (.agents, .key), (.request, .agent): false
            }
        }
    }

    package let certificateID: CertificateID
    package let commonName: String
    /// Sorted.
    package let subjectAltNames: [String]
    package let issuerID: IssuerID
    package let profileID: ProfileID
    /// The row version of the profile: another one has other rules.
    package let profileVersion: Int
    package var keys: Keys

    package init(_ fields: CertificateFields, of id: CertificateID, under profile: ProfileID, version: Int, keys: Keys)
    {
        certificateID = id
        commonName = fields.commonName
        subjectAltNames = fields.subjectAltNames.sorted()
        issuerID = fields.issuerID
        profileID = profile
        profileVersion = version
        self.keys = keys
    }

    var payload: JSONObject {
        var payload: JSONObject = [
            "certificate_id": .string(certificateID.text), "common_name": .string(commonName),
            "sans": JSONValue(subjectAltNames), "issuer_id": .string(issuerID.text),
            "profile_id": .string(profileID.text), "profile_version": JSONValue(profileVersion),
        ]
        switch keys {
        case .agents(let agents): payload["agent_ids"] = JSONValue(agents.map(\.text).sorted())
        case .request(let spkiSHA256, let csrPEM):
            payload["spki_sha256"] = .string(spkiSHA256)
            payload["csr_pem"] = .string(csrPEM)
        }
        return payload
    }

    init?(_ payload: JSONObject) {
        guard let certificate = payload["certificate_id"]?.stringValue,
            let name = payload["common_name"]?.stringValue, let issuer = payload["issuer_id"]?.stringValue,
            let profile = payload["profile_id"]?.stringValue,
            let version = payload["profile_version"]?.integerValue
        else { return nil }
        certificateID = CertificateID(stored: certificate)
        commonName = name
        subjectAltNames = payload["sans"]?.texts ?? []
        issuerID = IssuerID(stored: issuer)
        profileID = ProfileID(stored: profile)
        profileVersion = Int(version)
        if let spki = payload["spki_sha256"]?.stringValue, let csr = payload["csr_pem"]?.stringValue {
            keys = .request(spkiSHA256: spki, csrPEM: csr)
        } else {
            keys = .agents((payload["agent_ids"]?.texts ?? []).map { AgentID(stored: $0) })
        }
    }
}

/// The key that is about to be certified: an agent's own, or a client's.
package enum IssuanceSlot: Hashable, Sendable {
    case agent(AgentID)
    case key(spkiSHA256: String)
}

/// A profile that is to be made, changed or deleted.
package struct ProfileEditTerms: Hashable, Sendable {
    package enum Change: Hashable, Sendable {
        case create(ProfileFields)
        /// From the row version that the edit was made against.
        case update(ProfileFields, base: Int)
        case delete(base: Int)
    }

    package let profileID: ProfileID
    package let change: Change

    package init(_ change: Change, of id: ProfileID) {
        profileID = id
        self.change = change
    }

    package var operation: String {
        switch change {
        case .create: "create"
        case .update: "update"
        case .delete: "delete"
        }
    }

    var payload: JSONObject {
        var payload: JSONObject = ["op": .string(operation), "profile_id": .string(profileID.text)]
        switch change {
        case .create(let fields): payload["profile"] = .object(fields.json)
        case .update(let fields, let base):
            payload["profile"] = .object(fields.json)
            payload["base_version"] = JSONValue(base)
        case .delete(let base): payload["base_version"] = JSONValue(base)
        }
        return payload
    }

    init?(_ payload: JSONObject) {
        guard let id = payload["profile_id"]?.stringValue else { return nil }
        profileID = ProfileID(stored: id)
        let fields = payload["profile"]?.objectValue.flatMap { ProfileFields(json: $0) }
        let base = payload["base_version"]?.integerValue.map { Int($0) }
        switch (payload["op"]?.stringValue, fields, base) {
        case ("create", let fields?, nil): change = .create(fields)
        case ("update", let fields?, let base?): change = .update(fields, base: base)
        case ("delete", nil, let base?): change = .delete(base: base)
        default: return nil
        }
    }
}

/// A role that an actor is to hold, with all that the role opens.
package struct RoleGrantTerms: Hashable, Sendable {
    package let actor: Actor
    package let roleID: String
    package let scope: GrantScope
    package let expiresAt: Timestamp?
    /// `permission @ scope`, sorted: a role that gains a permission meanwhile is another request.
    package let entitlements: [String]

    package init(
        actor: Actor, roleID: String, scope: GrantScope, expiresAt: Timestamp?, entitlements: [Entitlement]
    ) {
        self.actor = actor
        self.roleID = roleID
        self.scope = scope
        self.expiresAt = expiresAt
        self.entitlements = entitlements.map { "\($0.permission.rawValue) @ \($0.scope.label)" }.sorted()
    }

    var payload: JSONObject {
        var payload: JSONObject = [
            "actor_id": .string(actor.id), "actor_type": .string(actor.type.rawValue), "role_id": .string(roleID),
            "scope_type": .string(scope.type), "permissions": JSONValue(entitlements),
        ]
        if let id = scope.id { payload["scope_id"] = .string(id) }
        if let expiresAt { payload["expires_at"] = .integer(expiresAt.microsecondsSinceEpoch) }
        return payload
    }

    init?(_ payload: JSONObject) {
        guard let id = payload["actor_id"]?.stringValue,
            let type = payload["actor_type"]?.stringValue.flatMap({ ActorType(rawValue: $0) }),
            let role = payload["role_id"]?.stringValue, let scopeType = payload["scope_type"]?.stringValue,
            let scope = GrantScope(type: scopeType, id: payload["scope_id"]?.stringValue)
        else { return nil }
        actor = Actor(id: id, type: type)
        roleID = role
        self.scope = scope
        expiresAt = payload["expires_at"]?.integerValue.map { Timestamp(microsecondsSinceEpoch: $0) }
        entitlements = payload["permissions"]?.texts ?? []
    }
}

/// Certificates that are to be revoked together: those of one operation, exactly.
package struct BulkRevocationTerms: Hashable, Sendable {
    package let operationID: OperationID
    package let reason: String
    package let invalidityDate: Timestamp?
    /// How many certificates.
    package let count: Int
    /// Which: ``OperationStore/digest(of:)``.
    package let certificatesSHA256: String
    /// What they were chosen by.
    package let criteria: JSONObject

    package init(_ operation: Operation) {
        operationID = operation.id
        reason = operation.reason.rawValue
        invalidityDate = operation.invalidityDate
        count = operation.progress.total - operation.progress.done
        certificatesSHA256 = operation.itemsSHA256
        criteria = operation.criteria
    }

    var payload: JSONObject {
        var payload: JSONObject = [
            "operation_id": .string(operationID.text), "reason": .string(reason),
            "certificates": .integer(Int64(count)),
            "certificates_sha256": .string(certificatesSHA256), "criteria": .object(criteria),
        ]
        if let invalidityDate { payload["invalidity_date"] = .integer(invalidityDate.microsecondsSinceEpoch) }
        return payload
    }

    init?(_ payload: JSONObject) {
        guard let operation = payload["operation_id"]?.stringValue, let reason = payload["reason"]?.stringValue,
            let count = payload["certificates"]?.integerValue,
            let digest = payload["certificates_sha256"]?.stringValue,
            let criteria = payload["criteria"]?.objectValue
        else { return nil }
        operationID = OperationID(stored: operation)
        self.reason = reason
        invalidityDate = payload["invalidity_date"]?.integerValue.map { Timestamp(microsecondsSinceEpoch: $0) }
        self.count = Int(count)
        certificatesSHA256 = digest
        self.criteria = criteria
    }
}

extension JSONValue {
    /// The strings of an array; `nil` when anything in it is something else.
    fileprivate var texts: [String]? {
        guard let elements = arrayValue else { return nil }
        let texts = elements.compactMap(\.stringValue)
        return texts.count == elements.count ? texts : nil
    }
}
