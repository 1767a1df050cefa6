import Domain

/// What the supplied lists say of a certificate.
enum RevocationStatus: Hashable, Sendable {
    case unrevoked
    case revoked(RevocationReason, Timestamp)
    /// No list that may be relied upon covers the certificate for all reasons; with what came closest.
    case undetermined(String)
}

extension PathSession {
    /// Deepest nesting of lists whose signers need lists themselves.
    private static let maximumNesting = 4

    /// RFC 5280 §6.3.3 for the certificate at `index` of a path whose upper certificates were checked.
    func revocationStatus(
        of certificate: X509Certificate, in path: [X509Certificate], at index: Int
    ) throws(ChainError) -> RevocationStatus {
        guard let root = path.last else { return .unrevoked }
        if let known = statuses[certificate]?[root] { return known }
        guard statusesInProgress.count < Self.maximumNesting, statusesInProgress.insert(certificate).inserted else {
            return .undetermined("its lists are signed by a certificate that depends on it")
        }
        defer { statusesInProgress.remove(certificate) }
        var inquiry = RevocationInquiry(certificate: certificate, above: Array(path[(index + 1)...]))
        for point in certificate.extensions.distributionPoints + [inquiry.ownPoint] where inquiry.isOpen {
            try consult(point, &inquiry)
        }
        // What stayed open inside another question may have stayed so because of it.
        if !inquiry.isOpen || statusesInProgress.count == 1 {
            statuses[certificate, default: [:]][root] = inquiry.status
        }
        return inquiry.status
    }

    private func consult(_ point: DistributionPoint, _ inquiry: inout RevocationInquiry) throws(ChainError) {
        for index in completeLists(for: point, of: inquiry.certificate) where inquiry.isOpen {
            let list = lists[index]
            let scope = RevocationScope(list: list, point: point)
            guard scope.covers(inquiry.certificate) else { continue }
            guard !scope.reasons.subtracting(inquiry.covered).isEmpty else { continue }
            if let problem = unusable(list) {
                inquiry.note(problem)
                continue
            }
            guard let signer = try signer(of: index, inquiry) else {
                inquiry.note("no trusted certificate for the signature of the list of \(list.issuer)")
                continue
            }
            let delta = try delta(for: index, signedBy: signer, inquiry)
            inquiry.take(list, delta: delta, covering: scope.reasons)
        }
    }

    /// Positions of complete lists of the issuer that `point` names, newest first.
    private func completeLists(for point: DistributionPoint, of certificate: X509Certificate) -> [Int] {
        let issuers = point.crlIssuer.isEmpty ? [certificate.issuer] : point.crlIssuer.compactMap(\.directoryName)
        let found = issuers.flatMap { listsByIssuer[$0.matchingKey] ?? [] }.filter { !lists[$0].isDelta }
        return newestFirst(found)
    }

    private func newestFirst(_ positions: [Int]) -> [Int] {
        positions.sorted { left, right in
            let (left, right) = (lists[left], lists[right])
            guard left.thisUpdate == right.thisUpdate else { return left.thisUpdate > right.thisUpdate }
            return (left.number ?? CRLNumber(0)) > (right.number ?? CRLNumber(0))
        }
    }

    private func unusable(_ list: CertificateRevocationList) -> String? {
        if let oid = list.unknownCritical.first {
            return "the list of \(list.issuer) has the critical extension \(oid), which is not understood"
        }
        if list.thisUpdate > parameters.time {
            return "the list of \(list.issuer) is not valid before \(list.thisUpdate.rfc3339)"
        }
        guard let next = list.nextUpdate else { return "the list of \(list.issuer) does not say when it ends" }
        return next < parameters.time ? "the list of \(list.issuer) ended at \(next.rfc3339)" : nil
    }

    /// §6.3.3 (f) and (g): whose key signed the list, under the same trust anchor as the certificate.
    private func signer(
        of index: Int, _ inquiry: RevocationInquiry
    ) throws(ChainError) -> X509Certificate? {
        guard let root = inquiry.above.last else { return nil }
        for candidate in certificates(named: lists[index].issuer) {
            guard candidate.keyUsage?.contains(.cRLSign) ?? true,
                candidate == root || !isRoot(candidate),
                try isListSigned(index, by: candidate, for: inquiry.certificate)
            else { continue }
            if inquiry.above.contains(candidate) { return candidate }
            do {
                _ = try paths(from: candidate, purpose: nil, limit: 1) { $0 == root }
                return candidate
            } catch {
                if error.reason == .tooComplex { throw error }
            }
        }
        return nil
    }

    /// §6.3.3 (c) and (h): the newest delta list for the complete list at `index`.
    private func delta(
        for index: Int, signedBy signer: X509Certificate, _ inquiry: RevocationInquiry
    ) throws(ChainError) -> CertificateRevocationList? {
        let complete = lists[index]
        guard let number = complete.number else { return nil }
        let deltas = (listsByIssuer[complete.issuer.matchingKey] ?? []).filter { position in
            let delta = lists[position]
            guard let base = delta.baseNumber, let own = delta.number else { return false }
            return base <= number && number < own && delta.scopeDER == complete.scopeDER
                && delta.authorityKeyIdentifier == complete.authorityKeyIdentifier && unusable(delta) == nil
        }
        for position in newestFirst(deltas)
        where try isListSigned(position, by: signer, for: inquiry.certificate) {
            return lists[position]
        }
        return nil
    }
}

/// The state of RFC 5280 §6.3.2 for one certificate.
private struct RevocationInquiry {
    let certificate: X509Certificate
    /// Issuer first, root last.
    let above: [X509Certificate]
    /// reasons_mask.
    private(set) var covered: ReasonFlags = []
    private var revoked: RevokedCertificate?
    private var problem: String?

    init(certificate: X509Certificate, above: [X509Certificate]) {
        self.certificate = certificate
        self.above = above
    }

    /// The point that every certificate has: lists of its own issuer (§6.3.3, last paragraph).
    var ownPoint: DistributionPoint {
        DistributionPoint(name: .full([GeneralName(certificate.issuer)]), reasons: nil, crlIssuer: [])
    }

    var isOpen: Bool { revoked == nil && covered != .all }

    /// Remembers the first obstacle, which is about the list that the certificate itself points at.
    mutating func note(_ text: String) { if problem == nil { problem = text } }

    /// (i) to (l).
    mutating func take(
        _ complete: CertificateRevocationList, delta: CertificateRevocationList?, covering reasons: ReasonFlags
    ) {
        let entry = delta?.entry(for: certificate) ?? complete.entry(for: certificate)
        if let entry, entry.reason != .removeFromCRL { revoked = entry }
        covered.formUnion(reasons)
    }

    var status: RevocationStatus {
        if let revoked { return .revoked(revoked.reason, revoked.revocationDate) }
        if covered == .all { return .unrevoked }
        return .undetermined(problem ?? (covered.isEmpty ? "no list covers it" : "no list covers it for every reason"))
    }
}

/// What a list covers when it is reached through a distribution point (RFC 5280 §6.3.3 (b) and (d)).
private struct RevocationScope {
    let list: CertificateRevocationList
    let point: DistributionPoint

    func covers(_ certificate: X509Certificate) -> Bool {
        let scope = list.issuingDistributionPoint
        let isOther = !list.issuer.matches(certificate.issuer)
        if isOther || !point.crlIssuer.isEmpty {
            guard point.crlIssuer.contains(where: { $0.matches(GeneralName(list.issuer)) }) else { return false }
            guard scope?.isIndirect ?? false else { return false }
        }
        guard let scope else { return true }
        return scope.covers(authority: certificate.isCA) && isNamed(by: scope, certificate)
    }

    private func isNamed(by scope: IssuingDistributionPoint, _ certificate: X509Certificate) -> Bool {
        guard let own = scope.name?.names(relativeTo: list.issuer) else { return true }
        let wanted = point.name?.names(relativeTo: point.crlIssuer.first?.directoryName ?? certificate.issuer)
        return (wanted ?? point.crlIssuer).contains { name in own.contains { $0.matches(name) } }
    }

    /// interim_reasons_mask.
    var reasons: ReasonFlags {
        (list.issuingDistributionPoint?.onlySomeReasons ?? .all).intersection(point.reasons ?? .all)
    }
}
