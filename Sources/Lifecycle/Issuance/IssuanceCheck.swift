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
        faults += nameFaults(leaf, request) + purposeFaults(leaf, request)
        faults += templateFaults(leaf, request.limits) + validityFaults(leaf, request, now: now)
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
        let limits = request.limits
        if leaf.isCA { faults.append("the certificate is a CA") }
        if let usage = leaf.keyUsage, !usage.isDisjoint(with: [.keyCertSign, .cRLSign]) {
            faults.append("its key may sign certificates or revocation lists")
        }
        let allowed = Set(limits.extendedKeyUsages.map(\.oid))
        let surplus = leaf.extendedKeyUsages.filter { !allowed.contains($0) }
        if !surplus.isEmpty { faults.append("it allows key purposes that the profile does not: \(surplus)") }
        if leaf.extendedKeyUsages.isEmpty { faults.append("it names no key purpose, which allows every one") }
        if limits.isUsageCritical, leaf.extensions[.extendedKeyUsage]?.isCritical != true {
            faults.append("its key purposes are not critical, which the profile demands")
        }
        return faults
    }

    /// What the profile demands beyond names and purposes.
    private static func templateFaults(_ leaf: X509Certificate, _ limits: IssuanceLimits) -> [String] {
        var faults: [String] = []
        if limits.mustStaple, !leaf.extensions.mustStaple { faults.append("must-staple is missing (RFC 7633)") }
        if let subject = limits.subject, !leaf.subject.matches(subject) {
            faults.append("the subject is \"\(leaf.subject)\" and not \"\(subject)\", as the profile has it")
        }
        if let usage = limits.keyUsage, leaf.keyUsage != usage {
            faults.append("its key usages are \(leaf.keyUsage ?? []) and not \(usage), as the profile has them")
        }
        let missing = limits.policies.filter { !leaf.extensions.policies.contains($0) }
        if !missing.isEmpty { faults.append("it lacks the certificate policies \(missing)") }
        return faults
    }

    /// A cap is of the whole period to the second, and `notAfter` counts as valid (RFC 5280 §4.1.2.5).
    private static func validityFaults(
        _ leaf: X509Certificate,
        _ request: IssuanceRequest,
        now: Timestamp
    ) -> [String] {
        if leaf.notAfter <= now { return ["it has expired already, at \(leaf.notAfter.rfc3339)"] }
        let limits = request.limits
        guard limits.notBefore ?? leaf.notBefore == leaf.notBefore, limits.notAfter ?? leaf.notAfter == leaf.notAfter
        else {
            return ["it is valid from \(leaf.notBefore.rfc3339) until \(leaf.notAfter.rfc3339), which was not ordered"]
        }
        guard let cap = request.limits.maxTTL, leaf.notAfter + .seconds(1) > leaf.notBefore + cap else { return [] }
        return [
            "it is valid from \(leaf.notBefore.rfc3339) until \(leaf.notAfter.rfc3339), longer than the profile's "
                + "limit of \(cap)"
        ]
    }

    /// The chain must be in the order in which servers send it, and valid as far as it goes: what clients would refuse
    /// because of an authority above the leaf must not be installed.
    private static func chainFaults(
        _ issued: IssuedCertificate,
        authority: [X509Certificate],
        now: Timestamp
    ) -> [String] {
        let path = issued.chain.isEmpty ? Array(authority.prefix(1)) : issued.chain
        guard let top = path.last else { return ["no certificate of its issuer came with it"] }
        do throws(ChainError) {
            let found = try ChainVerifier(roots: [top]).verify(
                issued.leaf, intermediates: Array(path.dropLast()), at: max(now, issued.leaf.notBefore))
            // A path through all of them in their order has had every signature verified.
            return found == [issued.leaf] + path ? [] : disorder(issued.leaf, path)
        } catch {
            let disorder = disorder(issued.leaf, path)
            return disorder.isEmpty ? [error.description] : disorder
        }
    }

    /// The first certificate that the next one did not sign.
    private static func disorder(_ leaf: X509Certificate, _ path: [X509Certificate]) -> [String] {
        var subject = leaf
        for issuer in path {
            guard subject.verifySignature(issuedBy: issuer) else {
                return ["the signature on \(subject.subject) is not by \(issuer.subject)"]
            }
            subject = issuer
        }
        return []
    }
}
