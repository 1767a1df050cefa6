/// What an operator can put on the deny-list: kinds of key and digests of signatures, as ``CryptoRegister`` names them, and
/// RSA by size as well.
package enum DeniableAlgorithm: String, Sendable, CaseIterable {
    case ecdsaP256 = "ECDSA-P256"
    case ecdsaP384 = "ECDSA-P384"
    case ecdsaP521 = "ECDSA-P521"
    /// Of every size.
    case rsa = "RSA"
    /// Of 2048 bits; so the next two, each with whatever is shorter.
    case rsa2048 = "RSA-2048"
    case rsa3072 = "RSA-3072"
    case rsa4096 = "RSA-4096"
    case ed25519 = "Ed25519"
    case mlDSA65 = "ML-DSA-65"
    case mlDSA87 = "ML-DSA-87"
    case sha256 = "SHA-256"
    case sha384 = "SHA-384"
    case sha512 = "SHA-512"

    /// Whether a key is of this kind: an RSA key of the size or a shorter one, since nobody denies 3072 bits to allow 2048.
    func isKind(of algorithm: KeyAlgorithm, size: Int) -> Bool {
        switch self {
        case .ecdsaP256: algorithm == .ecdsa && size == 256
        case .ecdsaP384: algorithm == .ecdsa && size == 384
        case .ecdsaP521: algorithm == .ecdsa && size == 521
        case .rsa: algorithm == .rsa
        case .rsa2048: algorithm == .rsa && size <= 2048
        case .rsa3072: algorithm == .rsa && size <= 3072
        case .rsa4096: algorithm == .rsa && size <= 4096
        case .ed25519: algorithm == .ed25519
        case .mlDSA65: algorithm == .mlDSA65
        case .mlDSA87: algorithm == .mlDSA87
        case .sha256, .sha384, .sha512: false
        }
    }
}

/// The algorithms that nothing new is made with (ADR-0030).
package struct AlgorithmPolicy: Hashable, Sendable {
    /// How much of something the deny-list leaves.
    package enum Remainder: Sendable { case everything, something, nothing }

    package let denied: Set<DeniableAlgorithm>

    package init(denying denied: Set<DeniableAlgorithm> = []) { self.denied = denied }

    /// The names of the deny-list, in the order of ``DeniableAlgorithm``.
    package var names: [String] { DeniableAlgorithm.allCases.filter { denied.contains($0) }.map(\.rawValue) }

    /// What denies a key; `nil` when nothing does.
    ///
    /// - `size`: In bits, as certificates count it.
    package func denial(ofKey algorithm: KeyAlgorithm, size: Int) -> DeniableAlgorithm? {
        DeniableAlgorithm.allCases.first { denied.contains($0) && $0.isKind(of: algorithm, size: size) }
    }

    /// Whether the deny-list has an algorithm of the register as a whole. RSA with a size denies none but that size and less.
    package func denies(_ algorithm: CryptoAlgorithm) -> Bool {
        DeniableAlgorithm(rawValue: algorithm.name).map { denied.contains($0) } ?? false
    }

    /// Whether it denies keys that certificates call so, as in `RSA-3072`.
    package func denies(keyNamed name: String) -> Bool {
        if name.hasPrefix("RSA-"), let size = Int(name.dropFirst(4)) {
            return denial(ofKey: .rsa, size: size) != nil
        }
        return DeniableAlgorithm(rawValue: name).map { denied.contains($0) } ?? false
    }

    /// What denies signatures over a digest of this name, such as `SHA-256`.
    package func denial(ofDigest name: String) -> DeniableAlgorithm? {
        DeniableAlgorithm(rawValue: name).flatMap { denied.contains($0) ? $0 : nil }
    }

    /// Whether some kind of key of those that certctl makes can sign.
    package var leavesSigner: Bool {
        let kinds: [(KeyAlgorithm, size: Int, digest: String)] = [
            (.ecdsa, 256, "SHA-256"), (.ecdsa, 384, "SHA-384"), (.ecdsa, 521, "SHA-512"), (.rsa, 4096, "SHA-256"),
            (.ed25519, 256, ""), (.mlDSA65, 0, ""), (.mlDSA87, 0, ""),
        ]
        return kinds.contains { kind in
            denial(ofKey: kind.0, size: kind.size) == nil && denial(ofDigest: kind.digest) == nil
        }
    }

    /// What is left of the keys that a line of a profile allows.
    package func remainder(of rule: KeyRule) -> Remainder {
        guard !denied.isEmpty else { return .everything }
        let smallest = rule.algorithm.hasFixedSize ? 0 : rule.minSize
        let sizes: [Int] =
            switch rule.algorithm {
            case .ecdsa: [256, 384, 521].filter { rule.admits(size: $0) }
            // A denied size denies all below, so the ends tell.
            case .rsa: [smallest, rule.maxSize ?? Int.max]
            case .ed25519, .mlDSA65, .mlDSA87: [smallest]
            }
        let open = sizes.filter { denial(ofKey: rule.algorithm, size: $0) == nil }
        return open.isEmpty ? .nothing : open.count == sizes.count ? .everything : .something
    }

    /// The same of all lines together.
    package func remainder(of rules: [KeyRule]) -> Remainder {
        let parts = Set(rules.map { remainder(of: $0) })
        return parts == [.nothing] ? .nothing : parts.isSubset(of: [.everything]) ? .everything : .something
    }
}
