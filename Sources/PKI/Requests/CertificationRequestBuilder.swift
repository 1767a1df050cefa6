package import Domain

/// Builds certification requests for keys held here.
package enum CertificationRequestBuilder {
    /// A signed request.
    ///
    /// The common name goes into the subject only up to 64 characters (RFC 5280 upper bound); a longer one
    /// stays among the alternative names. A common name that is a host name, address or mailbox is always
    /// repeated as alternative name (RFC 9525 ignores common names). One that is the name of a user in a directory is
    /// nothing but an alternative name.
    package static func makeCSR(
        commonName: String,
        subjectAltNames: [SubjectAltName],
        key: PrivateKey,
        mustStaple: Bool = false,
        extendedKeyUsages: [ExtendedKeyUsage] = []
    ) throws(CSRBuildError) -> CertificationRequest {
        let names: [SubjectAltName]
        let subject: DistinguishedName
        do throws(NameError) {
            names = try allNames(commonName, subjectAltNames)
            let isUser = commonName.hasPrefix(UserPrincipalName.prefix)
            let fits = !commonName.isEmpty && !isUser && commonName.unicodeScalars.count <= 64
            subject = fits ? try DistinguishedName(commonName: commonName) : .empty
        } catch {
            throw .name(error)
        }
        guard !names.isEmpty || !subject.isEmpty else { throw .name(.empty) }
        let info = DERWriter.sequence(
            DERWriter.integer(0), subject.der, key.publicKey.spkiDER,
            DERWriter.explicit(0, attribute(extensions(names, subject, mustStaple, extendedKeyUsages))))
        do throws(KeyError) {
            let algorithm = key.publicKey.signatureAlgorithm
            let signature = try key.sign(info, algorithm: algorithm)
            let der = DERWriter.sequence(info, algorithm.der, DERWriter.bitString(signature))
            return try parse(der)
        } catch {
            throw .key(error)
        }
    }

    private static func allNames(
        _ commonName: String, _ names: [SubjectAltName]
    ) throws(NameError) -> [SubjectAltName] {
        guard !commonName.isEmpty else { return SubjectAltName.canonicalOrder(names) }
        return SubjectAltName.canonicalOrder(names + [try SubjectAltName(classifying: commonName)])
    }

    private static func extensions(
        _ names: [SubjectAltName], _ subject: DistinguishedName, _ mustStaple: Bool, _ usages: [ExtendedKeyUsage]
    ) -> [CertificateExtension] {
        var extensions = [ExtensionEncoding.subjectAltName(names, isCritical: subject.isEmpty)]
        if !usages.isEmpty { extensions.append(ExtensionEncoding.extendedKeyUsage(usages.map(\.oid))) }
        if mustStaple { extensions.append(ExtensionEncoding.mustStaple) }
        return extensions
    }

    static func attribute(_ extensions: [CertificateExtension]) -> [UInt8] {
        DERWriter.sequence(
            DERWriter.oid(.extensionRequest),
            DERWriter.set(of: [DERWriter.sequence(of: extensions.map(\.der))]))
    }

    private static func parse(_ der: [UInt8]) throws(KeyError) -> CertificationRequest {
        do {
            return try CertificationRequest(der: der)
        } catch {
            throw .operationFailed("the request just built does not parse: \(error)")
        }
    }
}

/// Why a request could not be built.
package enum CSRBuildError: Error, Hashable, Sendable, CustomStringConvertible {
    case name(NameError)
    case key(KeyError)

    package var description: String {
        switch self {
        case .name(let error): error.description
        case .key(let error): error.description
        }
    }
}
