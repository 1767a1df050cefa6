package import ConnectorKit
package import Domain
package import PKI

/// Compares what an issuer handed out with what was ordered, before anything is stored (specification, issuers §2.8).
package enum IssuanceCheck {
    /// Everything that is wrong with `issued`; empty when it may be stored.
    ///
    /// - `authority`: The certificates of the issuer, issuing certificate first, consulted when the chain
    ///   that came with the leaf is empty because the root itself signed.
    package static func faults(
        of issued: IssuedCertificate,
        for request: IssuanceRequest,
        authority: [X509Certificate],
        now: Timestamp
    ) -> [String] {
        var faults: [String] = []
        let leaf = issued.leaf
        if leaf.subjectPublicKey != request.csr.request.subjectPublicKey {
            faults.append("the certificate has another public key than the request")
        }
        if let serial = request.serialNumber, leaf.serialNumber != serial {
            faults.append("the serial number is \(leaf.serialNumber) and not \(serial), which is on record")
        }
        faults += nameFaults(leaf, request) + purposeFaults(leaf, request) + validityFaults(leaf, request, now: now)
        faults += chainFaults(issued, authority: authority, now: now)
        return faults
    }

    private static func nameFaults(_ leaf: X509Certificate, _ request: IssuanceRequest) -> [String] {
        let certified = Set(leaf.subjectAltNames)
        let approved = Set(request.subjectAltNames)
        guard certified != approved || !leaf.extensions.unsupportedNames.isEmpty else { return [] }
        let surplus = SubjectAltName.canonicalOrder(certified.subtracting(approved)).map(\.description)
        let missing = SubjectAltName.canonicalOrder(approved.subtracting(certified)).map(\.description)
        let strange = leaf.extensions.unsupportedNames
        return ["the names differ: surplus \(surplus + strange), missing \(missing)"]
    }

    private static func purposeFaults(_ leaf: X509Certificate, _ request: IssuanceRequest) -> [String] {
        var faults: [String] = []
        if leaf.isCA { faults.append("the certificate is a CA") }
        let allowed = Set(request.limits.extendedKeyUsages.map(\.oid))
        let surplus = leaf.extendedKeyUsages.filter { !allowed.contains($0) }
        if !surplus.isEmpty { faults.append("it allows key purposes that the profile does not: \(surplus)") }
        return faults
    }

    /// A cap is kept to the second: one more is granted because `notAfter` counts inclusively (RFC 5280 §4.1.2.5).
    private static func validityFaults(
        _ leaf: X509Certificate,
        _ request: IssuanceRequest,
        now: Timestamp
    ) -> [String] {
        if leaf.notAfter <= now { return ["it has expired already, at \(leaf.notAfter.rfc3339)"] }
        guard let cap = request.limits.maxTTL, leaf.notAfter > now + cap + .seconds(1) else { return [] }
        return ["it is valid until \(leaf.notAfter.rfc3339), longer than the profile's cap of \(cap)"]
    }

    /// The chain must be in the order in which servers send it, and valid as far as it goes: what clients would refuse
    /// because of an authority above the leaf must not be installed.
    private static func chainFaults(
        _ issued: IssuedCertificate,
        authority: [X509Certificate],
        now: Timestamp
    ) -> [String] {
        var subject = issued.leaf
        let path = issued.chain.isEmpty ? Array(authority.prefix(1)) : issued.chain
        guard let top = path.last else { return ["no certificate of its issuer came with it"] }
        for issuer in path {
            guard subject.verifySignature(issuedBy: issuer) else {
                return ["the signature on \(subject.subject) is not by \(issuer.subject)"]
            }
            subject = issuer
        }
        do throws(ChainError) {
            _ = try ChainVerifier(roots: [top]).verify(
                issued.leaf, intermediates: Array(path.dropLast()), at: max(now, issued.leaf.notBefore))
            return []
        } catch {
            return [error.description]
        }
    }
}
