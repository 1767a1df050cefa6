import DatabaseTestSupport
import Domain
import Query
import Store
import Testing

/// Counts the statements of one transaction.
private final class CountingTransaction: Transaction {
    private let wrapped: any Transaction
    private(set) var statements = 0

    init(_ wrapped: any Transaction) { self.wrapped = wrapped }

    var engine: Engine { wrapped.engine }
    var now: Timestamp { wrapped.now }

    func rows(_ sql: SQL) throws(DatabaseError) -> [Row] {
        statements += 1
        return try wrapped.rows(sql)
    }

    func execute(_ sql: SQL) throws(DatabaseError) -> Int {
        statements += 1
        return try wrapped.execute(sql)
    }

    func notify(_ channel: SignalChannel, payload: String) throws(DatabaseError) {
        statements += 1
        try wrapped.notify(channel, payload: payload)
    }
}

@Suite("Domain §15.4: an issuance and a list cost a fixed number of statements")
struct IssuancePathTests {
    @Test("two before the CA is asked, seven after it answered", arguments: Engine.available)
    func issuance(engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let seed = try await database.seed()
            let id = try await database.write { tx in
                let id = try seed.certificate(in: tx).id
                try CertificateStore().attach([seed.target], to: id, in: tx)
                return id
            }
            let order: OrderID = Unique.id()
            let serial = Unique.serial()
            try await database.write { tx throws in
                let counting = CountingTransaction(tx)
                let inputs = try #require(try IssuanceInputs.read(id, in: counting))
                #expect(inputs.certificate.id == id && inputs.issuerType == .genericCA && inputs.issuerEnabled)
                #expect(inputs.policy.name == "default" && inputs.profile?.name == seed.profile.text)
                #expect(inputs.hasTargets && inputs.configRevision == 1)
                try OrderStore().record(
                    NewOrder(
                        id: order,
                        issuerID: seed.issuer,
                        certificateID: id,
                        jobID: nil,
                        purpose: .issue,
                        idempotencyKey: order.text,
                        serialNumber: serial,
                        csrPEM: nil,
                        csrSHA256: Unique.hex64()
                    ),
                    in: counting
                )
                #expect(counting.statements == 2)
            }
            try await database.write { tx throws in
                let counting = CountingTransaction(tx)
                let job = seed.job(.issuance, of: id)
                let version = seed.version(of: id, serial: serial, job: job.id, notAfter: tx.now + .days(90))
                _ = try VersionInstaller().install(
                    version,
                    from: [.pending],
                    to: CertificateOutcome(status: .active),
                    in: counting
                )
                try OrderStore().complete(order, in: counting)
                try JobStore().recordCompleted(job, startedAt: tx.now, in: counting)
                let author = Authorship(actor: Seed.operatorActor, origin: nil, clearance: .system)
                try AuditLog().append(
                    AuditEntry(
                        id: Unique.id(),
                        author: author,
                        action: "csr_submitted",
                        resourceType: "certificate",
                        resourceID: id.text
                    ),
                    in: counting
                )
                try EventOutbox().append(
                    [
                        NewEvent(
                            type: "certificate.issued",
                            resourceType: "certificate",
                            subject: id.text,
                            actor: author.actor
                        )
                    ],
                    in: counting
                )
                #expect(counting.statements == 7)
            }
        }
    }

    @Test("a page of certificates costs three statements, whatever its size", arguments: Engine.available, [1, 20])
    func list(engine: Engine, count: Int) async throws {
        try await TestDatabase.with(engine) { database in
            let seed = try await database.seed()
            try await database.write { tx throws in
                for _ in 0..<count {
                    let id = try seed.certificate(in: tx).id
                    try CertificateStore().attach([seed.target], to: id, in: tx)
                }
                let counting = CountingTransaction(tx)
                let page = try CertificateStore().list(
                    .first(CertificateFilter(), sort: .createdAt), within: .system, in: counting)
                #expect(page.rows.count == count && counting.statements == 3)
            }
        }
    }
}
