extension NameConstraints {
    /// Comparisons that ``violation(by:)`` makes at most.
    func comparisons(with certificate: X509Certificate) -> Int {
        (certificate.extensions.generalNames.count + certificate.subject.relativeNames.count + 1) * weight
    }

    /// The first name by which a certificate below the constrained authority breaks the constraints, described
    /// (protocol-servers §7 item 5).
    package func violation(by certificate: X509Certificate) -> String? {
        if forbids(subject: certificate.subject) { return "subject \(certificate.subject)" }
        for name in certificate.extensions.generalNames {
            switch name.value {
            case .name(let alternative): if violation(in: [alternative]) != nil { return alternative.description }
            case .directory(let directory): if forbids(subject: directory) { return "directory name \(directory)" }
            case .unsupported(let description): if constrains(name.form) { return description }
            }
        }
        return mailboxViolation(by: certificate) ?? commonNameViolation(by: certificate)
    }

    /// Without a mailbox among the alternative names, those of the subject count (RFC 5280 §4.2.1.10).
    private func mailboxViolation(by certificate: X509Certificate) -> String? {
        guard constrains(.rfc822Name),
            !certificate.extensions.generalNames.contains(where: { $0.form == .rfc822Name })
        else { return nil }
        for attribute in certificate.subject.relativeNames.joined() where attribute.type == .emailAddress {
            guard let text = attribute.value, let address = try? EmailAddress(text),
                violation(in: [.email(address)]) == nil
            else { return "email address \(attribute.value ?? "that is no text") of the subject" }
        }
        return nil
    }

    /// Clients that read host names from the common name must not be led around the constraints.
    private func commonNameViolation(by certificate: X509Certificate) -> String? {
        guard !certificate.isCA else { return nil }
        for commonName in certificate.subject.values(of: .commonName) {
            // A common name without a dot is a label for people as often as a host.
            guard commonName.contains(".") || commonName.contains(":"),
                let name = try? SubjectAltName(classifying: commonName), violation(in: [name]) != nil
            else { continue }
            return "common name \(commonName)"
        }
        return nil
    }

    private func constrains(_ form: GeneralNameForm) -> Bool {
        permitted.contains { $0.form == form } || excluded.contains { $0.form == form }
    }
}

extension DistinguishedName {
    /// Whether `other` starts with the relative names of this one.
    func isPrefix(of other: DistinguishedName) -> Bool {
        guard relativeNames.count <= other.relativeNames.count else { return false }
        return zip(matchingKey, other.matchingKey).allSatisfy { $0 == $1 }
    }
}
