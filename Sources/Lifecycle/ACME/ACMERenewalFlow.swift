import Crypto
package import Domain
import Encoding
import PKI
import Query
package import Store

/// When a client should renew a certificate (RFC 9773 §4.2).
package struct ACMERenewalWindow: Hashable, Sendable {
    package let start: Timestamp
    /// After `start`.
    package let end: Timestamp
    /// Whether the certificate is no good any more, whatever its validity says.
    package let isUrgent: Bool

    /// - `days`: The renewal window of the policy of the certificate; `nil` for none.
    /// - `spread`: From 0 up to 1, by which the window moves later within its first quarter, so that certificates that were
    ///   issued together are not renewed together.
    static func regular(
        notBefore: Timestamp, notAfter: Timestamp, days: Int?, spread: Double, now: Timestamp
    ) -> ACMERenewalWindow {
        let validity = notAfter - notBefore
        var start = notAfter - validity / 3
        var end = notAfter - validity / 9
        if let days, days > 0, .days(Int64(days)) < validity {
            let window = RenewalPlan.effectiveWindow(windowDays: days, validity: validity)
            start = notAfter - window
            end = start + window / 2
        }
        let shift = Duration.seconds(Int((end - start).inSeconds / 4 * spread))
        (start, end) = (max(start + shift, now), end + shift)
        // Too late for a plan: within a day, and not all at this moment.
        if end <= start { end = start + .hours(24) }
        return ACMERenewalWindow(start: start, end: end, isUrgent: false)
    }

    /// Entirely in the past: at once (RFC 9773 §4.2).
    static func urgent(now: Timestamp) -> ACMERenewalWindow {
        ACMERenewalWindow(start: now - .hours(2), end: now - .hours(1), isUrgent: true)
    }
}

/// Tells clients when to renew, and which certificates a new one may take the place of (protocol-servers §2.12).
package struct ACMERenewalFlow: Sendable {
    private let context: LifecycleContext

    package init(_ context: LifecycleContext) { self.context = context }

    package func window(_ text: String, under profile: ACMEProfile) async throws -> ACMERenewalWindow {
        guard let name = ACMECertificateName(text) else {
            throw ACMEProblem(
                .malformed, "not the name of a certificate: authority key identifier and serial number in base64url")
        }
        return try await context.read { tx in
            guard let version = try Self.version(name, in: tx),
                let certificate = try CertificateStore().find(version.certificateID, in: tx),
                let own = certificate.fields.profileID,
                own == profile.id || profile.fields.acmeProfiles.contains(own),
                let fields = own == profile.id ? profile.fields : try ProfileStore().find(own, in: tx)?.fields
            else { throw ACMEProblem(.malformed, "there is no such certificate here", status: 404) }
            if try Self.isToBeReplaced(version, under: ACMEProfile(id: own, fields: fields), in: tx) {
                return .urgent(now: tx.now)
            }
            let policy = try PolicyStore().find(certificate.fields.renewalPolicyID, in: tx)
            return .regular(
                notBefore: version.notBefore, notAfter: version.notAfter, days: policy?.fields.renewalWindowDays,
                spread: Self.spread(version.serialNumber), now: tx.now)
        }
    }

    /// Whether a certificate is no good any more, is wanted to be replaced, or comes from an issuer that stands behind the
    /// profile no longer.
    private static func isToBeReplaced(
        _ version: CertificateVersion, under profile: ACMEProfile, in tx: any Transaction
    ) throws -> Bool {
        let revocations = RevocationStore()
        let revocation = try revocations.find(
            issuer: version.issuerID, version.authorityID, serial: version.serialNumber, in: tx)
        if revocation?.isInForce == true { return true }
        let use = try KeyUse.read(spkiSHA256: version.spkiSHA256, jwkThumbprint: nil, in: tx)
        if use.isCompromised { return true }
        if try ACMEOrderStore().isReplacementAsked(of: version.id, in: tx) { return true }
        // A CA that ends is waiting for what it signed, and below one that is revoked nothing is good.
        if let id = version.issuingCA, let node = try IntermediateCAStore().find(id, in: tx) {
            if node.state != .active { return true }
            if try IntermediateCAStore().revokedAbove(id, in: tx) != nil { return true }
        }
        do {
            return try ACMEIssuerBinding.issuer(for: profile, in: tx) != version.issuerID
        } catch is ACMEProblem {
            // With nobody to issue another, asking for one helps nobody.
            return false
        }
    }

    /// Has clients replace certificates: at their next question after the renewal they are told that it is due.
    ///
    /// - Returns: How many unexpired certificates meet the criteria.
    package func ask(_ criteria: ACMEReplacementCriteria, reason: String?, by author: Authorship) async throws -> Int {
        try await change(criteria, reason, .acmeReplacementRequested, by: author) { tx in
            try ACMEOrderStore().askReplacement(criteria, in: tx)
        }
    }

    /// Takes back what ``ask(_:reason:by:)`` asked for; clients that have not asked since are told of their usual windows.
    ///
    /// - Returns: How many certificates were wanted to be replaced, and are no more.
    package func withdraw(
        _ criteria: ACMEReplacementCriteria, reason: String?, by author: Authorship
    ) async throws -> Int {
        try await change(criteria, reason, .acmeReplacementWithdrawn, by: author) { tx in
            try ACMEOrderStore().withdrawReplacement(criteria, in: tx)
        }
    }

    private func change(
        _ criteria: ACMEReplacementCriteria, _ reason: String?, _ action: RecordedAction, by author: Authorship,
        _ apply: @escaping @Sendable (any Transaction) throws -> Int
    ) async throws -> Int {
        guard !criteria.isEmpty else {
            throw ServiceError(
                .validationFailed, "name a profile, an account, an issuer or certificates",
                problems: [FieldProblem(pointer: "", code: "required", detail: "one criterion at least")])
        }
        return try await context.write { tx in
            let count = try apply(tx)
            var details: JSONObject = ["certificates": .integer(Int64(count))]
            details["profile_id"] = criteria.profileID.map { .string($0.text) }
            details["account_id"] = criteria.accountID.map { .string($0.text) }
            details["issuer_id"] = criteria.issuerID.map { .string($0.text) }
            if !criteria.certificateIDs.isEmpty {
                details["certificate_ids"] = JSONValue(criteria.certificateIDs.map(\.text))
            }
            details["reason"] = reason.map { .string($0) }
            try context.recorder.record(
                action, UUIDv7.text(at: context.time.now, random: context.random), details: details, by: author, in: tx)
            return count
        }
    }

    /// Throws unless an account may order a certificate for `names` in the place of the one that is named (RFC 9773 §5).
    ///
    /// - Returns: When that certificate ends, and whether it was never tried to replace it before: such an order counts for no
    ///   limit by the hour.
    package func checkReplacement(
        of text: String, by account: ACMEAccount, for names: [ACMEName]
    ) async throws -> (end: Timestamp, isFirst: Bool) {
        guard let name = ACMECertificateName(text) else {
            throw ACMEProblem(.malformed, "replaces is not the name of a certificate (RFC 9773 §4.1)")
        }
        return try await context.read { tx in
            guard let version = try Self.version(name, in: tx) else {
                throw ACMEProblem(.malformed, "replaces names a certificate that this server did not issue")
            }
            guard try ACMEOrderStore().owns(version.id, account.id, in: tx) else {
                throw ACMEProblem(.unauthorized, "replaces names a certificate of another account", status: 403)
            }
            guard let detail = try VersionStore().find(version.id, in: tx),
                let leaf = try X509Certificate.bundle(pem: detail.pemChain).first,
                leaf.subjectAltNames.contains(where: { old in names.contains { $0.value == old.text } })
            else { throw ACMEProblem(.malformed, "replaces names a certificate for none of the identifiers") }
            let earlier = try ACMEOrderStore().statuses(replacing: text, by: account.id, in: tx)
            guard earlier.allSatisfy({ $0 == .invalid }) else { throw Self.alreadyReplaced }
            return (version.notAfter, earlier.isEmpty)
        }
    }

    /// Throws when an order of an account, which is locked, takes the place of the certificate already. One that ran out of
    /// time and was not swept yet ends here: the place is free.
    static func reserve(_ text: String, for account: ACMEAccountID, recorder: Recorder, in tx: any Transaction) throws {
        let orders = ACMEOrderStore()
        if let expired = try orders.expire(replacing: text, by: account, error: ACMEOrder.expiry, in: tx) {
            try recorder.record(
                .acmeOrderFailed, expired.text, details: ["error": "the order expired"],
                by: Authorship(actor: ACMEActor.sweeper, origin: nil, clearance: .system), in: tx)
        }
        let earlier = try orders.statuses(replacing: text, by: account, in: tx)
        guard earlier.allSatisfy({ $0 == .invalid }) else { throw alreadyReplaced }
    }

    private static let alreadyReplaced = ACMEProblem(
        .alreadyReplaced, "another order takes the place of this certificate already")

    /// The version with this number below the authority with this key.
    static func version(
        _ name: ACMECertificateName, in tx: any Transaction
    ) throws -> CertificateVersion? {
        let versions = VersionStore()
        for version in try versions.all(serial: name.serialNumber, in: tx) {
            guard let detail = try versions.find(version.id, in: tx),
                let leaf = try X509Certificate.bundle(pem: detail.pemChain).first,
                leaf.extensions.authorityKeyIdentifier == name.authorityKeyIdentifier
            else { continue }
            return version
        }
        return nil
    }

    /// The same for a certificate whenever it is asked for, and even over many.
    private static func spread(_ serial: String) -> Double {
        let digest = Array(SHA256.hash(data: Array(serial.utf8)))
        return Double(UInt16(digest[0]) << 8 | UInt16(digest[1])) / 65_536
    }
}
