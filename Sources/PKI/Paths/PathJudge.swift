package import Domain

/// Judges chains as they were sent: as a relying party would that trusts `roots`, and with the reason when it would
/// refuse (protocol-servers §7).
package struct PathJudge: Sendable {
    private let verifier: ChainVerifier
    private let known: [X509Certificate]
    private let lists: [CertificateRevocationList]

    /// - `known`: CAs that a sender may have forgotten; they tell an incomplete chain from one that nobody trusts.
    /// - `lists`: What the CAs revoked. ``PathParameters/revocation`` says what they count for.
    package init(roots: [X509Certificate], known: [X509Certificate] = [], lists: [CertificateRevocationList] = []) {
        verifier = ChainVerifier(roots: roots)
        self.known = known
        self.lists = lists
    }

    /// The verdict on a chain, leaf first.
    ///
    /// - `name`: What the leaf has to stand for; `nil` when nobody asked for a name.
    package func verdict(
        on sent: [X509Certificate], for name: SubjectAltName? = nil, parameters: PathParameters
    ) -> PathVerdict {
        guard let leaf = sent.first else { return PathVerdict(.malformed, "there is no certificate") }
        let above = Array(sent.dropFirst())
        guard let fault = fault(of: leaf, above, verifier, parameters) else { return verdict(on: leaf, name) }
        guard let further = self.fault(of: leaf, above + known, verifier, parameters) else {
            return PathVerdict(
                .chainIncomplete, "\(fault); a CA certificate that is known here was not sent along")
        }
        guard further.reason == .untrusted else { return PathVerdict(further) }
        return untrusted(leaf, above, further, parameters)
    }

    /// Of a chain to nowhere, what is wrong with it besides.
    private func untrusted(
        _ leaf: X509Certificate, _ above: [X509Certificate], _ error: ChainError, _ parameters: PathParameters
    ) -> PathVerdict {
        let chain = KeyStoreContent.chain(of: leaf, among: above)
        guard chain.count > 1, let top = chain.last else { return PathVerdict(error) }
        let between = Array(chain.dropFirst().dropLast())
        if let fault = fault(of: leaf, between, ChainVerifier(roots: [top]), parameters) { return PathVerdict(fault) }
        return PathVerdict(
            .refused(.untrusted), "the chain ends at \(top.subject), which no CA of an issuer here stands behind")
    }

    private func fault(
        of leaf: X509Certificate, _ pool: [X509Certificate], _ verifier: ChainVerifier, _ parameters: PathParameters
    ) -> ChainError? {
        do throws(ChainError) {
            _ = try verifier.validate(leaf, intermediates: pool, revocationLists: lists, parameters: parameters)
            return nil
        } catch {
            return error
        }
    }

    private func verdict(on leaf: X509Certificate, _ name: SubjectAltName?) -> PathVerdict {
        guard let name, !leaf.isFor(name) else { return PathVerdict(.valid) }
        let names = leaf.subjectAltNames.prefix(10).map(\.text).joined(separator: ", ")
        return PathVerdict(
            .nameMismatch,
            "\(name.text) is none of its names" + (names.isEmpty ? ": it has none" : ", which are \(names)"))
    }
}

extension X509Certificate {
    /// Whether the certificate stands for the host or address (RFC 9525 §6.3): the alternative names alone count, and a
    /// star is one whole label, the first.
    package func isFor(_ name: SubjectAltName) -> Bool {
        subjectAltNames.contains { presented in
            if presented == name { return true }
            guard case .dns(let pattern) = presented, case .dns(let host) = name, pattern.isWildcard, !host.isWildcard,
                let dot = host.text.firstIndex(of: ".")
            else { return false }
            return host.text[dot...] == pattern.text.dropFirst()
        }
    }
}

extension PathVerdict {
    /// The refusal of the validator.
    init(_ error: ChainError) { self.init(.refused(error.reason), error.description) }
}
