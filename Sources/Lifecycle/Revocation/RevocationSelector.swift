import Domain
import PKI
import Query
import Store

/// One certificate, locked, with the serial numbers of it that are meant; or serial numbers that the inventory does not
/// know.
struct RevocationSubject {
    let certificate: Certificate?
    let serials: [SubjectSerial]

    /// Whether a revocation is one of these; its row may be older than the record of the certificate.
    func names(_ revocation: Revocation) -> Bool {
        serials.contains {
            $0.issuerID == revocation.issuerID && $0.authorityID == revocation.authorityID
                && $0.serialNumber == revocation.serialNumber
        }
    }
}

/// One serial number that is to change.
struct SubjectSerial {
    let issuerID: IssuerID
    let authorityID: AuthorityID
    let serialNumber: String
    let certificateID: CertificateID?
    let version: CertificateVersion?
    let notAfter: Timestamp
    let isShortLived: Bool
    let notifyAt: Timestamp?
    /// Of a certificate that an adopted CA had signed before.
    var adopted: AdoptedCertificate?

    func revocation(_ id: RevocationID, _ order: RevocationOrder, by actor: Actor) -> NewRevocation {
        var new = NewRevocation(
            id: id, issuerID: issuerID, authorityID: authorityID, serialNumber: serialNumber, notAfter: notAfter,
            reason: order.reason, revokedBy: actor.id)
        new.certificateID = certificateID
        new.versionID = version?.id
        new.spkiSHA256 = version?.spkiSHA256 ?? adopted?.spkiSHA256
        new.isCA = adopted?.isCA ?? false
        new.isShortLived = isShortLived
        new.invalidityDate = order.invalidityDate
        new.notifyAt = notifyAt
        return new
    }
}

/// Finds what a revocation is about, and locks it.
struct RevocationSelector: Sendable {
    /// A list holds no certificate that lives shorter than this under a profile for short-lived ones.
    private static let shortLife = Duration.hours(1)

    /// For which reasons issuers of a type revoke; `nil` when this build does not know.
    let reasons: @Sendable (IssuerType) -> Set<RevocationReason>?
    private let certificates = CertificateStore()
    private let versions = VersionStore()
    private let store = RevocationStore()

    // MARK: What is to be revoked

    func subjects(
        of target: RevocationTarget, _ reason: RevocationReason, within clearance: Clearance, in tx: any Transaction
    ) throws -> [RevocationSubject] {
        switch target {
        case .certificate(let id, let selection):
            let certificate = try certificates.lock(id, within: clearance, in: tx)
            guard certificate.status != .archived else {
                throw ServiceError(
                    .invalidState, "\(id.text) is archived; unarchive it, or revoke it by serial number")
            }
            let meant = try choose(selection, of: certificate, reason, in: tx)
            let chosen = meant.filter { !$0.isIssuedElsewhere }
            guard meant.isEmpty || !chosen.isEmpty else { throw Self.issuedElsewhere(id) }
            guard !chosen.isEmpty else {
                throw ServiceError(.invalidState, "\(id.text) has no version that could be revoked")
            }
            return [try subject(certificate, chosen, for: reason, in: tx)]
        case .serial(let issuer, let text, let authority, let notAfter):
            let serial = try Self.canonical(text)
            return [
                try self.serial(
                    (issuer, authority, serial), notAfter, for: reason, within: clearance, in: tx)
            ]
        case .key(let text): return try key(Self.digest(text), for: reason, within: clearance, in: tx)
        }
    }

    /// A number of another authority does not belong into lists and answers of this one.
    private static func issuedElsewhere(_ id: CertificateID) -> ServiceError {
        ServiceError(
            .invalidState,
            "the certificate of \(id.text) was imported and its issuer here did not sign it: revoke it where it was issued"
        )
    }

    private func choose(
        _ selection: RevocationTarget.Selection, of certificate: Certificate, _ reason: RevocationReason,
        in tx: any Transaction
    ) throws -> [CertificateVersion] {
        let all = try versions.all(of: certificate.id, in: tx)
        switch selection {
        case .serial(let text):
            let serial = try Self.canonical(text)
            guard let version = all.first(where: { $0.serialNumber == serial }) else {
                throw Self.unknown(serial)
            }
            return [version]
        case .key(let spki): return all.filter { $0.spkiSHA256 == spki && $0.notAfter > tx.now }
        case .everyVersion: return all.filter { $0.supersededAt == nil || $0.notAfter > tx.now }
        case .standard:
            let keys = Set(all.filter { $0.supersededAt == nil }.map(\.spkiSHA256))
            return all.filter { version in
                version.supersededAt == nil
                    || (version.notAfter > tx.now && (reason.isCompromise || keys.contains(version.spkiSHA256)))
            }
        }
    }

    private func serial(
        _ name: (issuer: IssuerID, authority: AuthorityID?, serial: String), _ notAfter: Timestamp?,
        for reason: RevocationReason?, within clearance: Clearance, in tx: any Transaction
    ) throws -> RevocationSubject {
        let (issuer, serial) = (name.issuer, name.serial)
        let mayKnow = clearance.covers(ObjectScopes(issuer: issuer, profile: nil))
        let adopted = mayKnow ? try self.adopted(issuer, name.authority, serial, in: tx) : []
        let version = try versions.find(issuer: issuer, serial: serial, in: tx).flatMap { version in
            name.authority ?? version.authorityID == version.authorityID ? version : nil
        }
        try Self.requireOne(Set(adopted.map(\.authorityID) + [version?.authorityID].compactMap { $0 }), serial)
        if let version {
            let certificate = try certificates.lock(version.certificateID, in: tx)
            guard clearance.covers(certificate.scopes) else { throw Self.unknown(serial) }
            return try subject(certificate, [version], for: reason, in: tx)
        }
        guard mayKnow, try IssuerStore().find(issuer, in: tx) != nil else { throw Self.unknown(serial) }
        let node = try IntermediateCAStore().find(issuer: issuer, serial: serial, in: tx)
        if let known = adopted.first, node == nil || node?.parentID != known.authorityID {
            return RevocationSubject(certificate: nil, serials: [known])
        }
        if let node {
            throw ServiceError(
                .unprocessable,
                "\(serial) is the number of the CA \(node.name) (\(node.id.text)): certctl intermediates revoke takes it whole"
            )
        }
        if let further = try CACertificateStore().find(signedFor: issuer, serial: serial, in: tx) {
            throw ServiceError(
                .unprocessable, "\(serial) is the number of a certificate of the CA \(further.authorityID.text)")
        }
        if try IssuerStore().get(issuer, in: tx).hierarchyMode == .tree {
            throw ServiceError(
                .unprocessable,
                "\(issuer.text) is a tree of CAs, and a serial number that is neither in the inventory nor of an adopted CA "
                    + "tells not which of them gave it: import the certificate first")
        }
        guard let authority = try AuthorityStore().find(issuer, in: tx) else {
            throw ServiceError(
                .unprocessable,
                "\(issuer.text) is not an authority of this server, or has issued nothing yet: a serial number that is "
                    + "not in the inventory can't be revoked there")
        }
        // What is not known may live as long as its authority: then it stays listed that long.
        let end = notAfter.map { min($0, authority.notAfter) } ?? authority.notAfter
        return RevocationSubject(
            certificate: nil,
            serials: [
                SubjectSerial(
                    issuerID: issuer, authorityID: AuthorityID(soleOf: issuer), serialNumber: serial,
                    certificateID: nil, version: nil, notAfter: end, isShortLived: false, notifyAt: nil)
            ])
    }

    /// What adopted CAs of a tree had signed, or revoked, under a number before they came.
    private func adopted(
        _ issuer: IssuerID, _ authority: AuthorityID?, _ serial: String, in tx: any Transaction
    ) throws -> [SubjectSerial] {
        func subject(_ authority: AuthorityID, _ end: Timestamp, _ known: AdoptedCertificate?) -> SubjectSerial {
            SubjectSerial(
                issuerID: issuer, authorityID: authority, serialNumber: serial, certificateID: nil, version: nil,
                notAfter: end, isShortLived: false, notifyAt: nil, adopted: known)
        }
        let signed = try AdoptedCertificateStore().all(issuer: issuer, serial: serial, in: tx)
            .map { subject($0.authorityID, $0.notAfter, $0) }
        let revoked = try store.all(issuer: issuer, serial: serial, in: tx)
            .filter { revocation in
                revocation.certificateID == nil && !revocation.isCA
                    && revocation.authorityID != AuthorityID(soleOf: issuer)
                    && !signed.contains { $0.authorityID == revocation.authorityID }
            }
            .map { subject($0.authorityID, $0.notAfter, nil) }
        return (signed + revoked).filter { authority ?? $0.authorityID == $0.authorityID }
    }

    private static func requireOne(_ authorities: Set<AuthorityID>, _ serial: String) throws(ServiceError) {
        guard authorities.count > 1 else { return }
        let names = authorities.map(\.text).sorted().joined(separator: ", ")
        throw ServiceError(
            .unprocessable, "\(serial) was given by \(names): say which of them is meant",
            problems: [FieldProblem(pointer: "/issuing_ca_id", code: "required", detail: "one of \(names)")])
    }

    private func key(
        _ spki: String, for reason: RevocationReason, within clearance: Clearance, in tx: any Transaction
    ) throws -> [RevocationSubject] {
        let ids = try versions.certificates(withKey: spki, in: tx)
        let visible = try certificates.visible(among: Set(ids), within: clearance, in: tx)
        let subjects = try visible.sorted().compactMap { id in
            let certificate = try certificates.lock(id, in: tx)
            let chosen = try choose(.key(spki), of: certificate, .unspecified, in: tx).filter { !$0.isIssuedElsewhere }
            return chosen.isEmpty ? nil : try subject(certificate, chosen, for: reason, in: tx)
        }
        if subjects.isEmpty, let first = visible.min() { throw Self.issuedElsewhere(first) }
        guard !subjects.isEmpty else {
            throw ServiceError(.notFound, "there is no unexpired certificate with the key \(spki)")
        }
        return subjects
    }

    // MARK: What is on hold

    func held(
        _ target: RevocationTarget, within clearance: Clearance, in tx: any Transaction
    ) throws -> [RevocationSubject] {
        let subject: RevocationSubject
        switch target {
        case .certificate(let id, let selection):
            let certificate = try certificates.lock(id, within: clearance, in: tx)
            var all = try versions.all(of: id, in: tx).filter { !$0.isIssuedElsewhere }
            if case .serial(let text) = selection {
                let serial = try Self.canonical(text)
                all.removeAll { $0.serialNumber != serial }
                if all.isEmpty { throw Self.unknown(serial) }
            }
            subject = try self.subject(certificate, all, for: nil, in: tx)
        case .serial(let issuer, let text, let authority, _):
            let number = try Self.canonical(text)
            subject = try serial((issuer, authority, number), nil, for: nil, within: clearance, in: tx)
        case .key:
            throw ServiceError(
                .validationFailed, "a hold is released by certificate or by serial number",
                problems: [
                    FieldProblem(pointer: "/spki_sha256", code: "invalid_value", detail: "a release names no key")
                ])
        }
        let held = try subject.serials.filter { serial in
            let known = try store.find(
                issuer: serial.issuerID, serial.authorityID, serial: serial.serialNumber, in: tx)
            return known.map { $0.isInForce && $0.reason == .certificateHold } ?? false
        }
        guard !held.isEmpty else { throw ServiceError(.invalidState, "nothing is on hold that could be released") }
        return [RevocationSubject(certificate: subject.certificate, serials: held)]
    }

    // MARK: Parts

    /// - `reason`: Which the issuers have to know; `nil` for the end of a hold.
    private func subject(
        _ certificate: Certificate, _ versions: [CertificateVersion], for reason: RevocationReason?,
        in tx: any Transaction
    ) throws -> RevocationSubject {
        let isForShortLived = try allowsShortLived(certificate, in: tx)
        let serials = try versions.map { version in
            SubjectSerial(
                issuerID: version.issuerID, authorityID: version.authorityID,
                serialNumber: version.serialNumber, certificateID: certificate.id, version: version,
                notAfter: version.notAfter,
                isShortLived: isForShortLived && version.notAfter - version.notBefore < Self.shortLife,
                notifyAt: try notifyAt(version.issuerID, reason, in: tx))
        }
        return RevocationSubject(certificate: certificate, serials: serials)
    }

    private func allowsShortLived(_ certificate: Certificate, in tx: any Transaction) throws -> Bool {
        guard let id = certificate.fields.profileID else { return false }
        do {
            guard let fields = try ProfileStore().find(id, in: tx)?.fields else { return false }
            return fields.isShortLived
        } catch let error as DatabaseError where error.kind == .corrupt {
            // In doubt a certificate is listed.
            return false
        }
    }

    /// An issuer of ours knows by the revocation itself; any other has to be told.
    private func notifyAt(
        _ issuer: IssuerID, _ reason: RevocationReason?, in tx: any Transaction
    ) throws -> Timestamp? {
        let type = try IssuerStore().get(issuer, in: tx).type
        guard type != .genericCA else { return nil }
        // One that takes no revocations at all keeps nobody from revoking here.
        if let reason, let accepted = reasons(type), !accepted.isEmpty, !accepted.contains(reason) {
            let names = accepted.map(\.rawValue).sorted().joined(separator: ", ")
            throw ServiceError(
                .unprocessable,
                "\(issuer.text) does not revoke with the reason \(reason.rawValue); it does with: \(names)",
                problems: [
                    FieldProblem(pointer: "/reason", code: "not_accepted_by_issuer", detail: "accepted: \(names)")
                ])
        }
        return tx.now
    }

    private static func unknown(_ serial: String) -> ServiceError {
        ServiceError(.notFound, "there is no certificate with the serial number \(serial)")
    }

    private static func canonical(_ text: String) throws -> String {
        do {
            return try SerialNumber(hex: text).hex
        } catch {
            throw ServiceError(
                .validationFailed, "/serial_number: \(error)",
                problems: [FieldProblem(pointer: "/serial_number", code: "invalid_serial", detail: "\(error)")])
        }
    }

    private static func digest(_ text: String) throws -> String {
        let hex = text.lowercased().filter { $0 != ":" }
        guard hex.utf8.count == 64, hex.utf8.allSatisfy({ (0x30...0x39).contains($0) || (0x61...0x66).contains($0) })
        else {
            let detail = "must be the SHA-256 of a SubjectPublicKeyInfo: 64 hexadecimal digits"
            throw ServiceError(
                .validationFailed, "/spki_sha256: \(detail)",
                problems: [FieldProblem(pointer: "/spki_sha256", code: "invalid_digest", detail: detail)])
        }
        return hex
    }
}
