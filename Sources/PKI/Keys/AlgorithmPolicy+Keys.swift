package import Domain

extension AlgorithmPolicy {
    /// What denies a key of this kind; `nil` when nothing does.
    package func denial(of key: KeyKind) -> DeniableAlgorithm? { denial(ofKey: key.algorithm, size: key.size) }

    /// What denies a signature by a key of this kind: the key itself, or the digest that it signs over.
    package func denial(signingWith key: KeyKind) -> DeniableAlgorithm? {
        denial(of: key) ?? denial(of: .made(by: key))
    }

    /// What denies the digest of a signature algorithm.
    package func denial(of signature: SignatureAlgorithm) -> DeniableAlgorithm? {
        signature.hash.flatMap { denial(ofDigest: $0.rawValue) }
    }

    /// The kinds of key that may sign, in the order of ``KeySpec``.
    package var signingKinds: [KeySpec] { KeySpec.allCases.filter { denial(signingWith: KeyKind($0)) == nil } }

    /// The name of the deny-list for people.
    package static let setting = "CERTCTL_ALGORITHM_DENY_LIST"
}

extension KeyKind {
    package init(_ spec: KeySpec) { self.init(spec.algorithm, size: spec.size) }
}

extension SignatureAlgorithm {
    /// The algorithm with which an authority of ours signs that holds a key of this kind (issuers §5.1).
    package static func made(by key: KeyKind) -> SignatureAlgorithm {
        switch key.algorithm {
        case .rsa: .rsaPKCS1(.sha256)
        case .ecdsa: key.size <= 256 ? .ecdsa(.sha256) : key.size <= 384 ? .ecdsa(.sha384) : .ecdsa(.sha512)
        case .ed25519: .ed25519
        case .mlDSA65: .mlDSA65
        case .mlDSA87: .mlDSA87
        }
    }

    /// The digest that is signed, where one is chosen.
    package var hash: Hash? {
        switch self {
        case .rsaPKCS1(let hash), .rsaPSS(let hash), .ecdsa(let hash): hash
        case .ed25519, .mlDSA65, .mlDSA87: nil
        }
    }
}
