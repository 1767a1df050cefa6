/// Constraints as a list of what is allowed, and nothing else: a kind of name that is not permitted is forbidden. RFC 5280
/// §4.2.1.10 leaves such a kind open, which is no list that somebody can be held to.
extension NameConstraints {
    private var kinds: Set<GeneralNameForm> { Set(permitted.map(\.form)) }

    /// The first name by which a certificate that is no authority's lies outside, described.
    package func closedViolation(by certificate: X509Certificate) -> String? {
        if let violation = violation(by: certificate) { return violation }
        if let host = labelViolation(by: certificate) { return host }
        guard !permitted.isEmpty else { return nil }
        for name in certificate.extensions.generalNames where !kinds.contains(name.form) {
            if case .name(let alternative) = name.value { return alternative.description }
            return "\(name.form)"
        }
        if !kinds.contains(.rfc822Name), let address = certificate.subject.values(of: .emailAddress).first {
            return "email address \(address) of the subject"
        }
        for text in certificate.subject.values(of: .commonName) where text.contains(".") || text.contains(":") {
            guard let name = try? SubjectAltName(classifying: text), !kinds.contains(name.form) else { continue }
            return "common name \(text)"
        }
        return nil
    }

    /// A common name without a dot is a host of the local network to those who read hosts from there.
    private func labelViolation(by certificate: X509Certificate) -> String? {
        let usages = certificate.extendedKeyUsages
        guard usages.isEmpty || usages.contains(.serverAuth) || usages.contains(.anyExtendedKeyUsage) else {
            return nil
        }
        for text in certificate.subject.values(of: .commonName) {
            guard let name = try? SubjectAltName(classifying: text) else { continue }
            if violation(in: [name]) != nil || (!permitted.isEmpty && !kinds.contains(name.form)) {
                return "common name \(text)"
            }
        }
        return nil
    }

    /// What an authority could certify beyond these constraints, described; `nil` when it is held to them.
    ///
    /// Its own certificate has to say so, for whoever relies on it knows no rules of a signer.
    package func closedViolation(byAuthority certificate: X509Certificate) -> String? {
        if forbids(subject: certificate.subject) { return "subject \(certificate.subject)" }
        let own = certificate.extensions.nameConstraints
        do throws(NameConstraintError) { _ = try NameConstraints.nested(own, in: self) } catch {
            return error.description
        }
        guard NameConstraints.repeats(self, in: own) else {
            return "its nameConstraints leave out what is permitted or excluded"
        }
        guard !permitted.isEmpty else { return nil }
        let open: [GeneralNameForm] = [.dNSName, .iPAddress, .rfc822Name, .uniformResourceIdentifier]
        for form in open where !kinds.contains(form) {
            guard let own, own.excludesAll(form) else {
                return "its nameConstraints leave every \(form) open; no such name is permitted"
            }
        }
        return nil
    }

    private func excludesAll(_ form: GeneralNameForm) -> Bool {
        switch form {
        case .dNSName: excluded.contains(.dns(""))
        case .rfc822Name: excluded.contains(.email(""))
        case .uniformResourceIdentifier: excluded.contains(.uri(""))
        case .iPAddress:
            [4, 16].allSatisfy { length in
                let zeros = [UInt8](repeating: 0, count: length)
                return excluded.contains(.ip(base: zeros, mask: zeros))
            }
        default: false
        }
    }
}

extension SubjectAltName {
    fileprivate var form: GeneralNameForm {
        switch self {
        case .dns: .dNSName
        case .ip: .iPAddress
        case .email: .rfc822Name
        case .uri: .uniformResourceIdentifier
        case .upn: .otherName
        }
    }
}
