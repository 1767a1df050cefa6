import Domain
import PKI
import Store

// What the deny-list says about CAs: a key that it names, or that signs over a digest that it names, makes no CA and signs none
// (ADR-0030). Revocation does not come by here.
extension HierarchyFlow {
    /// - `pointer`: The member that brought the key.
    func requireAllowed(_ key: KeyKind, at pointer: String) throws(ServiceError) {
        guard let denial = context.algorithms.denial(signingWith: key) else { return }
        throw Self.invalid(
            pointer, "denied_algorithm",
            "\(key) keys sign for no CA here: \(AlgorithmPolicy.setting) names \(denial.rawValue); "
                + "take one of \(context.algorithms.signingKinds.map(\.rawValue).joined(separator: ", "))")
    }

    /// The key of a CA that is there.
    func requireAllowed(_ node: IntermediateCA) throws(ServiceError) {
        guard let key = Self.kind(of: node), let denial = context.algorithms.denial(signingWith: key) else { return }
        throw ServiceError(
            .unprocessable,
            "the CA \(node.name) (\(node.id.text)) has an \(key) key, which \(AlgorithmPolicy.setting) denies by "
                + "\(denial.rawValue): it signs revocations alone, and gets no certificate",
            problems: [FieldProblem(pointer: "", code: "denied_algorithm", detail: "the key of \(node.name) is denied")]
        )
    }

    private static func kind(of node: IntermediateCA) -> KeyKind? {
        if let certificate = node.certPEM.flatMap({ try? X509Certificate(pem: $0) }) {
            return KeyKind(certificate.subjectPublicKey)
        }
        return KeySpec(rawValue: node.keyAlgorithm).map { KeyKind($0) }
    }

    /// What a plan makes or brings.
    func requireAllowed(_ making: CAPlan.Making) throws(ServiceError) {
        switch making {
        case .made(_, let spec, _): try requireAllowed(KeyKind(spec), at: "/algorithm")
        case .registered(let certificate, _):
            try requireAllowed(KeyKind(certificate.subjectPublicKey), at: "/root_cert_pem")
            try requireStrong(certificate.subjectPublicKey, at: "/root_cert_pem")
        }
    }

    /// Throws for a key that anybody can make (CVE-2008-0166).
    func requireStrong(_ key: SubjectPublicKey, at pointer: String) throws(ServiceError) {
        guard context.weakKeys.contains(key) else { return }
        let refusal = KeyHygiene.weak
        throw ServiceError(
            .unprocessable, "this can't be a CA: \(refusal.detail)",
            problems: [FieldProblem(pointer: pointer, code: refusal.code, detail: refusal.detail)])
    }
}
