extension OID {
    // Attribute types of names (RFC 5280 appendix A, RFC 4519).
    package static let commonName = OID(2, 5, 4, 3)
    package static let surname = OID(2, 5, 4, 4)
    package static let serialNumberAttribute = OID(2, 5, 4, 5)
    package static let countryName = OID(2, 5, 4, 6)
    package static let localityName = OID(2, 5, 4, 7)
    package static let stateOrProvinceName = OID(2, 5, 4, 8)
    package static let streetAddress = OID(2, 5, 4, 9)
    package static let organizationName = OID(2, 5, 4, 10)
    package static let organizationalUnitName = OID(2, 5, 4, 11)
    package static let title = OID(2, 5, 4, 12)
    package static let domainComponent = OID(0, 9, 2342, 19_200_300, 100, 1, 25)
    package static let userID = OID(0, 9, 2342, 19_200_300, 100, 1, 1)
    package static let emailAddress = OID(1, 2, 840, 113_549, 1, 9, 1)

    // OCSP (RFC 6960 §4.4, RFC 9654).
    package static let ocspBasic = OID(1, 3, 6, 1, 5, 5, 7, 48, 1, 1)
    package static let ocspNonce = OID(1, 3, 6, 1, 5, 5, 7, 48, 1, 2)
    package static let ocspAcceptableResponses = OID(1, 3, 6, 1, 5, 5, 7, 48, 1, 4)
    package static let ocspNoCheck = OID(1, 3, 6, 1, 5, 5, 7, 48, 1, 5)
    package static let ocspArchiveCutoff = OID(1, 3, 6, 1, 5, 5, 7, 48, 1, 6)
    package static let ocspExtendedRevoke = OID(1, 3, 6, 1, 5, 5, 7, 48, 1, 9)

    // Certificate extensions (RFC 5280 §4.2).
    package static let subjectKeyIdentifier = OID(2, 5, 29, 14)
    package static let keyUsage = OID(2, 5, 29, 15)
    package static let subjectAltName = OID(2, 5, 29, 17)
    package static let basicConstraints = OID(2, 5, 29, 19)
    package static let nameConstraints = OID(2, 5, 29, 30)
    package static let policyMappings = OID(2, 5, 29, 33)
    package static let policyConstraints = OID(2, 5, 29, 36)
    package static let inhibitAnyPolicy = OID(2, 5, 29, 54)
    package static let freshestCRL = OID(2, 5, 29, 46)
    /// RFC 9608.
    package static let noRevAvail = OID(2, 5, 29, 56)
    package static let anyPolicy = OID(2, 5, 29, 32, 0)
    package static let crlDistributionPoints = OID(2, 5, 29, 31)
    package static let certificatePolicies = OID(2, 5, 29, 32)
    package static let authorityKeyIdentifier = OID(2, 5, 29, 35)
    package static let extendedKeyUsage = OID(2, 5, 29, 37)
    package static let authorityInfoAccess = OID(1, 3, 6, 1, 5, 5, 7, 1, 1)
    package static let tlsFeature = OID(1, 3, 6, 1, 5, 5, 7, 1, 24)

    // Extensions of certificate revocation lists and of their entries (RFC 5280 §5.2, §5.3).
    package static let cRLNumber = OID(2, 5, 29, 20)
    package static let reasonCode = OID(2, 5, 29, 21)
    package static let invalidityDate = OID(2, 5, 29, 24)
    package static let deltaCRLIndicator = OID(2, 5, 29, 27)
    package static let issuingDistributionPoint = OID(2, 5, 29, 28)
    package static let certificateIssuer = OID(2, 5, 29, 29)

    // Access methods.
    package static let ocsp = OID(1, 3, 6, 1, 5, 5, 7, 48, 1)
    package static let caIssuers = OID(1, 3, 6, 1, 5, 5, 7, 48, 2)

    // Extended key usages.
    package static let serverAuth = OID(1, 3, 6, 1, 5, 5, 7, 3, 1)
    package static let clientAuth = OID(1, 3, 6, 1, 5, 5, 7, 3, 2)
    package static let codeSigning = OID(1, 3, 6, 1, 5, 5, 7, 3, 3)
    package static let emailProtection = OID(1, 3, 6, 1, 5, 5, 7, 3, 4)
    package static let timeStamping = OID(1, 3, 6, 1, 5, 5, 7, 3, 8)
    package static let ocspSigning = OID(1, 3, 6, 1, 5, 5, 7, 3, 9)
    package static let anyExtendedKeyUsage = OID(2, 5, 29, 37, 0)

    // Attributes of certification requests.
    package static let extensionRequest = OID(1, 2, 840, 113_549, 1, 9, 14)
    package static let microsoftExtensionRequest = OID(1, 3, 6, 1, 4, 1, 311, 2, 1, 14)
    package static let userPrincipalName = OID(1, 3, 6, 1, 4, 1, 311, 20, 2, 3)

    // Keys and curves.
    package static let rsaEncryption = OID(1, 2, 840, 113_549, 1, 1, 1)
    package static let rsaPSS = OID(1, 2, 840, 113_549, 1, 1, 10)
    package static let ecPublicKey = OID(1, 2, 840, 10_045, 2, 1)
    package static let p256 = OID(1, 2, 840, 10_045, 3, 1, 7)
    package static let p384 = OID(1, 3, 132, 0, 34)
    package static let p521 = OID(1, 3, 132, 0, 35)
    package static let ed25519 = OID(1, 3, 101, 112)
    package static let mlDSA65 = OID(2, 16, 840, 1, 101, 3, 4, 3, 18)
    package static let mlDSA87 = OID(2, 16, 840, 1, 101, 3, 4, 3, 19)

    // Signatures and digests.
    package static let sha256WithRSA = OID(1, 2, 840, 113_549, 1, 1, 11)
    package static let sha384WithRSA = OID(1, 2, 840, 113_549, 1, 1, 12)
    package static let sha512WithRSA = OID(1, 2, 840, 113_549, 1, 1, 13)
    package static let ecdsaWithSHA256 = OID(1, 2, 840, 10_045, 4, 3, 2)
    package static let ecdsaWithSHA384 = OID(1, 2, 840, 10_045, 4, 3, 3)
    package static let ecdsaWithSHA512 = OID(1, 2, 840, 10_045, 4, 3, 4)
    package static let mgf1 = OID(1, 2, 840, 113_549, 1, 1, 8)
    /// Names what OCSP clients hash; certctl signs and verifies nothing with it.
    package static let sha1 = OID(1, 3, 14, 3, 2, 26)
    package static let sha256 = OID(2, 16, 840, 1, 101, 3, 4, 2, 1)
    package static let sha384 = OID(2, 16, 840, 1, 101, 3, 4, 2, 2)
    package static let sha512 = OID(2, 16, 840, 1, 101, 3, 4, 2, 3)

    /// Names of refused algorithms, so that an operator reads more than digits.
    static let refusedNames: [OID: String] = [
        OID(1, 2, 840, 113_549, 1, 1, 4): "MD5 with RSA",
        OID(1, 2, 840, 113_549, 1, 1, 5): "SHA-1 with RSA",
        OID(1, 2, 840, 10_045, 4, 1): "ECDSA with SHA-1",
        OID(1, 2, 840, 113_549, 1, 1, 14): "SHA-224 with RSA",
        OID(1, 2, 840, 10_045, 4, 3, 1): "ECDSA with SHA-224",
        OID(1, 2, 840, 10_040, 4, 1): "DSA",
        OID(1, 2, 840, 10_040, 4, 3): "DSA with SHA-1",
        OID(2, 16, 840, 1, 101, 3, 4, 3, 2): "DSA with SHA-256",
        OID(1, 3, 101, 110): "X25519",
        OID(1, 3, 101, 111): "X448",
        OID(1, 3, 101, 113): "Ed448",
        OID(1, 3, 132, 0, 10): "secp256k1",
        OID(1, 2, 840, 10_045, 3, 1, 1): "P-192",
        OID(1, 3, 132, 0, 33): "P-224",
        OID(2, 16, 840, 1, 101, 3, 4, 3, 17): "ML-DSA-44",
        OID(2, 16, 840, 1, 101, 3, 4, 3, 18): "ML-DSA-65",
        OID(2, 16, 840, 1, 101, 3, 4, 3, 19): "ML-DSA-87",
    ]

    /// A name for messages: the known one with the digits, or the digits alone.
    var nameForMessages: String {
        if let name = Self.refusedNames[self] { return "\(name) (\(self))" }
        return description
    }
}
