package import Domain
import Query

/// Which certificates a list shows; empty members filter nothing, several values of one mean any of them.
package struct CertificateFilter: Hashable, Sendable {
    /// One tag that a certificate must carry.
    package struct Tag: Hashable, Sendable {
        package let key: String
        package let value: String

        package init(key: String, value: String) {
            self.key = key
            self.value = value
        }
    }

    package var statuses: [CertificateStatus] = []
    package var environments: [String] = []
    package var ownerIDs: [OwnerID] = []
    package var teamIDs: [TeamID] = []
    package var issuerIDs: [IssuerID] = []
    package var profileIDs: [ProfileID] = []
    package var policyIDs: [RenewalPolicyID] = []
    package var certificateIDs: [CertificateID] = []
    package var targetIDs: [TargetID] = []
    /// Deployed through a target of one of these agents.
    package var agentIDs: [AgentID] = []
    package var expiresBefore: Timestamp?
    package var expiresAfter: Timestamp?
    package var createdBefore: Timestamp?
    package var createdAfter: Timestamp?
    package var updatedBefore: Timestamp?
    package var updatedAfter: Timestamp?
    package var tags: [Tag] = []
    /// Text within name, common name or subject alternative names.
    package var search: String?
    /// One subject alternative name, whole and normalised.
    package var subjectAltName: String?
    /// A serial number of any version: lower-case hexadecimal without leading zeros.
    package var serialNumber: String?
    /// The fingerprint of any version.
    package var fingerprint: String?
    package var sources: [CertificateSource] = []
    /// The key of any version: SHA-256 of its SubjectPublicKeyInfo in lower-case hexadecimal.
    package var spkiSHA256: String?
    package var includesArchived = true

    package init() {}

    /// - `hasNames`: Whether `certificate_names` holds the names of every certificate.
    func conditions(hasNames: Bool) -> [SQL] {
        references + times + content + name(hasNames: hasNames)
    }

    private var references: [SQL] {
        var all: [SQL] = []
        if !statuses.isEmpty { all.append("c.status IN \(list: statuses)") }
        if !includesArchived { all.append("c.status <> \(CertificateStatus.archived)") }
        if !sources.isEmpty { all.append("c.source IN \(list: sources)") }
        if !environments.isEmpty { all.append("c.environment IN \(list: environments)") }
        if !ownerIDs.isEmpty { all.append("c.owner_id IN \(list: ownerIDs)") }
        if !teamIDs.isEmpty { all.append("c.team_id IN \(list: teamIDs)") }
        if !issuerIDs.isEmpty { all.append("c.issuer_id IN \(list: issuerIDs)") }
        if !profileIDs.isEmpty { all.append("c.certificate_profile_id IN \(list: profileIDs)") }
        if !policyIDs.isEmpty { all.append("c.renewal_policy_id IN \(list: policyIDs)") }
        if !certificateIDs.isEmpty { all.append("c.id IN \(list: certificateIDs)") }
        if !targetIDs.isEmpty {
            all.append(
                """
                EXISTS (SELECT 1 FROM certificate_target_mappings m
                    WHERE m.certificate_id = c.id AND m.target_id IN \(list: targetIDs))
                """
            )
        }
        if !agentIDs.isEmpty {
            all.append(
                """
                EXISTS (SELECT 1 FROM certificate_target_mappings m
                    JOIN deployment_targets d ON d.id = m.target_id
                    WHERE m.certificate_id = c.id AND d.agent_id IN \(list: agentIDs))
                """
            )
        }
        return all
    }

    private var times: [SQL] {
        var all: [SQL] = []
        if let expiresBefore { all.append("c.expires_at < \(expiresBefore)") }
        if let expiresAfter { all.append("c.expires_at > \(expiresAfter)") }
        if let createdBefore { all.append("c.created_at < \(createdBefore)") }
        if let createdAfter { all.append("c.created_at > \(createdAfter)") }
        if let updatedBefore { all.append("c.updated_at < \(updatedBefore)") }
        if let updatedAfter { all.append("c.updated_at > \(updatedAfter)") }
        return all
    }

    /// Until every certificate has its names in the table, they are sought where they come from, which reads all of
    /// them.
    private func name(hasNames: Bool) -> [SQL] {
        guard let subjectAltName else { return [] }
        guard hasNames else {
            // Names hold no character that JSON escapes, so that a whole name is its text between quotation marks.
            return ["\("CAST(c.sans AS TEXT)", contains: "\"\(subjectAltName)\"")"]
        }
        return [
            """
            c.id IN (SELECT n.certificate_id FROM certificate_names n WHERE n.name = \(subjectAltName.lowercased()))
            """
        ]
    }

    private var content: [SQL] {
        var all: [SQL] = tags.map { "\(json: "c.tags", member: $0.key) = \($0.value)" }
        if let search {
            all.append(
                """
                (\("c.name", contains: search) OR \("c.common_name", contains: search)
                    OR \("CAST(c.sans AS TEXT)", contains: search))
                """
            )
        }
        if let serialNumber {
            all.append(
                """
                EXISTS (SELECT 1 FROM certificate_versions s
                    WHERE s.certificate_id = c.id AND s.serial_number = \(serialNumber))
                """
            )
        }
        if let spkiSHA256 {
            all.append(
                """
                EXISTS (SELECT 1 FROM certificate_versions s
                    WHERE s.certificate_id = c.id AND s.spki_sha256 = \(spkiSHA256))
                """
            )
        }
        if let fingerprint {
            all.append(
                """
                EXISTS (SELECT 1 FROM certificate_versions s
                    WHERE s.certificate_id = c.id AND s.fingerprint_sha256 = \(fingerprint))
                """
            )
        }
        return all
    }
}

package enum CertificateSort: String, ListSort {
    case createdAt = "created_at"
    case updatedAt = "updated_at"
    case expiresAt = "expires_at"
    case commonName = "common_name"
    case name
    case status
    case environment

    /// What a certificate without expiry sorts as: the time that the API shows for it.
    private static let neverIssued = Timestamp(secondsSinceEpoch: -62_135_596_800)

    var key: SQL {
        switch self {
        case .createdAt: "c.created_at"
        case .updatedAt: "c.updated_at"
        case .expiresAt: "COALESCE(c.expires_at, \(Self.neverIssued))"
        case .commonName: "c.common_name"
        case .name: "c.name"
        case .status: "c.status"
        case .environment: "c.environment"
        }
    }
}
