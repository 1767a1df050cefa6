/// A kind of entity that has identifiers of its own (specification, domain §1.1).
package protocol EntityKind: Sendable {
    /// The prefix of generated identifiers, without the hyphen. A label for people, never parsed.
    static var prefix: String { get }
}

/// The identifier of one entity: `<prefix>-<suffix>`, or any client-chosen name of the safe form.
///
/// The form is a security boundary: agents build key-file names and clients build URL paths from
/// identifiers, so neither `/` nor a leading dot can occur in one.
package struct EntityID<Kind: EntityKind>: Hashable, Sendable, Comparable, CustomStringConvertible {
    package let text: String

    /// Accepts `^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$`.
    package init(_ text: String) throws(InvalidIdentifier) {
        guard IdentifierForm.accepts(text) else { throw InvalidIdentifier(text: text) }
        self.text = text
    }

    /// A fresh identifier with a UUIDv7 suffix (RFC 9562 §5.7): sorts by creation time.
    package init(generatedAt now: Timestamp, random: RandomSource) {
        text = "\(Kind.prefix)-\(UUIDv7.text(at: now, random: random))"
    }

    /// Trusts text that was checked when it was stored.
    package init(stored text: String) { self.text = text }

    package var description: String { text }

    package static func < (left: Self, right: Self) -> Bool { left.text < right.text }
}

/// An identifier that does not have the safe form of ``EntityID``.
package struct InvalidIdentifier: Error, Hashable, Sendable, CustomStringConvertible {
    package let text: String

    package init(text: String) { self.text = text }

    package var description: String {
        "identifier must start with a letter or digit and hold at most 128 of A-Z a-z 0-9 . _ -"
    }
}

/// The one definition of the safe form of identifiers.
package enum IdentifierForm {
    package static func accepts(_ text: String) -> Bool {
        let octets = text.utf8
        guard (1...128).contains(octets.count), let first = octets.first, isAlphanumeric(first) else { return false }
        return octets.dropFirst().allSatisfy { isAlphanumeric($0) || $0 == 0x2E || $0 == 0x5F || $0 == 0x2D }
    }

    private static func isAlphanumeric(_ octet: UInt8) -> Bool {
        (0x30...0x39).contains(octet) || (0x41...0x5A).contains(octet) || (0x61...0x7A).contains(octet)
    }
}

package enum CertificateKind: EntityKind { package static let prefix = "cert" }
package enum VersionKind: EntityKind { package static let prefix = "certver" }
package enum IssuerKind: EntityKind { package static let prefix = "issuer" }
package enum TargetKind: EntityKind { package static let prefix = "target" }
package enum AgentKind: EntityKind { package static let prefix = "agent" }
package enum JobKind: EntityKind { package static let prefix = "job" }
package enum OrderKind: EntityKind { package static let prefix = "order" }
package enum RenewalPolicyKind: EntityKind { package static let prefix = "rp" }
package enum ProfileKind: EntityKind { package static let prefix = "prof" }
package enum OwnerKind: EntityKind { package static let prefix = "owner" }
package enum TeamKind: EntityKind { package static let prefix = "team" }
package enum AuditKind: EntityKind { package static let prefix = "audit" }
package enum APIKeyKind: EntityKind { package static let prefix = "ak" }
package enum EnrollmentTokenKind: EntityKind { package static let prefix = "aet" }
package enum CAKeyKind: EntityKind { package static let prefix = "dbkey" }
package enum OCSPResponderKind: EntityKind { package static let prefix = "ocspr" }
package enum GrantKind: EntityKind { package static let prefix = "ar" }
package enum RoleKind: EntityKind { package static let prefix = "r" }
package enum BatchKind: EntityKind { package static let prefix = "batch" }
package enum SessionKind: EntityKind { package static let prefix = "ses" }
package enum UserKind: EntityKind { package static let prefix = "u" }
package enum AuditHoldKind: EntityKind { package static let prefix = "hold" }
package enum RevocationKind: EntityKind { package static let prefix = "rev" }
package enum OperationKindID: EntityKind { package static let prefix = "op" }
package enum AuthorityKind: EntityKind { package static let prefix = "ica" }
package enum CACertificateKind: EntityKind { package static let prefix = "icc" }
package enum ACMEAccountKind: EntityKind { package static let prefix = "acme-acc" }
package enum ACMEOrderKind: EntityKind { package static let prefix = "acme-ord" }
package enum ACMEAuthorizationKind: EntityKind { package static let prefix = "acme-authz" }
package enum ACMEChallengeKind: EntityKind { package static let prefix = "acme-chall" }
package enum ACMECheckKind: EntityKind { package static let prefix = "acme-chk" }
package enum EABKeyKind: EntityKind { package static let prefix = "eab" }
package enum ApprovalIDKind: EntityKind { package static let prefix = "apr" }
package enum CeremonyKind: EntityKind { package static let prefix = "cer" }

package typealias CertificateID = EntityID<CertificateKind>
package typealias VersionID = EntityID<VersionKind>
package typealias IssuerID = EntityID<IssuerKind>
package typealias TargetID = EntityID<TargetKind>
package typealias AgentID = EntityID<AgentKind>
package typealias JobID = EntityID<JobKind>
package typealias OrderID = EntityID<OrderKind>
package typealias RenewalPolicyID = EntityID<RenewalPolicyKind>
package typealias ProfileID = EntityID<ProfileKind>
package typealias OwnerID = EntityID<OwnerKind>
package typealias TeamID = EntityID<TeamKind>
package typealias AuditEventID = EntityID<AuditKind>
package typealias AuditHoldID = EntityID<AuditHoldKind>
package typealias APIKeyID = EntityID<APIKeyKind>
package typealias EnrollmentTokenID = EntityID<EnrollmentTokenKind>
package typealias CAKeyID = EntityID<CAKeyKind>
package typealias OCSPResponderID = EntityID<OCSPResponderKind>
package typealias GrantID = EntityID<GrantKind>
package typealias RoleID = EntityID<RoleKind>
package typealias BatchID = EntityID<BatchKind>
package typealias SessionID = EntityID<SessionKind>
package typealias UserID = EntityID<UserKind>
package typealias ACMEAccountID = EntityID<ACMEAccountKind>
package typealias ACMEOrderID = EntityID<ACMEOrderKind>
package typealias ACMEAuthorizationID = EntityID<ACMEAuthorizationKind>
package typealias ACMEChallengeID = EntityID<ACMEChallengeKind>
/// One question to the agents of a perspective.
package typealias ACMECheckID = EntityID<ACMECheckKind>
package typealias EABKeyID = EntityID<EABKeyKind>
package typealias ApprovalID = EntityID<ApprovalIDKind>
package typealias CeremonyID = EntityID<CeremonyKind>
package typealias RevocationID = EntityID<RevocationKind>
package typealias OperationID = EntityID<OperationKindID>
/// A further certificate of a CA of a hierarchy.
package typealias CACertificateID = EntityID<CACertificateKind>
/// One signing certificate of ours: a CA of a hierarchy, or the only one of an issuer, which lends its identifier.
package typealias AuthorityID = EntityID<AuthorityKind>

extension AuthorityID {
    /// The authority of an issuer that has just one.
    package init(soleOf issuer: IssuerID) { self.init(stored: issuer.text) }
}
