extension OID {
    // Messages (RFC 5652 §4, §5, §8).
    static let cmsData = OID(1, 2, 840, 113_549, 1, 7, 1)
    static let cmsSignedData = OID(1, 2, 840, 113_549, 1, 7, 2)
    static let cmsEnvelopedData = OID(1, 2, 840, 113_549, 1, 7, 3)
    static let cmsEncryptedData = OID(1, 2, 840, 113_549, 1, 7, 6)

    // Password-based cryptography (RFC 8018 appendix C, RFC 9579).
    static let pbkdf2 = OID(1, 2, 840, 113_549, 1, 5, 12)
    static let pbes2 = OID(1, 2, 840, 113_549, 1, 5, 13)
    static let pbmac1 = OID(1, 2, 840, 113_549, 1, 5, 14)
    static let hmacWithSHA1 = OID(1, 2, 840, 113_549, 2, 7)
    static let hmacWithSHA256 = OID(1, 2, 840, 113_549, 2, 9)
    static let hmacWithSHA384 = OID(1, 2, 840, 113_549, 2, 10)
    static let hmacWithSHA512 = OID(1, 2, 840, 113_549, 2, 11)
    static let tripleDESCBC = OID(1, 2, 840, 113_549, 3, 7)
    static let aes128CBC = OID(2, 16, 840, 1, 101, 3, 4, 1, 2)
    static let aes192CBC = OID(2, 16, 840, 1, 101, 3, 4, 1, 22)
    static let aes256CBC = OID(2, 16, 840, 1, 101, 3, 4, 1, 42)

    // PKCS#12 (RFC 7292 appendix C, D).
    static let pbeWithSHA1And3DES = OID(1, 2, 840, 113_549, 1, 12, 1, 3)
    static let pbeWithSHA1And2Key3DES = OID(1, 2, 840, 113_549, 1, 12, 1, 4)
    static let pbeWithSHA1AndRC2128 = OID(1, 2, 840, 113_549, 1, 12, 1, 5)
    static let pbeWithSHA1AndRC240 = OID(1, 2, 840, 113_549, 1, 12, 1, 6)
    static let keyBag = OID(1, 2, 840, 113_549, 1, 12, 10, 1, 1)
    static let shroudedKeyBag = OID(1, 2, 840, 113_549, 1, 12, 10, 1, 2)
    static let certificateBag = OID(1, 2, 840, 113_549, 1, 12, 10, 1, 3)
    static let safeContentsBag = OID(1, 2, 840, 113_549, 1, 12, 10, 1, 6)
    static let friendlyName = OID(1, 2, 840, 113_549, 1, 9, 20)
    static let localKeyID = OID(1, 2, 840, 113_549, 1, 9, 21)
    static let x509CertificateBag = OID(1, 2, 840, 113_549, 1, 9, 22, 1)

    // Java's key stores.
    static let javaKeyProtector = OID(1, 3, 6, 1, 4, 1, 42, 2, 17, 1, 1)
    /// Marks a certificate of a PKCS#12 file as trusted; Java overlooks those without it.
    static let javaTrustedKeyUsage = OID(2, 16, 840, 1, 113_894, 746_875, 1, 1)
}
