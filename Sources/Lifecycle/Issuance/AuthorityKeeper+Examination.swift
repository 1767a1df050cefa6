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
            let config = try GenericCAConfig(fields)
            let algorithms = authorities.linter.algorithms
            switch config.material {
            case .generated(_, let spec, _): try Self.require(KeyKind(spec), "key_algorithm", algorithms)
            case .files(let path, _): try await Self.requireSupplied(path, authorities)
            case .heldBelow(let path, let key):
                try await Self.requireSupplied(path, authorities)
                try await Self.examine(key, nil, isMade: false, config, authorities)
            case .held(_, let key, let spec, _): try await Self.examine(key, spec, isMade: true, config, authorities)
            }
        }
    }

    /// - `isMade`: Whether the key is made where it is not there.
    private static func examine(
        _ key: KeyReference, _ spec: KeySpec?, isMade: Bool, _ config: GenericCAConfig, _ authorities: AuthorityAccess
    ) async throws {
        let keys = authorities.keys.unlocking(with: config.keyPassphrase)
        let (kind, field): (KeyKind, String)
        do throws(SignerError) {
            if try await keys.examine(key) {
                (kind, field) = (KeyKind(try await keys.obtain(spec, at: key).signer.publicKey), "key_ref")
            } else if isMade {
                (kind, field) = (KeyKind(spec ?? .ecdsaP256), "key_algorithm")
            } else {
                throw .keyNotFound("\(key.ref) is not there, and the CA certificate is given")
            }
        } catch {
            throw ServiceError(
                .unprocessable, "the key of the CA cannot be used: \(error)",
                problems: [
                    FieldProblem(pointer: "/config/key_ref", code: "unusable_key", detail: error.description)
                ])
        }
        try require(kind, field, authorities.linter.algorithms)
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
