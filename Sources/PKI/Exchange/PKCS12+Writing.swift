import Crypto
package import Domain

/// PFX files (RFC 7292): certificates and keys under a password.
package enum PKCS12 {
    /// Rounds for a file without keys: what it says is public, the password only tells that nobody changed it.
    static let iterationsWithoutKeys = 10_000
    /// Rounds for a file with keys.
    static let iterationsWithKeys = 100_000
    /// Older programs are slow, and refuse more.
    static let legacyIterations = 2048

    /// A PFX of `content`. Every certificate that stands for itself is marked as trusted for every purpose, the mark by
    /// which Java takes it for a trust anchor.
    ///
    /// Takes time in proportion to the number of keys: some tens of milliseconds each.
    package static func encode(
        _ content: KeyStoreContent, password: Secret, scheme: PasswordBasedEncryption.Scheme = .modern,
        _ random: RandomSource
    ) throws(KeyStoreError) -> [UInt8] {
        let iterations = iterations(of: content, scheme)
        var keyBags: [[UInt8]] = []
        var certificateBags: [[UInt8]] = []
        for entry in content.keys {
            let keyID = entry.chain.first.map { Array(Insecure.SHA1.hash(data: $0.der)) }
            let encrypted = try entry.key.encryptedPKCS8DER(
                password: password, scheme: scheme, iterations: iterations, random)
            keyBags.append(bag(.shroudedKeyBag, encrypted, attributes(entry.alias, keyID: keyID)))
            for (index, certificate) in entry.chain.enumerated() {
                let isOwn = index == 0
                certificateBags.append(
                    self.certificate(
                        certificate, attributes(isOwn ? entry.alias : "", keyID: isOwn ? keyID : nil)))
            }
        }
        for entry in content.certificates {
            certificateBags.append(
                certificate(entry.certificate, attributes(entry.alias, keyID: nil) + [trusted]))
        }
        var safes: [[UInt8]] = []
        if !certificateBags.isEmpty {
            let (algorithm, ciphertext) = try PasswordBasedEncryption.encrypt(
                DERWriter.sequence(of: certificateBags), password: password, scheme: scheme, iterations: iterations,
                random)
            safes.append(encryptedData(algorithm, ciphertext))
        }
        if !keyBags.isEmpty { safes.append(data(DERWriter.sequence(of: keyBags))) }
        return file(safes, password: password, scheme: scheme, iterations: iterations, random)
    }

    private static func iterations(
        of content: KeyStoreContent, _ scheme: PasswordBasedEncryption.Scheme
    ) -> Int {
        guard scheme == .modern else { return legacyIterations }
        return content.keys.isEmpty ? iterationsWithoutKeys : iterationsWithKeys
    }

    private static func file(
        _ safes: [[UInt8]], password: Secret, scheme: PasswordBasedEncryption.Scheme, iterations: Int,
        _ random: RandomSource
    ) -> [UInt8] {
        let safe = DERWriter.sequence(of: safes)
        let salt = random.bytes(PasswordBasedEncryption.saltLength)
        let digest: KeyStoreDigest = scheme == .modern ? .sha256 : .sha1
        let key = digest.pkcs12(
            digest.count, for: .mac, password: password.withText { PKCS12KeyDerivation.octets(of: $0) }, salt: salt,
            iterations: iterations)
        let algorithm = DERWriter.sequence(
            DERWriter.oid(scheme == .modern ? .sha256 : .sha1), DERWriter.null)
        return DERWriter.sequence(
            DERWriter.integer(3), data(safe),
            DERWriter.sequence(
                DERWriter.sequence(algorithm, DERWriter.octetString(digest.mac(of: safe, key: key))),
                DERWriter.octetString(salt), DERWriter.integer(iterations)))
    }

    // MARK: Parts

    private static func data(_ octets: [UInt8]) -> [UInt8] {
        DERWriter.sequence(DERWriter.oid(.cmsData), DERWriter.explicit(0, DERWriter.octetString(octets)))
    }

    private static func encryptedData(_ algorithm: [UInt8], _ ciphertext: [UInt8]) -> [UInt8] {
        let content = DERWriter.sequence(DERWriter.oid(.cmsData), algorithm, DERWriter.implicit(0, ciphertext))
        return DERWriter.sequence(
            DERWriter.oid(.cmsEncryptedData),
            DERWriter.explicit(0, DERWriter.sequence(DERWriter.integer(0), content)))
    }

    private static func certificate(_ certificate: X509Certificate, _ attributes: [[UInt8]]) -> [UInt8] {
        let value = DERWriter.sequence(
            DERWriter.oid(.x509CertificateBag), DERWriter.explicit(0, DERWriter.octetString(certificate.der)))
        return bag(.certificateBag, value, attributes)
    }

    private static func bag(_ type: OID, _ value: [UInt8], _ attributes: [[UInt8]]) -> [UInt8] {
        DERWriter.sequence(
            DERWriter.oid(type), DERWriter.explicit(0, value),
            attributes.isEmpty ? [] : DERWriter.set(of: attributes))
    }

    private static func attributes(_ alias: String, keyID: [UInt8]?) -> [[UInt8]] {
        var attributes: [[UInt8]] = []
        if !alias.isEmpty {
            let text = alias.utf16.flatMap { [UInt8($0 >> 8), UInt8(truncatingIfNeeded: $0)] }
            attributes.append(attribute(.friendlyName, DERWriter.element(0x1E, text)))
        }
        if let keyID { attributes.append(attribute(.localKeyID, DERWriter.octetString(keyID))) }
        return attributes
    }

    private static let trusted = attribute(.javaTrustedKeyUsage, DERWriter.oid(.anyExtendedKeyUsage))

    private static func attribute(_ type: OID, _ value: [UInt8]) -> [UInt8] {
        DERWriter.sequence(DERWriter.oid(type), DERWriter.set(of: [value]))
    }
}
