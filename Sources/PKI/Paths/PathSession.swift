import Domain

/// One question: the certificates and lists it may use, what it may still cost, and what was already found out.
///
/// A class because building, validating and revocation call each other and share these budgets.
final class PathSession {
    let parameters: PathParameters
    let rules: PathRules
    let lists: [CertificateRevocationList]
    /// Certificates by subject, roots among them.
    private let bySubject: [[Set<String>]: [X509Certificate]]
    private let roots: Set<X509Certificate>
    let listsByIssuer: [[Set<String>]: [Int]]

    private var signatures: Int
    private var comparisons: Int
    private var steps: Int
    private var paths: Int
    private var verified: [X509Certificate: [SubjectPublicKey: Bool]] = [:]
    private var verifiedLists: [Int: [SubjectPublicKey: Bool]] = [:]
    /// What was found out of the revocation of a certificate, under the root that its lists have to share.
    var statuses: [X509Certificate: [X509Certificate: RevocationStatus]] = [:]
    /// Certificates whose revocation is being found out, against going round in circles.
    var statusesInProgress: Set<X509Certificate> = []

    init(
        roots: [X509Certificate], intermediates: [X509Certificate], lists: [CertificateRevocationList],
        parameters: PathParameters
    ) {
        self.parameters = parameters
        rules = PathRules(parameters: parameters)
        self.lists = lists
        self.roots = Set(roots)
        var seen: Set<X509Certificate> = []
        let all = (roots + intermediates).filter { seen.insert($0).inserted }
        bySubject = Dictionary(grouping: all) { $0.subject.matchingKey }
        listsByIssuer = Dictionary(grouping: lists.indices) { lists[$0].issuer.matchingKey }
        signatures = parameters.limits.signatures
        comparisons = parameters.limits.comparisons
        steps = parameters.limits.steps
        paths = parameters.limits.paths
    }

    func isRoot(_ certificate: X509Certificate) -> Bool { roots.contains(certificate) }

    func certificates(named name: DistinguishedName) -> [X509Certificate] { bySubject[name.matchingKey] ?? [] }

    /// Whether the key of `issuer` signed `certificate`; each pair costs once.
    func isSigned(_ certificate: X509Certificate, by issuer: X509Certificate) throws(ChainError) -> Bool {
        let key = issuer.subjectPublicKey
        if let known = verified[certificate]?[key] { return known }
        try spend(&signatures, 1, certificate, "too many signatures to verify")
        let result = certificate.verifySignature(with: key)
        verified[certificate, default: [:]][key] = result
        return result
    }

    /// Same for the list at `index`; `certificate` is the one whose status is asked for.
    func isListSigned(
        _ index: Int, by issuer: X509Certificate, for certificate: X509Certificate
    ) throws(ChainError) -> Bool {
        let key = issuer.subjectPublicKey
        if let known = verifiedLists[index]?[key] { return known }
        try spend(&signatures, 1, certificate, "too many signatures to verify")
        let result = lists[index].verifySignature(with: key)
        verifiedLists[index, default: [:]][key] = result
        return result
    }

    func spendComparisons(_ count: Int, _ certificate: X509Certificate) throws(ChainError) {
        try spend(&comparisons, count, certificate, "too many names and name constraints to compare")
    }

    func spendStep(_ certificate: X509Certificate) throws(ChainError) {
        try spend(&steps, 1, certificate, "too many certificates to combine")
    }

    func spendPath(_ certificate: X509Certificate) throws(ChainError) {
        try spend(&paths, 1, certificate, "too many paths to validate")
    }

    private func spend(
        _ budget: inout Int, _ amount: Int, _ certificate: X509Certificate, _ what: String
    ) throws(ChainError) {
        guard amount <= budget else { throw ChainError(.tooComplex, certificate, what) }
        budget -= amount
    }
}
