import Domain
import PKI
import Query
import Store

/// The ways from a CA of a tree to a root, when it or a CA above it has certificates of more than one parent
/// (protocol-servers §6.4).
enum CAChains {
    /// Most chains that are stored with a certificate besides its own.
    static let mostAlternates = 8
    /// Most CAs that are looked at on the way up.
    private static let mostAuthorities = 64

    /// What may be in a chain of a CA.
    private struct Pool {
        var roots: [X509Certificate] = []
        var others: [X509Certificate] = []
        var isCrossed = false
    }

    /// What is sent above a leaf.
    struct Delivery {
        /// Without the root.
        let first: [X509Certificate]
        /// What may be sent in its place: valid now, without the root, the chain first that holds longest. Empty for most.
        let alternates: [[X509Certificate]]
    }

    /// What is sent above a leaf: the chain that it came with, or the shortest one to a root that is preferred.
    ///
    /// - `sent`: What it came with, with the root or without.
    /// - `preferred`: SHA-256 of the certificates of roots, in lower-case hexadecimal.
    static func delivery(
        of leaf: X509Certificate, sentWith sent: [X509Certificate], issuedBy id: AuthorityID,
        preferring preferred: Set<String>, in tx: any Transaction
    ) throws -> Delivery {
        guard try !CACertificateStore().isEmpty(in: tx) else { return Delivery(first: sent, alternates: []) }
        let pool = try pool(above: id, in: tx)
        guard pool.isCrossed else { return Delivery(first: sent, alternates: []) }
        // The leaf is in each of them, and ends first in most: it tells nothing of which holds longest.
        let above = paths(from: leaf, pool, at: tx.now).map { Array($0.dropFirst()) }
        let own = try AuthorityKeeper.chain(of: id, in: tx)
        let others = distinct(above, besides: [own])
        let first = shortest(of: [own] + others, to: preferred)
        let chains = first.map { chosen in distinct([own] + others, besides: [chosen]) } ?? others
        let usual = first.map { chain in chain.filter { !isRoot($0) } } ?? sent.filter { !isRoot($0) }
        let alternates = chains.map { chain in chain.filter { !isRoot($0) } }.filter { !$0.isEmpty && $0 != usual }
        // A root that signs by itself is sent with nothing above the leaf.
        return Delivery(
            first: first == nil || usual.isEmpty ? sent : usual, alternates: Array(alternates.prefix(mostAlternates)))
    }

    /// Of chains with their roots the shortest one that ends at one of `preferred`; of equals the first. `nil` when none does.
    private static func shortest(
        of chains: [[X509Certificate]], to preferred: Set<String>
    ) -> [X509Certificate]? {
        chains.filter { chain in chain.last.map { preferred.contains($0.fingerprintSHA256) } ?? false }
            .min { $0.count < $1.count }
    }

    /// The chains of a CA, itself first and a root last: by its own parents, then the others that are valid now, of those the
    /// one first that holds longest.
    static func chains(of id: AuthorityID, in tx: any Transaction) throws -> [[X509Certificate]] {
        let own = try AuthorityKeeper.chain(of: id, in: tx)
        let pool = try pool(above: id, in: tx)
        guard pool.isCrossed, let first = own.first else { return [own] }
        let further = try CACertificateStore().all(of: id, in: tx).filter { $0.withdrawnAt == nil }
            .map { try X509Certificate(pem: $0.certPEM) }
        let found = ([first] + further).filter { !isRoot($0) }.flatMap { paths(from: $0, pool, at: tx.now) }
        return [own] + distinct(found, besides: [own])
    }

    private static func paths(
        from certificate: X509Certificate, _ pool: Pool, at now: Timestamp
    ) -> [[X509Certificate]] {
        // A certificate for which no path is found is delivered as before.
        let found = try? ChainVerifier(roots: pool.roots).validPaths(
            of: certificate, intermediates: pool.others, parameters: PathParameters(time: now))
        return (found ?? []).map(\.certificates)
    }

    /// Of chains through the same CAs, which differ in when they were certified, the one that holds longest.
    private static func distinct(
        _ chains: [[X509Certificate]], besides known: [[X509Certificate]]
    ) -> [[X509Certificate]] {
        func stations(_ chain: [X509Certificate]) -> [String] { chain.map(\.subjectPublicKey.spkiSHA256) }
        var seen = Set(known.map(stations))
        let ordered = chains.sorted { left, right in
            end(of: left) == end(of: right) ? left.count < right.count : end(of: left) > end(of: right)
        }
        return ordered.filter { seen.insert(stations($0)).inserted }
    }

    /// When the first of its certificates ends.
    static func end(of chain: [X509Certificate]) -> Timestamp {
        chain.map(\.notAfter).min() ?? Timestamp(secondsSinceEpoch: 0)
    }

    private static func isRoot(_ certificate: X509Certificate) -> Bool {
        certificate.isSelfIssued && certificate.verifySignature(issuedBy: certificate)
    }

    /// Every certificate of the CA and of whoever is above it, on any way up.
    private static func pool(above id: AuthorityID, in tx: any Transaction) throws -> Pool {
        var pool = Pool()
        var (waiting, seen): ([AuthorityID], Set<AuthorityID>) = ([id], [id])
        func visit(_ id: AuthorityID?) {
            guard let id, seen.count < mostAuthorities, seen.insert(id).inserted else { return }
            waiting.append(id)
        }
        while let next = waiting.popLast() {
            let node = try IntermediateCAStore().get(next, in: tx)
            // No way leads through one that is revoked.
            if node.state == .revoked, next != id { continue }
            if let certificate = try node.certPEM.map({ try X509Certificate(pem: $0) }) {
                if node.isRoot { pool.roots.append(certificate) } else { pool.others.append(certificate) }
            }
            visit(node.parentID)
            for further in try CACertificateStore().all(of: next, in: tx)
            where further.notAfter > tx.now && further.withdrawnAt == nil {
                pool.isCrossed = true
                pool.others.append(try X509Certificate(pem: further.certPEM))
                visit(further.parentID)
                let above = try further.abovePEM.map { try X509Certificate.bundle(pem: $0) } ?? []
                if let root = above.last { pool.roots.append(root) }
                pool.others += above.dropLast()
            }
        }
        return pool
    }
}
