package import Domain
package import Encoding
import Query

/// Where the private key of a version was made.
package enum KeyOrigin: String, Sendable, CaseIterable, Bindable {
    case agent, server, external
}

/// One issued certificate, as stored. Immutable, except that a newer one may take its place.
package struct CertificateVersion: Hashable, Sendable {
    package let id: VersionID
    package let certificateID: CertificateID
    /// The issuer at the time of issuance.
    package let issuerID: IssuerID
    /// Lower-case hexadecimal without leading zeros.
    package let serialNumber: String
    package let notBefore: Timestamp
    package let notAfter: Timestamp
    package let fingerprintSHA256: String
    package let spkiSHA256: String
    package let keyAlgorithm: KeyAlgorithm
    package let keySize: Int
    package let keyOrigin: KeyOrigin
    /// The key slot: the agent that holds the private key; `nil` for a key of the server or of a client.
    package let agentID: AgentID?
    package let jobID: JobID?
    /// Imported, and not signed by the authority of ``issuerID``, whose lists and answers know nothing of it.
    package let isIssuedElsewhere: Bool
    /// The CA of a tree that signed it; `nil` when the issuer is one authority.
    package let issuingCA: AuthorityID?
    /// What the linter found when it came.
    package let lintFindings: [LintFinding]
    /// What validating its chain came to when it was imported; `nil` for one that was issued.
    package let path: PathVerdict?
    package let supersededAt: Timestamp?
    package let createdAt: Timestamp

    /// Whose lists and answers tell of it.
    package var authorityID: AuthorityID { issuingCA ?? AuthorityID(soleOf: issuerID) }

    init(_ row: Row) throws(DatabaseError) {
        id = try row.id("id")
        certificateID = try row.id("certificate_id")
        issuerID = try row.id("issuer_id")
        serialNumber = try row.text("serial_number")
        notBefore = try row.time("not_before")
        notAfter = try row.time("not_after")
        fingerprintSHA256 = try row.text("fingerprint_sha256")
        spkiSHA256 = try row.text("spki_sha256")
        keyAlgorithm = try row.value("key_algorithm")
        keySize = try row.int("key_size")
        keyOrigin = try row.value("key_origin")
        agentID = try row.optionalID("agent_id")
        jobID = try row.optionalID("job_id")
        isIssuedElsewhere = try row.bool("issued_elsewhere")
        issuingCA = try row.optionalID("issuing_ca_id")
        lintFindings = try row.lintFindings("lint_findings")
        let detail = try row.text("path_detail")
        path = try row.optionalValue("path_outcome").map { PathVerdict($0, detail) }
        supersededAt = try row.optionalTime("superseded_at")
        createdAt = try row.time("created_at")
    }
}

/// A version with its encodings, for the routes that show them.
package struct CertificateVersionDetail: Hashable, Sendable {
    package let version: CertificateVersion
    /// Leaf first, then the issuing chain.
    package let pemChain: String
    package let csrPEM: String?
    /// What else may be sent in place of what is above the leaf in ``pemChain``, each as PEM.
    package let alternateChains: [String]
}

/// A version about to be stored.
package struct NewVersion: Sendable {
    package let id: VersionID
    package let certificateID: CertificateID
    package let issuerID: IssuerID
    package let serialNumber: String
    package let notBefore: Timestamp
    package let notAfter: Timestamp
    package let fingerprintSHA256: String
    package let spkiSHA256: String
    package var pemChain: String
    package private(set) var csrPEM: String?
    package let keyAlgorithm: KeyAlgorithm
    package let keySize: Int
    package private(set) var keyOrigin: KeyOrigin
    package private(set) var agentID: AgentID?
    /// PKCS#8 sealed for the row, of a key made by the server.
    package let sealedKey: [UInt8]?
    package let jobID: JobID?
    /// How it is signed, for people; empty when that is not known.
    package var signatureAlgorithm = ""
    package var issuingCA: AuthorityID?
    /// What else may be sent in place of what is above the leaf in ``pemChain``, each as PEM.
    package var alternateChains: [String] = []
    package var lintFindings: [LintFinding] = []
    /// By what the issuer knows it; `nil` when the issuer gave no name.
    package var upstream: UpstreamName?
    /// What is special about a version that was not issued here but imported.
    package var importation: Importation?

    /// By what an issuer knows a certificate, for later renewals and revocations.
    package struct UpstreamName: Hashable, Sendable {
        package let id: String
        /// What the connector wrote for itself.
        package let reference: JSONValue

        package init(id: String, reference: JSONValue) {
            self.id = id
            self.reference = reference
        }
    }

    /// How an imported version came to be.
    package struct Importation: Hashable, Sendable {
        package let isIssuedElsewhere: Bool
        /// When it was issued, and from when on it counts as a version: versions are in the order of their issuance.
        package let issuedAt: Timestamp
        /// What validating its chain came to.
        package let path: PathVerdict

        package init(isIssuedElsewhere: Bool, issuedAt: Timestamp, path: PathVerdict) {
            self.isIssuedElsewhere = isIssuedElsewhere
            self.issuedAt = issuedAt
            self.path = path
        }
    }

    /// An agent has the key, which it proved by a request.
    package mutating func hold(by agent: AgentID, request: String) {
        keyOrigin = .agent
        agentID = agent
        csrPEM = request
    }

    package init(
        id: VersionID,
        certificateID: CertificateID,
        issuerID: IssuerID,
        serialNumber: String,
        notBefore: Timestamp,
        notAfter: Timestamp,
        fingerprintSHA256: String,
        spkiSHA256: String,
        pemChain: String,
        csrPEM: String?,
        keyAlgorithm: KeyAlgorithm,
        keySize: Int,
        keyOrigin: KeyOrigin,
        agentID: AgentID? = nil,
        sealedKey: [UInt8]? = nil,
        jobID: JobID?
    ) {
        self.id = id
        self.certificateID = certificateID
        self.issuerID = issuerID
        self.serialNumber = serialNumber
        self.notBefore = notBefore
        self.notAfter = notAfter
        self.fingerprintSHA256 = fingerprintSHA256
        self.spkiSHA256 = spkiSHA256
        self.pemChain = pemChain
        self.csrPEM = csrPEM
        self.keyAlgorithm = keyAlgorithm
        self.keySize = keySize
        self.keyOrigin = keyOrigin
        self.agentID = agentID
        self.sealedKey = sealedKey
        self.jobID = jobID
    }
}

/// How many current versions have a kind of key, and when the first and the last of them end.
package struct VersionKeyCount: Hashable, Sendable {
    package let algorithm: KeyAlgorithm
    package let size: Int
    package let count: Int
    package let firstEnd: Timestamp
    package let lastEnd: Timestamp
}

/// Which versions a list shows.
package struct VersionFilter: Hashable, Sendable {
    package var certificateID: CertificateID

    package init(certificateID: CertificateID) { self.certificateID = certificateID }
}

package enum VersionSort: String, ListSort {
    case createdAt = "created_at"
}
