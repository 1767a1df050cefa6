import Domain
import EmbeddedCA
import Lifecycle
import PKI
import Store

/// A root whose key nobody but the test has.
struct OfflineRoot {
    let certificate: X509Certificate
    private let authority: LocalCA
    private let now: Timestamp

    init(
        _ name: String = "Offline Root", at now: Timestamp, constraints: NameConstraints? = nil, pathLength: Int? = nil,
        days: Int64 = 3650
    ) async throws {
        let signer = InProcessSigner(key: try PrivateKey.generate(.ecdsaP384))
        var order = AuthorityOrder(
            subject: try DistinguishedName(commonName: name), subjectPublicKey: signer.publicKey,
            validity: (now - .hours(1), now + .days(days)))
        order.nameConstraints = constraints
        order.pathLength = pathLength
        certificate = try await LocalCA.createRoot(
            order, serial: RecordedSerial(alreadyRecorded: .random(.system)), signer: signer)
        // Whoever has the key may sign what the certificate does not allow.
        let free = AuthorityOrder(
            subject: order.subject, subjectPublicKey: signer.publicKey, validity: (now - .hours(1), now + .days(36_500))
        )
        let unlimited = try await LocalCA.createRoot(
            free, serial: RecordedSerial(alreadyRecorded: .random(.system)), signer: signer)
        authority = try LocalCA(
            certificateChain: [unlimited], signer: signer, settings: LocalCASettings(), now: now)
        self.now = now
    }

    /// What comes back for a request; `nil` members as they were asked for.
    func sign(
        _ csrPEM: String, key: SubjectPublicKey? = nil, subject: DistinguishedName? = nil, days: Int64 = 365,
        _ change: (inout AuthorityOrder) -> Void = { _ in }
    ) async throws -> X509Certificate {
        let request = try CertificationRequest(pem: csrPEM)
        let wanted = request.requestedExtensions
        var order = AuthorityOrder(
            subject: subject ?? request.subject, subjectPublicKey: key ?? request.subjectPublicKey,
            validity: (Timestamp(secondsSinceEpoch: now.secondsSinceEpoch - 60), now + .days(days)))
        order.pathLength = wanted.basicConstraints?.pathLenConstraint
        order.nameConstraints = wanted.nameConstraints
        order.extendedKeyUsages = request.extendedKeyUsages
        order.policies = wanted.policies
        change(&order)
        return try await authority.certify(
            order, serial: RecordedSerial(alreadyRecorded: .random(.system)), now: now)
    }
}

extension Grove {
    func register(_ root: OfflineRoot) async throws -> IntermediateCA {
        try await make("Offline") {
            $0.subject = nil
            $0.rootPEM = root.certificate.pem
        }
    }

    func request(
        _ name: String, below parent: AuthorityID?, _ change: (inout CADraft) -> Void = { _ in }
    ) async throws -> IntermediateCA {
        try await world.hierarchy.request(Self.draft(name, below: parent, change), by: world.author)
    }

    func certify(_ id: AuthorityID, _ certificate: X509Certificate) async throws -> IntermediateCA {
        try await world.hierarchy.certify(id, with: certificate.pem, by: world.author)
    }
}
