package import Domain
package import Store

/// A stored version as the answer to the request that caused it shows it.
package struct IssuedVersion: Hashable, Sendable {
    package let id: VersionID
    package let certificateID: CertificateID
    package let issuerID: IssuerID
    /// Lower-case hexadecimal without leading zeros.
    package let serialNumber: String
    package let notBefore: Timestamp
    package let notAfter: Timestamp
    package let fingerprintSHA256: String
    package let spkiSHA256: String
    /// Leaf first, then the issuing chain.
    package let pemChain: String
    package let csrPEM: String?
    package let keyAlgorithm: KeyAlgorithm
    package let keySize: Int
    package let keyOrigin: KeyOrigin
    package let agentID: AgentID?
    package let isIssuedElsewhere: Bool
    /// The CA of a tree that signed it; `nil` when the issuer is one authority.
    package let issuingCA: AuthorityID?
    /// What the linter found when it came.
    package let lintFindings: [LintFinding]
    /// What validating its chain came to when it was imported; `nil` for one that was issued.
    package let path: PathVerdict?
    package let createdAt: Timestamp

    package init(_ detail: CertificateVersionDetail) {
        let version = detail.version
        id = version.id
        certificateID = version.certificateID
        issuerID = version.issuerID
        serialNumber = version.serialNumber
        notBefore = version.notBefore
        notAfter = version.notAfter
        fingerprintSHA256 = version.fingerprintSHA256
        spkiSHA256 = version.spkiSHA256
        pemChain = detail.pemChain
        csrPEM = detail.csrPEM
        keyAlgorithm = version.keyAlgorithm
        keySize = version.keySize
        keyOrigin = version.keyOrigin
        agentID = version.agentID
        isIssuedElsewhere = version.isIssuedElsewhere
        issuingCA = version.issuingCA
        lintFindings = version.lintFindings
        path = version.path
        createdAt = version.createdAt
    }

    init(_ new: NewVersion, createdAt: Timestamp) {
        id = new.id
        certificateID = new.certificateID
        issuerID = new.issuerID
        serialNumber = new.serialNumber
        notBefore = new.notBefore
        notAfter = new.notAfter
        fingerprintSHA256 = new.fingerprintSHA256
        spkiSHA256 = new.spkiSHA256
        pemChain = new.pemChain
        csrPEM = new.csrPEM
        keyAlgorithm = new.keyAlgorithm
        keySize = new.keySize
        keyOrigin = new.keyOrigin
        agentID = new.agentID
        issuingCA = new.issuingCA
        lintFindings = new.lintFindings
        path = new.importation?.path
        isIssuedElsewhere = new.importation?.isIssuedElsewhere ?? false
        self.createdAt = createdAt
    }
}
