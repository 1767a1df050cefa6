import Domain
import EmbeddedCA
import HTTPServing
import PKI

/// The certificate that the control plane presents, with the small CA of its own that signed it.
///
/// That CA signs nothing else; it is not an issuer (specification, operations §6.2).
struct ServerIdentity: Sendable {
    let authority: X509Certificate
    let authorityKey: PrivateKey
    let leaf: X509Certificate
    let leafKey: PrivateKey

    private static let authorityLifetime = Duration.days(3650)
    private static let leafLifetime = Duration.days(90)

    /// A CA of its own and a first leaf. ECDSA P-256, because Apple's TLS does not take Ed25519 from servers.
    static func make(names: [SubjectAltName], now: Timestamp, random: RandomSource) async throws -> ServerIdentity {
        let authorityKey = try PrivateKey.generate(.ecdsaP256)
        let authority = try await LocalCA.createRoot(
            commonName: "certctl control plane",
            serial: RecordedSerial(alreadyRecorded: .random(random)),
            signer: InProcessSigner(key: authorityKey),
            validity: (notBefore: now - .seconds(60), notAfter: now + authorityLifetime)
        )
        return try await issue(authority: authority, authorityKey: authorityKey, names: names, now: now, random: random)
    }

    /// The same CA with a fresh leaf and key.
    func renewed(names: [SubjectAltName], now: Timestamp, random: RandomSource) async throws -> ServerIdentity {
        try await Self.issue(authority: authority, authorityKey: authorityKey, names: names, now: now, random: random)
    }

    private static func issue(
        authority: X509Certificate,
        authorityKey: PrivateKey,
        names: [SubjectAltName],
        now: Timestamp,
        random: RandomSource
    ) async throws -> ServerIdentity {
        var settings = LocalCASettings()
        settings.validity = leafLifetime
        let ca = try LocalCA(
            certificateChain: [authority], signer: InProcessSigner(key: authorityKey), settings: settings, now: now
        )
        let leafKey = try PrivateKey.generate(.ecdsaP256)
        let request = try CertificationRequestBuilder.makeCSR(
            commonName: "certctl-server", subjectAltNames: names, key: leafKey
        )
        // Serials of this CA need no record: it signs a handful of certificates for one name in its whole life, and
        // 159 random bits do not repeat.
        var issuance = LocalIssuance(
            serial: RecordedSerial(alreadyRecorded: .random(random)),
            request: try VerifiedCertificationRequest(request),
            commonName: nil,
            names: names,
            now: now
        )
        issuance.extendedKeyUsages = [.serverAuth]
        let leaf = try await ca.issue(issuance)
        return ServerIdentity(
            authority: authority, authorityKey: authorityKey, leaf: leaf.certificate, leafKey: leafKey
        )
    }

    /// Leaf and CA: clients that pin the CA find it in the handshake.
    var chainPEM: String { leaf.pem + authority.pem }

    var material: TLSMaterial { TLSMaterial(chainPEM: chainPEM, keyPEM: leafKey.pkcs8PEM) }

    /// Two thirds of the leaf's life are over.
    func isDueForRenewal(at now: Timestamp) -> Bool {
        let lifetime = leaf.notAfter - leaf.notBefore
        return now >= leaf.notAfter - .microseconds(lifetime.wholeMicroseconds / 3)
    }

    func covers(_ names: [SubjectAltName]) -> Bool { Set(names).isSubset(of: Set(leaf.subjectAltNames)) }

    func isValid(at now: Timestamp) -> Bool { leaf.isValid(at: now) && authority.isValid(at: now) }
}
