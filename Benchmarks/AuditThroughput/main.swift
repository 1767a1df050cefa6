import Domain
import Encoding
import Lifecycle
import Logging
import PostgresDriver
import Query
import SQLiteDriver
import Sealing
import Store
import Synchronization

// How much throughput sixteen writers keep when what they do is audited and the sequencer seals along.
//
//     audit-throughput DATABASE [SECONDS [unsealed]]
//
// DATABASE is sqlite:PATH of a file, or postgres://… of a database; what is missing of the schema is made. With
// `unsealed` the sequencer rests while the writers write, which tells its share of the cost from that of the audit
// event itself.
//
// A writer does what an issuance does to the database, with the statements and sizes of the issuance flow: one
// transaction reads what decides and records the order; a second one closes it, installs the version, records the job
// and appends the event. Audited ones append the audit event in the second, too. Nothing else of an issuance is there
// (no HTTP, no key, no signature), so the share that real issuances keep is greater: `make bench` measures it.
// Rounds with and without alternate, and the median of the shares of neighbours counts, so that a drifting machine
// touches both alike.

let writers = 16
let rounds = 15
let arguments = CommandLine.arguments
guard arguments.count > 1 else { throw Usage() }
let isSealing = !arguments.contains("unsealed")
let seconds = arguments.count > 2 ? Int64(arguments[2]) ?? 2 : 2

struct Usage: Error {}

func open(_ location: String) throws -> any MigratableDatabase {
    if location.hasPrefix("sqlite:") { return try SQLiteDatabase(path: String(location.dropFirst(7)), time: .system) }
    return try PostgresDatabase(PostgresConfiguration(url: Secret(location)))
}

let database = try open(arguments[1])
var log = Logger(label: "benchmark")
log.logLevel = .error
try await MigrationRunner(
    database: database, ladder: try MigrationLadder.embedded(for: database.engine), binaryVersion: "0.0.0",
    time: .system, log: log
).migrate()

/// Certificates of one writer; each issuance renews the next one.
let certificatesPerWriter = 8
let issuer = IssuerID(generatedAt: TimeSource.system.now, random: .system)
let certificates: [CertificateID] = (0..<writers * certificatesPerWriter).map { _ in
    CertificateID(generatedAt: TimeSource.system.now, random: .system)
}
try await database.write { tx in
    try IssuerStore().insert(
        issuer, type: .genericCA, IssuerFields(name: issuer.text, config: [:], encryptedConfig: [1]), in: tx)
    for id in certificates {
        _ = try CertificateStore().insert(
            NewCertificate(
                id: id,
                fields: CertificateFields(
                    name: id.text, commonName: "www.example.com", subjectAltNames: ["www.example.com", "example.com"],
                    environment: "production", ownerID: OwnerID(stored: "o-unassigned"),
                    teamID: TeamID(stored: "t-unassigned"), issuerID: issuer,
                    renewalPolicyID: RenewalPolicyID(stored: "rp-default"), profileID: nil, tags: [:]),
                source: .api, nextRenewalAt: nil),
            in: tx)
    }
}
let sealer = Sealer(masterKey: try MasterKey(generated: MasterKey.generate(random: .system)))
let context = LifecycleContext(database: database, time: .system, random: .system)
let leadership = Leadership(
    holder: "benchmark", host: "host", processID: 1, database: database, time: .system, random: .system, log: log
)
let sequencer = AuditSequencer(context, leadership: leadership, sealer: sealer, plan: AuditPlan())
let author = Authorship(
    actor: Actor(id: "bench", type: .apiKey),
    origin: RequestOrigin(requestID: "req", clientAddress: "192.0.2.1", channel: "api"),
    clearance: .system
)

/// What the writers of one round share.
final class Tally: Sendable {
    let done = Atomic(0)
    let isOver = Atomic(false)
}

struct Bench: Sendable {
    let database: any Database
    let leadership: Leadership
    let sequencer: AuditSequencer
    let author: Authorship
    let issuer: IssuerID
    let certificates: [[CertificateID]]
    let seconds: Int64
    let isSealing: Bool
    let csrPEM = "-----BEGIN CERTIFICATE REQUEST-----\n" + String(repeating: "M", count: 420)
    let pemChain = "-----BEGIN CERTIFICATE-----\n" + String(repeating: "M", count: 1500)

    func issue(_ certificate: CertificateID, isAudited: Bool) async throws {
        let order = OrderID(generatedAt: TimeSource.system.now, random: .system)
        let job = JobID(generatedAt: TimeSource.system.now, random: .system)
        let serial = "f" + Hex.encode(RandomSource.system.bytes(19))
        try await database.writeTogether(about: certificate.text) { tx in
            guard try IssuanceInputs.read(certificate, in: tx) != nil else { throw Usage() }
            try OrderStore().record(
                NewOrder(
                    id: order, issuerID: issuer, certificateID: certificate, jobID: job, purpose: .renew,
                    idempotencyKey: "\(job.text)/1", serialNumber: serial, csrPEM: csrPEM,
                    csrSHA256: Hex.encode(RandomSource.system.bytes(32)), deadlineAt: tx.now + .days(1)),
                in: tx)
        }
        try await database.writeTogether(about: certificate.text) { tx in
            try OrderStore().complete(order, in: tx)
            let version = version(of: certificate, serial: serial, job: job, now: tx.now)
            try VersionInstaller().submit(
                version, from: [.pending, .active], to: CertificateOutcome(status: .active), in: tx)
            try JobStore().recordCompleted(
                NewJob(
                    id: job, type: .renewal, certificateID: certificate, agentID: nil, status: .pending, maxAttempts: 3,
                    scheduledAt: nil, versionID: version.id, batchID: nil, trigger: .api, requestedBy: author.actor,
                    dedupeKey: nil),
                startedAt: tx.now, in: tx)
            let details = details(of: version)
            if isAudited {
                try AuditLog().append(
                    AuditEntry(
                        id: AuditEventID(generatedAt: tx.now, random: .system), author: author,
                        action: "certificate_renewed", resourceType: "certificate", resourceID: certificate.text,
                        details: AuditDetails(details)),
                    in: tx)
            }
            try EventOutbox().append(
                [
                    NewEvent(
                        type: "certificate.renewed", resourceType: "certificate", subject: certificate.text,
                        actor: author.actor, data: details)
                ], in: tx)
        }
    }

    private func version(
        of certificate: CertificateID, serial: String, job: JobID, now: Timestamp
    ) -> NewVersion {
        NewVersion(
            id: VersionID(generatedAt: now, random: .system), certificateID: certificate, issuerID: issuer,
            serialNumber: serial, notBefore: now, notAfter: now + .days(90),
            fingerprintSHA256: Hex.encode(RandomSource.system.bytes(32)),
            spkiSHA256: Hex.encode(RandomSource.system.bytes(32)), pemChain: pemChain, csrPEM: csrPEM,
            keyAlgorithm: .ecdsa, keySize: 256, keyOrigin: .external, agentID: nil, jobID: job)
    }

    private func details(of version: NewVersion) -> JSONObject {
        [
            "version_id": .string(version.id.text), "serial_number": .string(version.serialNumber),
            "fingerprint_sha256": .string(version.fingerprintSHA256), "issuer_id": .string(issuer.text),
            "job_id": .string(version.jobID?.text ?? ""), "not_after": .string(version.notAfter.rfc3339),
        ]
    }

    /// Issuances per second of one round.
    func measure(isAudited: Bool) async throws -> Double {
        let end = ContinuousClock.now + .seconds(seconds)
        let tally = Tally()
        try await withThrowingTaskGroup(of: Void.self) { group in
            if isAudited, isSealing {
                group.addTask {
                    while !tally.isOver.load(ordering: .relaxed) {
                        _ = try await leadership.attempt()
                        _ = try await sequencer.sealPending()
                        try await Task.sleep(for: .milliseconds(200))
                    }
                }
            }
            try await withThrowingTaskGroup(of: Void.self) { writing in
                for own in certificates {
                    writing.addTask {
                        var number = 0
                        while ContinuousClock.now < end {
                            try await issue(own[number % own.count], isAudited: isAudited)
                            number += 1
                            tally.done.add(1, ordering: .relaxed)
                        }
                    }
                }
                try await writing.waitForAll()
            }
            tally.isOver.store(true, ordering: .relaxed)
            try await group.waitForAll()
        }
        return Double(tally.done.load(ordering: .relaxed)) / Double(seconds)
    }
}

let bench = Bench(
    database: database, leadership: leadership, sequencer: sequencer, author: author, issuer: issuer,
    certificates: (0..<writers).map { writer in
        Array(certificates[writer * certificatesPerWriter..<(writer + 1) * certificatesPerWriter])
    }, seconds: seconds, isSealing: isSealing
)

func median(_ values: [Double]) -> Double { values.sorted()[values.count / 2] }

_ = try await bench.measure(isAudited: false)
var plain: [Double] = []
var audited: [Double] = []
for _ in 0..<rounds {
    plain.append(try await bench.measure(isAudited: false))
    audited.append(try await bench.measure(isAudited: true))
}
_ = try await leadership.attempt()
_ = try await sequencer.sealPending()
let sealed = try await database.read { try AuditLedger().size(in: $0) }
let share = median(zip(audited, plain).map { $0 / $1 }) * 100
print("\(database.engine): \(writers) writers, \(rounds) rounds of \(seconds) s, issuances/s")
print(
    "unaudited \(Int(median(plain)))/s, audited \(Int(median(audited)))/s: \(Int(share.rounded())) %; \(sealed) sealed")
await database.close()
