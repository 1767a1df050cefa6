import Domain
import Encoding
import Query
import Store
import Synchronization

/// Identifiers and hexadecimal values that no other call gave, the same in every run.
enum Unique {
    private static let counter = Atomic(0)

    static func number() -> Int { counter.add(1, ordering: .relaxed).newValue }

    static func id<Kind: EntityKind>(_ type: EntityID<Kind>.Type = EntityID<Kind>.self) -> EntityID<Kind> {
        let digits = String(number())
        return EntityID(stored: "\(Kind.prefix)-\(String(repeating: "0", count: 8 - digits.count))\(digits)")
    }

    static func hex64() -> String {
        let digits = String(number(), radix: 16)
        return String(repeating: "0", count: 64 - digits.count) + digits
    }

    static func serial() -> String { "f" + String(number(), radix: 16) }
}

/// The rows that most rules need around them.
struct Seed: Sendable {
    let issuer: IssuerID
    let profile: ProfileID
    let agent: AgentID
    let target: TargetID

    static let team = TeamID(stored: "t-unassigned")
    static let owner = OwnerID(stored: "o-unassigned")
    static let policy = RenewalPolicyID(stored: "rp-default")
    static let operatorActor = Actor(id: "ops", type: .apiKey)

    init(in tx: any Transaction) throws {
        issuer = Unique.id()
        profile = Unique.id()
        agent = Unique.id()
        target = Unique.id()
        try IssuerStore().insert(
            issuer,
            type: .genericCA,
            IssuerFields(name: issuer.text, config: ["key": "********"], encryptedConfig: [1, 2, 3]),
            in: tx
        )
        try ProfileStore().insert(profile, ProfileFields(name: profile.text), in: tx)
        try Self.insertAgent(agent, in: tx)
        try Self.insertTarget(target, agent: agent, in: tx)
    }

    static func insertAgent(_ id: AgentID, in tx: any Transaction) throws {
        try AgentStore().insert(
            NewAgent(
                id: id,
                name: id.text,
                hostname: "edge.example",
                keyHash: Unique.hex64(),
                metadata: AgentMetadata(os: "linux")
            ),
            in: tx
        )
    }

    static func insertTarget(_ id: TargetID, agent: AgentID, in tx: any Transaction) throws {
        try TargetStore().insert(
            id,
            type: .nginx,
            TargetFields(name: id.text, agentID: agent, config: ["cert_path": "/c"], encryptedConfig: [9]),
            in: tx
        )
    }

    func fields(name: String? = nil) -> CertificateFields {
        CertificateFields(
            name: name ?? "site-\(Unique.number())",
            commonName: "www.example.com",
            subjectAltNames: ["www.example.com", "example.com"],
            environment: "production",
            ownerID: Self.owner,
            teamID: Self.team,
            issuerID: issuer,
            renewalPolicyID: Self.policy,
            profileID: profile,
            tags: ["tier": "1"]
        )
    }

    @discardableResult
    func certificate(
        _ id: CertificateID = Unique.id(),
        name: String? = nil,
        nextRenewalAt: Timestamp? = nil,
        in tx: any Transaction
    ) throws -> Certificate {
        try CertificateStore().insert(
            NewCertificate(id: id, fields: fields(name: name), source: .api, nextRenewalAt: nextRenewalAt),
            in: tx
        )
    }

    func version(
        of certificate: CertificateID,
        agent: AgentID? = nil,
        serial: String = Unique.serial(),
        job: JobID? = nil,
        notAfter: Timestamp
    ) -> NewVersion {
        NewVersion(
            id: Unique.id(),
            certificateID: certificate,
            issuerID: issuer,
            serialNumber: serial,
            notBefore: notAfter - .days(90),
            notAfter: notAfter,
            fingerprintSHA256: Unique.hex64(),
            spkiSHA256: Unique.hex64(),
            pemChain: "-----BEGIN CERTIFICATE-----\n",
            csrPEM: "-----BEGIN CERTIFICATE REQUEST-----\n",
            keyAlgorithm: .ecdsa,
            keySize: 256,
            keyOrigin: agent == nil ? .external : .agent,
            agentID: agent,
            jobID: job
        )
    }

    func job(
        _ type: JobType,
        of certificate: CertificateID,
        status: JobStatus = .pending,
        agent: AgentID? = nil,
        target: TargetID? = nil,
        version: VersionID? = nil,
        batch: BatchID? = nil,
        scheduledAt: Timestamp? = nil,
        maxAttempts: Int = 3,
        dedupeKey: String? = nil
    ) -> NewJob {
        NewJob(
            id: Unique.id(),
            type: type,
            certificateID: certificate,
            targetID: target,
            agentID: agent,
            status: status,
            maxAttempts: maxAttempts,
            scheduledAt: scheduledAt,
            versionID: version,
            batchID: batch,
            trigger: .api,
            requestedBy: Self.operatorActor,
            dedupeKey: dedupeKey
        )
    }
}

extension Database {
    /// The rows around a test, committed.
    func seed() async throws -> Seed { try await write { try Seed(in: $0) } }
}

extension ListRequest {
    /// The first page by number, ascending.
    static func first(_ filter: Filter, sort: Sort, perPage: Int = 50) -> Self {
        ListRequest(filter: filter, sort: sort, isDescending: false, page: .offset(page: 1, perPage: perPage))
    }
}
