import Domain
import Encoding
import PKI
import Query
import Store

/// The CAs of this installation and what they revoked: the ground on which chains are judged that came from outside
/// (protocol-servers §7).
enum KnownPaths {
    /// Octets of the largest revocation list that is read for one verdict; a larger one is not looked at.
    static let largestList = 4 << 20
    /// Most CA certificates of ours that are considered for one chain.
    static let mostCertificates = 400

    /// Judges `sent` by the CAs that may be above it.
    static func judge(of sent: [X509Certificate], in tx: any Transaction) throws -> PathJudge {
        let relevant = Self.relevant(to: sent, among: try entries(in: tx))
        let authorities = Set(relevant.compactMap(\.authority))
        let lists = try RevocationListStore().completeLists(in: tx)
            .filter { authorities.contains($0.authority) && $0.list.length <= largestList }
            .compactMap { try list($0.authority, in: tx) }
        return PathJudge(
            roots: relevant.filter(\.isRoot).map(\.certificate),
            known: relevant.filter { !$0.isRoot }.map(\.certificate), lists: lists)
    }

    /// What is asked of a path at a time: that our own lists say nothing against it, and that it is valid under the
    /// policies that the profile stamps on certificates and within its name constraints, when there are any.
    static func parameters(
        at now: Timestamp, under profile: ProfileFields?, purpose: OID? = nil
    ) -> PathParameters {
        var parameters = PathParameters(time: now, purpose: purpose)
        parameters.revocation = .soft
        let policies = Set((profile?.policyOIDs ?? []).compactMap { OID(dotted: $0) })
        if !policies.isEmpty {
            parameters.initialPolicies = policies
            parameters.requiresExplicitPolicy = true
        }
        parameters.nameConstraints = profile?.nameConstraints.flatMap { try? NameConstraints(json: .object($0)) }
        return parameters
    }

    private struct Entry {
        let certificate: X509Certificate
        let authority: AuthorityID?
        let isRoot: Bool
    }

    private static func entries(in tx: any Transaction) throws -> [Entry] {
        var entries: [Entry] = []
        for authority in try AuthorityStore().all(in: tx) {
            let chain = (try? X509Certificate.bundle(pem: authority.chainPEM)) ?? []
            for (index, certificate) in chain.enumerated() {
                // What an issuer was set up with ends in an anchor, though it be no root.
                let isRoot = certificate.isSelfIssued || index == chain.count - 1
                let id = index == 0 ? AuthorityID(soleOf: authority.issuerID) : nil
                entries.append(Entry(certificate: certificate, authority: id, isRoot: isRoot))
            }
        }
        for node in try IntermediateCAStore().all(in: tx) {
            guard let certificate = node.certPEM.flatMap({ try? X509Certificate(pem: $0) }) else { continue }
            // Nobody's list speaks of a root, so one that is revoked is left out; of others the lists tell.
            if node.isRoot, node.state == .revoked { continue }
            entries.append(Entry(certificate: certificate, authority: node.id, isRoot: node.isRoot))
            try entries.append(contentsOf: further(of: node.id, in: tx))
        }
        return entries
    }

    private static func further(of id: AuthorityID, in tx: any Transaction) throws -> [Entry] {
        var entries: [Entry] = []
        for further in try CACertificateStore().all(of: id, in: tx) where further.withdrawnAt == nil {
            guard let certificate = try? X509Certificate(pem: further.certPEM) else { continue }
            entries.append(Entry(certificate: certificate, authority: id, isRoot: false))
            let above = further.abovePEM.flatMap { try? X509Certificate.bundle(pem: $0) } ?? []
            for (index, certificate) in above.enumerated() {
                entries.append(Entry(certificate: certificate, authority: nil, isRoot: index == above.count - 1))
            }
        }
        return entries
    }

    /// Those whose subject is the issuer of what was sent, and who is above them.
    private static func relevant(to sent: [X509Certificate], among entries: [Entry]) -> [Entry] {
        var (rest, relevant) = (entries, [Entry]())
        var names = sent.map(\.issuer)
        var next = 0
        while next < names.count, relevant.count < mostCertificates, !rest.isEmpty {
            let name = names[next]
            next += 1
            let found = rest.filter { $0.certificate.subject.matches(name) }
            guard !found.isEmpty else { continue }
            relevant += found
            rest.removeAll { $0.certificate.subject.matches(name) }
            names += found.filter { !$0.certificate.isSelfIssued }.map(\.certificate.issuer)
        }
        return Array(relevant.prefix(mostCertificates))
    }

    private static func list(
        _ authority: AuthorityID, in tx: any Transaction
    ) throws -> CertificateRevocationList? {
        let store = RevocationListStore()
        guard let octets = try store.octets(of: authority, .full, in: tx) else { return nil }
        let blocks = try store.blocks(of: authority, .full, in: tx).map(\.entries)
        // Whether it is whole its signature tells.
        return try? CertificateRevocationList(der: octets.head + blocks.joined() + octets.tail)
    }
}
