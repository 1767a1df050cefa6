package import Domain
import EmbeddedCA
import Encoding
import PKI

/// What a client says about a CA that exists, and comes here with its key.
package struct AdoptionDraft: Sendable {
    package var issuerID: IssuerID
    package var name = ""
    /// The CA first, then those above it; those that are in the tree may be left out.
    package var chainPEM = ""
    /// Its key, to be sealed in the database; `nil` when ``keyReference`` says where it is.
    package var key: Secret?
    /// A file of the server or a key in a token.
    package var keyReference: String?
    /// What it signed before.
    package var issuedPEM: String?
    /// Its latest revocation list.
    package var revocationListPEM: String?
    package var isIssuing: Bool?
    package var ocspURL: String?
    package var metadata: [String: String] = [:]

    package init(issuerID: IssuerID) { self.issuerID = issuerID }
}

/// A draft that was found sound by itself.
struct AdoptionPlan: Sendable {
    enum Key: Sendable {
        case brought(PrivateKey)
        case held(KeyReference)
    }

    /// Most certificates that are taken over with a CA.
    private static let mostCertificates = 100_000
    private static let mostText = 64 << 20

    let draft: AdoptionDraft
    let name: String
    /// The CA first, each by the next.
    let chain: [X509Certificate]
    let certificate: X509Certificate
    let key: Key
    let past: AdoptedPast

    init(_ draft: AdoptionDraft, at now: Timestamp) throws(ServiceError) {
        var problems = FieldProblems()
        self.draft = draft
        name = problems.checkedName(draft.name)
        CAPlan.check(url: draft.ocspURL, &problems)
        CAPlan.check(draft.metadata, &problems)
        let sent = Self.certificates(draft.chainPEM, "/chain_pem", &problems)
        let key = Self.key(draft, &problems)
        try problems.throwIfAny()
        guard let first = sent.first, let key else {
            throw ServiceError(.internalError, "the checks of an adoption are incomplete")
        }
        if case .brought(let own) = key, !own.matches(first.subjectPublicKey) {
            throw HierarchyFlow.invalid("/private_key_pem", "other_key", "is not the key of \(first.subject)")
        }
        certificate = first
        chain = KeyStoreContent.chain(of: first, among: sent)
        self.key = key
        past = try AdoptedPast(
            of: first, issued: Self.issued(draft, &problems), list: Self.list(draft, &problems), at: now)
    }

    private static func certificates(
        _ pem: String, _ pointer: String, _ problems: inout FieldProblems
    ) -> [X509Certificate] {
        do throws(CertificateError) {
            return try X509Certificate.bundle(pem: pem, limit: mostText, most: mostCertificates)
        } catch {
            problems.add(pointer, "invalid_certificate", error.description)
            return []
        }
    }

    /// The texts of these problems never quote the key.
    private static func key(_ draft: AdoptionDraft, _ problems: inout FieldProblems) -> Key? {
        guard let brought = draft.key else {
            guard draft.keyReference != nil else {
                problems.add(
                    "/private_key_pem", "required",
                    "a CA is adopted with its key: bring it, or say by key_driver_id where it is")
                return nil
            }
            return CAPlan.reference(draft.keyReference, &problems).map { .held($0) }
        }
        guard draft.keyReference == nil else {
            problems.add("/key_driver_id", "conflict", "the key is either brought or there already: leave one out")
            return nil
        }
        do throws(KeyError) {
            return .brought(try PrivateKey(pem: brought))
        } catch {
            problems.add("/private_key_pem", "invalid_key", error.description)
            return nil
        }
    }

    private static func issued(
        _ draft: AdoptionDraft, _ problems: inout FieldProblems
    ) throws(ServiceError) -> [X509Certificate] {
        guard let pem = draft.issuedPEM else { return [] }
        let found = certificates(pem, "/issued_pem", &problems)
        try problems.throwIfAny()
        return found
    }

    private static func list(
        _ draft: AdoptionDraft, _ problems: inout FieldProblems
    ) throws(ServiceError) -> CertificateRevocationList? {
        guard let pem = draft.revocationListPEM else { return nil }
        do throws(CRLError) {
            return try CertificateRevocationList(pem: pem)
        } catch {
            throw HierarchyFlow.invalid("/crl_pem", "invalid_crl", error.reason)
        }
    }
}

/// What a CA did before it came here: whom it certified, and whom it revoked.
struct AdoptedPast: Sendable {
    /// A certificate that was revoked.
    struct Entry: Sendable {
        let serialNumber: String
        let revokedAt: Timestamp
        let reason: RevocationReason
        let invalidityDate: Timestamp?
        /// `nil` for one that was not brought along.
        let certificate: X509Certificate?
    }

    /// Those that have not ended, one of each serial number.
    let issued: [X509Certificate]
    /// How many had ended, and are left out.
    let ended: Int
    let revoked: [Entry]
    /// Of the list; `nil` for one without a number, and without a list.
    let listNumber: Int?
    let listedAt: Timestamp?

    /// - Throws: 400 for a certificate or a list that the CA did not sign, or a list that does not tell everything.
    init(
        of authority: X509Certificate, issued sent: [X509Certificate], list: CertificateRevocationList?,
        at now: Timestamp
    ) throws(ServiceError) {
        var bySerial: [String: X509Certificate] = [:]
        for certificate in sent where certificate != authority {
            let serial = certificate.serialNumber.hex
            guard certificate.issuer.matches(authority.subject), certificate.verifySignature(issuedBy: authority) else {
                throw HierarchyFlow.invalid(
                    "/issued_pem", "not_issued",
                    "\(certificate.subject) with the serial number \(serial) is not signed by \(authority.subject)")
            }
            // Home-made CAs may give a number twice; it is answered for until the last of them ends.
            if let known = bySerial[serial], known.notAfter >= certificate.notAfter { continue }
            bySerial[serial] = certificate
        }
        issued = bySerial.values.filter { $0.notAfter > now }.sorted { $0.serialNumber.hex < $1.serialNumber.hex }
        ended = bySerial.count - issued.count
        guard let list else {
            (revoked, listNumber, listedAt) = ([], nil, nil)
            return
        }
        try Self.check(list, of: authority, at: now)
        revoked = try Self.entries(list, bySerial, at: now)
        listedAt = list.thisUpdate
        guard let number = list.number else {
            listNumber = nil
            return
        }
        guard let counted = number.integer else {
            throw HierarchyFlow.invalid(
                "/crl_pem", "number_too_large", "has the number \(number), from which certctl can't go on counting")
        }
        listNumber = counted
    }

    private static func check(
        _ list: CertificateRevocationList, of authority: X509Certificate, at now: Timestamp
    ) throws(ServiceError) {
        guard list.issuer.matches(authority.subject), list.verifySignature(with: authority.subjectPublicKey) else {
            throw HierarchyFlow.invalid("/crl_pem", "not_issued", "is not signed by \(authority.subject)")
        }
        guard list.isComplete else {
            throw HierarchyFlow.invalid(
                "/crl_pem", "incomplete", "is about a part of the certificates; bring the complete list")
        }
        if let unknown = list.unknownCritical.first {
            throw HierarchyFlow.invalid(
                "/crl_pem", "unknown_extension", "has the critical extension \(unknown), which is not understood")
        }
        guard list.thisUpdate <= now + .minutes(5) else {
            throw HierarchyFlow.invalid("/crl_pem", "future", "is of \(list.thisUpdate.rfc3339), which is yet to come")
        }
    }

    /// Of a serial number the last entry counts. What ended is on no list any more.
    private static func entries(
        _ list: CertificateRevocationList, _ issued: [String: X509Certificate], at now: Timestamp
    ) throws(ServiceError) -> [Entry] {
        var found: [String: Entry] = [:]
        for entry in list.entries {
            guard let serial = entry.serialNumber?.hex else {
                throw HierarchyFlow.invalid(
                    "/crl_pem", "invalid_serial",
                    "has an entry whose serial number is not positive or longer than 20 octets: it can't be taken over")
            }
            found[serial] =
                entry.reason == .removeFromCRL
                ? nil
                : Entry(
                    serialNumber: serial, revokedAt: min(entry.revocationDate, now), reason: entry.reason,
                    invalidityDate: entry.invalidityDate, certificate: issued[serial])
        }
        return found.values.filter { $0.certificate.map { $0.notAfter > now } ?? true }.sorted {
            ($0.revokedAt, $0.serialNumber) < ($1.revokedAt, $1.serialNumber)
        }
    }
}
