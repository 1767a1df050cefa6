import CPKCS11
import PKI

/// An attribute of an object in a token, in the native octets of the standard.
struct TokenAttribute: Sendable {
    let type: UInt
    let value: [UInt8]

    init(_ type: UInt, _ value: [UInt8]) {
        self.type = type
        self.value = value
    }

    init(_ type: UInt, text: String) { self.init(type, Array(text.utf8)) }
    init(_ type: UInt, _ flag: Bool) { self.init(type, [flag ? 1 : 0]) }
    /// `CK_ULONG`.
    init(_ type: UInt, number: UInt) { self.init(type, withUnsafeBytes(of: number) { Array($0) }) }

    // The types that certctl uses, `CKA_…`.
    static let objectClass: UInt = 0x0
    static let token: UInt = 0x1
    static let isPrivate: UInt = 0x2
    static let label: UInt = 0x3
    static let keyType: UInt = 0x100
    static let id: UInt = 0x102
    static let sensitive: UInt = 0x103
    static let sign: UInt = 0x108
    static let verify: UInt = 0x10A
    static let modulus: UInt = 0x120
    static let modulusBits: UInt = 0x121
    static let publicExponent: UInt = 0x122
    static let publicKeyInfo: UInt = 0x129
    static let extractable: UInt = 0x162
    static let ecParameters: UInt = 0x180
    static let ecPoint: UInt = 0x181
    static let alwaysAuthenticate: UInt = 0x202

    static let publicKeyClass: UInt = 2
    static let privateKeyClass: UInt = 3
}

extension [TokenAttribute] {
    /// Lends the attributes in the form of the standard. A call does not change what is lent.
    func withAttributes<Result>(_ body: (UnsafeMutablePointer<ck_attribute>, Int) -> Result) -> Result {
        let total = reduce(0) { $0 + $1.value.count }
        return withUnsafeTemporaryAllocation(byteCount: Swift.max(total, 1), alignment: 16) { octets in
            withUnsafeTemporaryAllocation(of: ck_attribute.self, capacity: Swift.max(count, 1)) { attributes in
                var offset = 0
                for (index, attribute) in enumerated() {
                    let place = UnsafeMutableRawBufferPointer(
                        rebasing: octets[offset..<(offset + attribute.value.count)])
                    place.copyBytes(from: attribute.value)
                    attributes.initializeElement(
                        at: index,
                        to: ck_attribute(
                            type: attribute.type, value: place.baseAddress, length: UInt(attribute.value.count)))
                    offset += attribute.value.count
                }
                guard let first = attributes.baseAddress else { preconditionFailure("an allocation has an address") }
                return body(first, count)
            }
        }
    }
}

/// How a token signs; no other mechanism is ever asked for.
enum TokenMechanism: Sendable {
    case ecdsa
    case rsaPKCS1
    case rsaPSS(SignatureAlgorithm.Hash)

    /// Lends the mechanism in the form of the standard.
    func withMechanism<Result>(_ body: (UnsafeMutablePointer<ck_mechanism>) -> Result) -> Result {
        switch self {
        case .ecdsa:
            var mechanism = ck_mechanism(mechanism: 0x1041, parameter: nil, length: 0)
            return body(&mechanism)
        case .rsaPKCS1:
            var mechanism = ck_mechanism(mechanism: 0x1, parameter: nil, length: 0)
            return body(&mechanism)
        case .rsaPSS(let hash):
            // CKM_SHA…, CKG_MGF1_SHA…, a salt as long as the hash (RFC 4055 §3.1).
            let (algorithm, mask, salt): (UInt, UInt, UInt) =
                switch hash {
                case .sha256: (0x250, 2, 32)
                case .sha384: (0x260, 3, 48)
                case .sha512: (0x270, 4, 64)
                }
            var parameters = ck_rsa_pkcs_pss_params(hash: algorithm, mgf: mask, salt_length: salt)
            return withUnsafeMutableBytes(of: &parameters) { octets in
                var mechanism = ck_mechanism(
                    mechanism: 0xD, parameter: octets.baseAddress, length: UInt(octets.count))
                return body(&mechanism)
            }
        }
    }
}
