package import Domain
package import PKI

/// A certificate of an authority about to be made; what an authority above limits is already taken into account.
package struct AuthorityOrder: Sendable {
    package let subject: DistinguishedName
    package let subjectPublicKey: SubjectPublicKey
    package let notBefore: Timestamp
    package let notAfter: Timestamp
    /// How many authorities may follow below; `nil` for any number.
    package var pathLength: Int?
    package var nameConstraints: NameConstraints?
    /// Empty for every purpose.
    package var extendedKeyUsages: [OID] = []
    /// Empty for any policy.
    package var policies: [OID] = []
    /// Of an authority that has a certificate already; `nil` for the identifier computed from the key.
    package var subjectKeyIdentifier: [UInt8]?

    package init(
        subject: DistinguishedName, subjectPublicKey: SubjectPublicKey,
        validity: (notBefore: Timestamp, notAfter: Timestamp)
    ) {
        self.subject = subject
        self.subjectPublicKey = subjectPublicKey
        notBefore = validity.notBefore
        notAfter = validity.notAfter
    }
}

/// What an authority below others may be (protocol-servers §6.2), as pure functions.
package enum HierarchyRules {
    /// How far the start of an authority's certificate lies in the past, for clocks that run late.
    private static let backdate = Duration.minutes(5)

    /// How many authorities may follow below a child.
    ///
    /// - `chain`: The parent first, then what signed it. The closest limit of all of them counts (RFC 5280 §4.2.1.9).
    package static func pathLength(
        _ requested: Int?, below chain: [X509Certificate]
    ) throws(LocalCAError) -> Int? {
        var limit: Int?
        for (distance, authority) in chain.enumerated() {
            guard let constraint = authority.extensions.basicConstraints?.pathLenConstraint else { continue }
            let left = constraint - distance - 1
            guard left >= 0 else {
                throw .validation(
                    field: "path_len_constraint",
                    reason: "\(authority.subject) has the path length \(constraint), so no CA may follow here")
            }
            limit = min(limit ?? left, left)
        }
        guard let requested else { return limit }
        guard requested >= 0 else { throw .validation(field: "path_len_constraint", reason: "must not be negative") }
        if let limit, requested > limit {
            throw .validation(
                field: "path_len_constraint", reason: "at most \(limit), by the path lengths of the CAs above")
        }
        return requested
    }

    /// Whole seconds, within the life of the parent.
    package static func validity(
        _ lifetime: Duration, at now: Timestamp, within parent: X509Certificate?
    ) throws(LocalCAError) -> (notBefore: Timestamp, notAfter: Timestamp) {
        let now = Timestamp(secondsSinceEpoch: now.secondsSinceEpoch)
        let notBefore = max(now - backdate, parent?.notBefore ?? now - backdate)
        let notAfter = min(now + lifetime, parent?.notAfter ?? now + lifetime)
        guard notAfter > now else {
            throw .validation(field: "ttl_days", reason: "the CA above ends at \(notAfter.rfc3339)")
        }
        return (notBefore, notAfter)
    }

    package static func nameConstraints(
        _ wanted: NameConstraints?, in parent: X509Certificate
    ) throws(LocalCAError) -> NameConstraints? {
        do throws(NameConstraintError) {
            return try .nested(wanted, in: parent.extensions.nameConstraints)
        } catch {
            throw .validation(field: "name_constraints", reason: error.description)
        }
    }

    /// The purposes of a child: a subset of the parent's, which it inherits when it asks for none.
    package static func extendedKeyUsages(
        _ wanted: [OID], in parent: X509Certificate
    ) throws(LocalCAError) -> [OID] {
        let limit = parent.extendedKeyUsages
        guard !limit.isEmpty, !limit.contains(.anyExtendedKeyUsage) else { return wanted }
        if wanted.isEmpty { return limit }
        if let surplus = wanted.first(where: { !limit.contains($0) }) {
            throw .validation(field: "allowed_ekus", reason: "\(surplus) is not allowed by \(parent.subject)")
        }
        return wanted
    }

    /// The policies of a child: a subset of the parent's, which it inherits when it asks for none. Any policy of the
    /// parent allows every one.
    package static func policies(_ wanted: [OID], in parent: X509Certificate) throws(LocalCAError) -> [OID] {
        let limit = parent.extensions.policies
        guard !limit.isEmpty, !limit.contains(.anyPolicy) else { return wanted }
        if wanted.isEmpty { return limit }
        if let surplus = wanted.first(where: { !limit.contains($0) }) {
            throw .validation(field: "policy_oids", reason: "\(surplus) is not a policy of \(parent.subject)")
        }
        return wanted
    }

    /// What the certificate of an authority that was signed elsewhere may do, within what those above it limit.
    ///
    /// Names that the parent limits are limited in it too: clients, and this server, look at the certificates of a path one
    /// by one.
    ///
    /// - `path`: The parent first, then what signed it, the root last.
    /// - Throws: ``LocalCAError/validation(field:reason:)`` with the part that is wrong.
    package static func checkSubordinate(
        _ certificate: X509Certificate, below path: [X509Certificate], at now: Timestamp
    ) throws(LocalCAError) {
        guard let parent = path.first, let root = path.last else { throw .authority("there is nobody above it") }
        guard certificate.issuer.matches(parent.subject), certificate.verifySignature(issuedBy: parent) else {
            throw .authority("it is not signed by \(parent.subject)")
        }
        if let named = certificate.extensions.authorityKeyIdentifier,
            let own = parent.extensions.subjectKeyIdentifier, named != own
        {
            throw .authority("its authority key identifier is not the subject key identifier of \(parent.subject)")
        }
        guard let usage = certificate.keyUsage, usage.contains(.keyCertSign), usage.contains(.cRLSign) else {
            throw .authority("its key usage must have keyCertSign and cRLSign")
        }
        try AuthorityChecks.check(chain: [certificate] + path, key: certificate.subjectPublicKey, at: now)
        guard certificate.notAfter <= parent.notAfter else {
            throw .authority(
                "it ends at \(certificate.notAfter.rfc3339), after \(parent.subject) at \(parent.notAfter.rfc3339)")
        }
        _ = try pathLength(certificate.extensions.basicConstraints?.pathLenConstraint, below: path)
        _ = try nameConstraints(certificate.extensions.nameConstraints, in: parent)
        guard NameConstraints.repeats(parent.extensions.nameConstraints, in: certificate.extensions.nameConstraints)
        else {
            throw .validation(
                field: "name_constraints", reason: "it must repeat the name constraints of \(parent.subject)")
        }
        _ = try extendedKeyUsages(certificate.extendedKeyUsages, in: parent)
        _ = try policies(certificate.extensions.policies, in: parent)
        do throws(ChainError) {
            _ = try ChainVerifier(roots: [root]).verify(certificate, intermediates: path, at: now)
        } catch {
            throw .authority("it has no valid path to \(root.subject): \(error)")
        }
    }

    /// Whether a certificate can be the root of a tree: self-signed, CA:TRUE, keyCertSign, inside its validity.
    package static func checkRoot(_ certificate: X509Certificate, at now: Timestamp) throws(LocalCAError) {
        guard certificate.isSelfIssued, certificate.verifySignature(issuedBy: certificate) else {
            throw .authority("\(certificate.subject) is not self-signed")
        }
        try AuthorityChecks.check(chain: [certificate], key: certificate.subjectPublicKey, at: now)
    }
}

extension LocalCA {
    /// The certificate of an authority below this one. Its revocation information is this authority's.
    package func certify(
        _ order: AuthorityOrder, serial: RecordedSerial, now: Timestamp
    ) async throws(LocalCAError) -> X509Certificate {
        try AuthorityChecks.checkValidity(certificate, at: now)
        var template = Self.template(
            order, serial: serial, issuer: certificate.subject,
            signatureAlgorithm: certificate.subjectPublicKey.signatureAlgorithm)
        template.authorityKeyIdentifier =
            certificate.extensions.subjectKeyIdentifier ?? certificate.subjectPublicKey.keyIdentifier
        point(&template, serial: serial)
        return try await release(template, serial: serial)
    }

    /// A self-signed root for the key of `signer`, without revocation information: nobody revokes a root.
    package static func createRoot(
        _ order: AuthorityOrder, serial: RecordedSerial, signer: any Signer, linter: Linter = Linter()
    ) async throws(LocalCAError) -> X509Certificate {
        let template = template(
            order, serial: serial, issuer: order.subject, signatureAlgorithm: signer.publicKey.signatureAlgorithm)
        return try await seal(template.tbsCertificate(), serial: serial, with: signer, linter: linter)
    }

    private static func template(
        _ order: AuthorityOrder, serial: RecordedSerial, issuer: DistinguishedName,
        signatureAlgorithm: SignatureAlgorithm
    ) -> CertificateTemplate {
        var template = CertificateTemplate(
            serialNumber: serial.serialNumber, issuer: issuer, subject: order.subject,
            validity: (order.notBefore, order.notAfter), subjectPublicKey: order.subjectPublicKey,
            signatureAlgorithm: signatureAlgorithm)
        template.isCA = true
        template.pathLenConstraint = order.pathLength
        template.keyUsage = [.keyCertSign, .cRLSign]
        template.extendedKeyUsages = order.extendedKeyUsages
        template.nameConstraints = order.nameConstraints
        template.policies = order.policies
        template.subjectKeyIdentifier = order.subjectKeyIdentifier
        return template
    }
}
