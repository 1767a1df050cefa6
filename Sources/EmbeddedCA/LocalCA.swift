package import Domain
package import PKI

/// One request to the local authority: everything decided, nothing copied from the CSR but its key.
package struct LocalIssuance: Sendable {
    /// On record before this value existed.
    package let serial: RecordedSerial
    package let request: VerifiedCertificationRequest
    package let commonName: String?
    /// The approved names; the CSR adds none.
    package let names: [SubjectAltName]
    package let now: Timestamp
    /// `nil` for a common name or none, by the settings of the authority.
    package var subject: DistinguishedName?
    /// Empty for server and client authentication.
    package var extendedKeyUsages: [ExtendedKeyUsage] = []
    package var isUsageCritical = false
    package var mustStaple = false
    /// noRevAvail in place of the addresses of lists and responders (RFC 9608).
    package var hasNoRevocation = false
    /// Beside those of the authority's settings.
    package var policies: [OID] = []
    /// `nil` for what follows from purposes and key.
    package var keyUsage: KeyUsage?
    /// Most of the whole period, both ends counted (RFC 5280 §4.1.2.5).
    package var maxTTL: Duration?
    /// How long before now the period begins; `nil` for the authority's setting.
    package var backdate: Duration?
    /// An end wanted by the caller; earlier limits win.
    package var notAfter: Timestamp?
    /// The exact period that was ordered: what limits forbid is not issued.
    package var orderedStart: Timestamp?
    package var orderedEnd: Timestamp?

    package init(
        serial: RecordedSerial, request: VerifiedCertificationRequest, commonName: String?,
        names: [SubjectAltName], now: Timestamp
    ) {
        self.serial = serial
        self.request = request
        self.commonName = commonName
        self.names = names
        self.now = now
    }
}

/// A leaf fresh from the local authority.
package struct SignedLeaf: Sendable {
    package let certificate: X509Certificate
    /// The issuing certificate and those above it, without a self-signed root.
    package let chain: [X509Certificate]
}

/// The built-in certificate authority: a generated root, or a subordinate with supplied certificate and key.
package struct LocalCA: Sendable {
    /// Issuing certificate first, then its chain as supplied.
    package let certificateChain: [X509Certificate]
    /// What is delivered with a leaf: the chain without a self-signed root.
    package let deliveredChain: [X509Certificate]
    package let certificate: X509Certificate
    private let signer: any Signer
    private let settings: LocalCASettings

    /// Loads an authority after the checks of issuers §4.1.1: key match, CA:TRUE, keyCertSign, validity at
    /// `now`, path lengths, and each certificate signed by the next.
    package init(
        certificateChain: [X509Certificate], signer: any Signer, settings: LocalCASettings, now: Timestamp
    ) throws(LocalCAError) {
        try AuthorityChecks.check(chain: certificateChain, key: signer.publicKey, at: now)
        guard let issuing = certificateChain.first else { throw .authority("no CA certificate was supplied") }
        certificate = issuing
        self.certificateChain = certificateChain
        deliveredChain = certificateChain.filter { !($0.isSelfIssued && $0.verifySignature(issuedBy: $0)) }
        self.signer = signer
        self.settings = settings
    }

    /// Builds, lints, signs and verifies one leaf. Deterministic but for the signature.
    package func issue(_ issuance: LocalIssuance) async throws(LocalCAError) -> SignedLeaf {
        let template = try template(for: issuance)
        let der = try await sign(
            template.tbsCertificate(), serial: issuance.serial, issuer: certificate, with: signer,
            linter: settings.linter)
        return SignedLeaf(certificate: der, chain: deliveredChain)
    }

    /// Shows that the key of this authority answers.
    package func proveKey() async throws(SignerError) { try await signer.prove() }

    /// Signs a revocation list of this authority.
    package func signList(_ list: consuming CRLSigningPermit) async throws(LocalCAError) -> [UInt8] {
        guard certificate.keyUsage?.contains(.cRLSign) ?? true else {
            throw .authority("\(certificate.subject) may not sign revocation lists (key usage lacks cRLSign)")
        }
        do throws(SignerError) {
            return try await signer.sign(list)
        } catch .wrongSignature {
            throw .badSignature
        } catch {
            throw .signer(error)
        }
    }

    /// The decisions of issuers §4.1.2, without signing; also what a preview shows.
    package func template(for issuance: LocalIssuance) throws(LocalCAError) -> CertificateTemplate {
        try AuthorityChecks.checkValidity(certificate, at: issuance.now)
        let key = issuance.request.request.subjectPublicKey
        let (subject, names) = try LeafProfile.names(issuance, settings.commonNamePolicy)
        guard !names.isEmpty || !subject.isEmpty else {
            throw .validation(field: "names", reason: "no name was approved for the certificate")
        }
        try checkNameConstraints(names, subject)
        let purposes = try LeafProfile.purposes(
            requested: issuance.extendedKeyUsages, chain: certificateChain)
        var template = CertificateTemplate(
            serialNumber: issuance.serial.serialNumber, issuer: certificate.subject, subject: subject,
            validity: try LeafProfile.validity(issuance, settings, issuer: certificate), subjectPublicKey: key,
            signatureAlgorithm: certificate.subjectPublicKey.signatureAlgorithm)
        template.keyUsage = issuance.keyUsage ?? LeafProfile.keyUsage(purposes, key.algorithm)
        template.extendedKeyUsages = purposes.map(\.oid)
        template.isExtendedKeyUsageCritical = issuance.isUsageCritical
        template.subjectAltNames = names
        template.authorityKeyIdentifier =
            certificate.extensions.subjectKeyIdentifier ?? certificate.subjectPublicKey.keyIdentifier
        point(&template, serial: issuance.serial)
        if issuance.hasNoRevocation {
            template.hasNoRevocation = true
            (template.crlDistributionPoints, template.freshestCRL, template.ocspURLs) = ([], [], [])
        }
        template.policies = settings.policies + issuance.policies.filter { !settings.policies.contains($0) }
        template.mustStaple = issuance.mustStaple
        if template.mustStaple, template.ocspURLs.isEmpty {
            throw .validation(
                field: "must_staple",
                reason: "nobody could staple: the certificates of \(certificate.subject) name no OCSP responder "
                    + "(set CERTCTL_PKI_PUBLIC_URL, or ocsp_urls of the issuer)")
        }
        return template
    }

    /// Writes where relying parties find out about a certificate of this authority.
    func point(_ template: inout CertificateTemplate, serial: RecordedSerial) {
        template.crlDistributionPoints =
            settings.crlShards.map { [$0.location(of: serial.serialNumber)] } ?? settings.crlDistributionPoints
        template.freshestCRL = settings.freshestCRL
        template.ocspURLs = settings.ocspURLs
        template.caIssuersURLs = settings.caIssuersURLs
    }

    /// Signs what another file of this module decided.
    func release(_ template: CertificateTemplate, serial: RecordedSerial) async throws(LocalCAError) -> X509Certificate
    {
        try await sign(
            template.tbsCertificate(), serial: serial, issuer: certificate, with: signer, linter: settings.linter)
    }

    /// A certificate that relying parties would refuse must not be issued.
    private func checkNameConstraints(
        _ names: [SubjectAltName], _ subject: DistinguishedName
    ) throws(LocalCAError) {
        for authority in certificateChain {
            guard let constraints = authority.extensions.nameConstraints else { continue }
            if let name = constraints.violation(in: names) {
                throw .validation(
                    field: "names", reason: "\(name) is outside the name constraints of \(authority.subject)")
            }
            if constraints.forbids(subject: subject) {
                throw .validation(
                    field: "common_name",
                    reason: "subject \(subject) is outside the name constraints of \(authority.subject)")
            }
        }
    }
}

extension LocalCA {
    /// A self-signed root for the key of `signer`: path length 0, keyCertSign and cRLSign, no CDP or AIA.
    ///
    /// The caller stores certificate and key before it issues anything from them, and reloads them for ever.
    package static func createRoot(
        commonName: String, serial: RecordedSerial, signer: any Signer,
        validity: (notBefore: Timestamp, notAfter: Timestamp), linter: Linter = Linter()
    ) async throws(LocalCAError) -> X509Certificate {
        let name: DistinguishedName
        do throws(NameError) {
            name = try DistinguishedName(commonName: commonName)
        } catch {
            throw .validation(field: "ca_common_name", reason: error.description)
        }
        var template = CertificateTemplate(
            serialNumber: serial.serialNumber, issuer: name, subject: name, validity: validity,
            subjectPublicKey: signer.publicKey, signatureAlgorithm: signer.publicKey.signatureAlgorithm)
        template.isCA = true
        template.pathLenConstraint = 0
        template.keyUsage = [.keyCertSign, .cRLSign]
        return try await sign(template.tbsCertificate(), serial: serial, issuer: nil, with: signer, linter: linter)
    }

    /// Self-signs what another file of this module decided.
    static func seal(
        _ tbs: TBSCertificate, serial: RecordedSerial, with signer: any Signer, linter: Linter
    ) async throws(LocalCAError) -> X509Certificate {
        try await sign(tbs, serial: serial, issuer: nil, with: signer, linter: linter)
    }
}

/// Lint, permit, signature, proof of the signature: the only road from a template to a certificate.
private func sign(
    _ tbs: TBSCertificate, serial: RecordedSerial, issuer: X509Certificate?, with signer: any Signer, linter: Linter
) async throws(LocalCAError) -> X509Certificate {
    let permit: SigningPermit
    do throws(LintFailure) {
        permit = try linter.admit(tbs, serial: serial, issuer: issuer)
    } catch {
        throw .lint(error)
    }
    let signature: [UInt8]
    do throws(SignerError) {
        signature = try await signer.sign(permit)
    } catch .wrongSignature {
        throw .badSignature
    } catch {
        throw .signer(error)
    }
    guard let certificate = try? X509Certificate(der: tbs.certificateDER(signature: signature)),
        certificate.verifySignature(with: signer.publicKey)
    else { throw .badSignature }
    return certificate
}
