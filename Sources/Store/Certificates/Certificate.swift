package import Domain
import Query

/// What a client decides about a managed certificate.
package struct CertificateFields: Hashable, Sendable {
    package var name: String
    package var commonName: String
    package var subjectAltNames: [String]
    package var environment: String
    package var ownerID: OwnerID
    package var teamID: TeamID
    package var issuerID: IssuerID
    package var renewalPolicyID: RenewalPolicyID
    package var profileID: ProfileID?
    package var tags: [String: String]

    package init(
        name: String,
        commonName: String,
        subjectAltNames: [String] = [],
        environment: String = "",
        ownerID: OwnerID,
        teamID: TeamID,
        issuerID: IssuerID,
        renewalPolicyID: RenewalPolicyID,
        profileID: ProfileID? = nil,
        tags: [String: String] = [:]
    ) {
        self.name = name
        self.commonName = commonName
        self.subjectAltNames = subjectAltNames
        self.environment = environment
        self.ownerID = ownerID
        self.teamID = teamID
        self.issuerID = issuerID
        self.renewalPolicyID = renewalPolicyID
        self.profileID = profileID
        self.tags = tags
    }

    init(_ row: Row) throws(DatabaseError) {
        name = try row.text("name")
        commonName = try row.text("common_name")
        subjectAltNames = try row.texts("sans")
        environment = try row.text("environment")
        ownerID = try row.id("owner_id")
        teamID = try row.id("team_id")
        issuerID = try row.id("issuer_id")
        renewalPolicyID = try row.id("renewal_policy_id")
        profileID = try row.optionalID("certificate_profile_id")
        tags = try row.textMap("tags")
    }
}

/// A managed certificate, as stored: what is wanted, and where it stands. Its content is in its versions.
package struct Certificate: Hashable, Sendable {
    package let id: CertificateID
    package let fields: CertificateFields
    package let status: CertificateStatus
    /// Created as `Active` without a version: somebody else's certificate that certctl was told of.
    package let isDeclaredActive: Bool
    /// The earliest `notAfter` among the current versions.
    package let expiresAt: Timestamp?
    package let lastRenewalAt: Timestamp?
    package let lastDeploymentAt: Timestamp?
    package let revokedAt: Timestamp?
    package let revocationReason: RevocationReason?
    package let source: CertificateSource
    package let currentVersionID: VersionID?
    /// When the renewal loop takes it up; `nil` when it never does by itself.
    package let nextRenewalAt: Timestamp?
    /// Failed renewals in a row.
    package let renewalFailures: Int
    package let lastError: String?
    package let statusChangedAt: Timestamp
    package let rowVersion: Int
    package let createdAt: Timestamp
    package let updatedAt: Timestamp

    init(_ row: Row) throws(DatabaseError) {
        id = try row.id("id")
        fields = try CertificateFields(row)
        status = try row.value("status")
        isDeclaredActive = try row.bool("declared_active")
        expiresAt = try row.optionalTime("expires_at")
        lastRenewalAt = try row.optionalTime("last_renewal_at")
        lastDeploymentAt = try row.optionalTime("last_deployment_at")
        revokedAt = try row.optionalTime("revoked_at")
        revocationReason = try row.optionalValue("revocation_reason")
        source = try row.value("source")
        currentVersionID = try row.optionalID("current_version_id")
        nextRenewalAt = try row.optionalTime("next_renewal_at")
        renewalFailures = try row.int("renewal_failures")
        lastError = try row.optionalText("last_error")
        statusChangedAt = try row.time("status_changed_at")
        rowVersion = try row.int("row_version")
        createdAt = try row.time("created_at")
        updatedAt = try row.time("updated_at")
    }
}

/// A managed certificate about to be stored.
package struct NewCertificate: Sendable {
    package let id: CertificateID
    package let fields: CertificateFields
    package let source: CertificateSource
    /// `Active` without a version.
    package let isDeclaredActive: Bool
    package let nextRenewalAt: Timestamp?

    package init(
        id: CertificateID,
        fields: CertificateFields,
        source: CertificateSource,
        isDeclaredActive: Bool = false,
        nextRenewalAt: Timestamp?
    ) {
        self.id = id
        self.fields = fields
        self.source = source
        self.isDeclaredActive = isDeclaredActive
        self.nextRenewalAt = nextRenewalAt
    }
}

/// A certificate in a list or as one item: the row, its current version in short, its targets and how far its
/// deployment has come.
package struct CertificateListing: Hashable, Sendable {
    /// The current version without its PEM.
    package struct Current: Hashable, Sendable {
        package let versionID: VersionID
        package let serialNumber: String
        package let fingerprintSHA256: String
        package let notBefore: Timestamp
        package let keyAlgorithm: KeyAlgorithm
        package let keySize: Int
        package let issuedAt: Timestamp
    }

    /// Over the targets that receive deployments.
    package struct Deployments: Hashable, Sendable {
        package var targets: Int
        /// Targets whose newest deployment completed with the version that is current for their agent.
        package var deployed: Int
        /// Targets whose newest deployment failed for good.
        package var failed: Int

        package init(targets: Int = 0, deployed: Int = 0, failed: Int = 0) {
            self.targets = targets
            self.deployed = deployed
            self.failed = failed
        }
    }

    package let certificate: Certificate
    package let current: Current?
    package let targetIDs: [TargetID]
    package let deployments: Deployments
}
