import Domain
import EmbeddedCA
package import IssuerConnectors
import PKI

extension AuthorityKeeper {
    /// Whether the key that a configuration names could be used or made now, and is of a kind that may sign; nothing is made.
    ///
    /// - Throws: 422 with what is in the way.
    package func examiner(_ authorities: AuthorityAccess) -> IssuerRegistry.Examiner {
        { type, fields in
            guard type == .genericCA else { return }
            try await Self.examine(GenericCAConfig(fields), authorities)
        }
    }

    private static func examine(_ config: GenericCAConfig, _ authorities: AuthorityAccess) async throws {
        switch config.material {
        case .generated(_, let spec, _): try require(KeyKind(spec), "key_algorithm", authorities.linter.algorithms)
        case .files(let path, _): try await requireSupplied(path, authorities)
        case .heldBelow(let path, let key):
            try await requireSupplied(path, authorities)
            try await examine(key, nil, isMade: false, config, authorities)
        case .held(_, let key, let spec, _): try await examine(key, spec, isMade: true, config, authorities)
        }
    }

    /// - `isMade`: Whether the key is made where it is not there.
    private static func examine(
        _ key: KeyReference, _ spec: KeySpec?, isMade: Bool, _ config: GenericCAConfig, _ authorities: AuthorityAccess
    ) async throws {
        let found: KeyKind?
        do {
            found = try await kind(of: key, spec, authorities.keys.unlocking(with: config.keyPassphrase))
            if found == nil, !isMade {
                throw SignerError.keyNotFound("\(key.ref) is not there, and the CA certificate is given")
            }
        } catch let error as SignerError {
            throw ServiceError(
                .unprocessable, "the key of the CA cannot be used: \(error)",
                problems: [
                    FieldProblem(pointer: "/config/key_ref", code: "unusable_key", detail: error.description)
                ])
        }
        try require(
            found ?? KeyKind(spec ?? .ecdsaP256), found == nil ? "key_algorithm" : "key_ref",
            authorities.linter.algorithms)
    }

    /// The kind of a key that is there; `nil` for one that is not.
    ///
    /// Swift 6.3's optimizer ends with signal 11 when this is inlined into what calls it.
    @inline(never)
    private static func kind(
        of key: KeyReference, _ spec: KeySpec?, _ keys: KeyDriverRegistry
    ) async throws(SignerError) -> KeyKind? {
        guard try await keys.examine(key) else { return nil }
        return KeyKind(try await keys.obtain(spec, at: key).signer.publicKey)
    }

    /// A certificate that can't be read now is the matter of its first use.
    private static func requireSupplied(_ path: String, _ authorities: AuthorityAccess) async throws {
        guard let text = try? await authorities.readCertificates(path),
            let certificate = try? X509Certificate.bundle(pem: text).first
        else { return }
        try require(KeyKind(certificate.subjectPublicKey), "ca_cert_path", authorities.linter.algorithms)
    }

    /// - `field`: Of the configuration, where the kind of key comes from.
    private static func require(
        _ kind: KeyKind, _ field: String, _ algorithms: AlgorithmPolicy
    ) throws(ServiceError) {
        guard let denial = algorithms.denial(signingWith: kind) else { return }
        let detail = "\(kind) keys sign for no CA here: \(AlgorithmPolicy.setting) names \(denial.rawValue)"
        throw ServiceError(
            .unprocessable, "the key of the CA cannot be used: \(detail)",
            problems: [FieldProblem(pointer: "/config/\(field)", code: "denied_algorithm", detail: detail)])
    }
}
