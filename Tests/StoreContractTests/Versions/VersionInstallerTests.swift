import DatabaseTestSupport
import Domain
import Query
import Store
import Testing

@Suite("Domain §3.8, §4.3, §5.6: installing a version")
struct VersionInstallerTests {
    private let versions = VersionStore()

    private static func install(
        _ version: NewVersion,
        in tx: any Transaction
    ) throws -> InstalledVersion {
        try VersionInstaller().install(
            version,
            from: [.pending, .active],
            to: CertificateOutcome(
                status: .active, nextRenewalAt: .at(version.notAfter), renewalFailures: 0, lastError: ""),
            in: tx
        )
    }

    @Test("each key slot has one current version, and the earliest end counts", arguments: Engine.available)
    func slots(engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let seed = try await database.seed()
            let base = Timestamp(secondsSinceEpoch: 2_000_000_000)
            try await database.write { [versions] tx in
                let id = try seed.certificate(in: tx).id
                let first = seed.version(of: id, notAfter: base)
                let installed = try Self.install(first, in: tx)
                #expect(installed.superseded.isEmpty && installed.certificate.currentVersionID == first.id)
                #expect(installed.certificate.expiresAt == base && installed.certificate.lastRenewalAt == tx.now)

                let agents = seed.version(of: id, agent: seed.agent, notAfter: base - .days(10))
                #expect(try Self.install(agents, in: tx).certificate.expiresAt == base - .days(10))

                var second = seed.version(of: id, notAfter: base + .days(90))
                second.lintFindings = [
                    LintFinding(rule: .hostNameForm, severity: .warning, message: "dns:\"ä_b\" has an underscore")
                ]
                let replaced = try Self.install(second, in: tx)
                #expect(replaced.superseded == [first.id])
                #expect(replaced.certificate.expiresAt == base - .days(10))

                #expect(Set(try versions.current(of: id, in: tx).map(\.id)) == [agents.id, second.id])
                #expect(try versions.current(of: id, slot: seed.agent, in: tx)?.version.id == agents.id)
                #expect(try versions.current(of: id, slot: nil, in: tx)?.version.id == second.id)
                #expect(try versions.find(second.id, in: tx)?.version.lintFindings == second.lintFindings)
                #expect(try versions.find(first.id, in: tx)?.version.lintFindings == [])
                #expect(try versions.find(first.id, in: tx)?.version.supersededAt == tx.now)
                let all = try versions.list(
                    ListRequest(
                        filter: VersionFilter(certificateID: id),
                        sort: .createdAt,
                        isDescending: true,
                        page: .offset(page: 1, perPage: 10)
                    ),
                    in: tx
                )
                #expect(all.total == 3)
            }
        }
    }

    @Test("a serial number, a fingerprint and a job each store one version", arguments: Engine.available)
    func uniqueness(engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let seed = try await database.seed()
            let end = Timestamp(secondsSinceEpoch: 2_000_000_000)
            let job: JobID = Unique.id()
            let id = try await database.write { tx in
                let id = try seed.certificate(in: tx).id
                _ = try Self.install(seed.version(of: id, serial: "abc", job: job, notAfter: end), in: tx)
                return id
            }
            await #expect(throws: StoreError.alreadyExists(.version, field: "serial_number")) {
                try await database.write { tx in
                    _ = try Self.install(seed.version(of: id, serial: "abc", notAfter: end), in: tx)
                }
            }
            await #expect(throws: StoreError.alreadyExists(.version, field: "job_id")) {
                try await database.write { tx in
                    _ = try Self.install(seed.version(of: id, job: job, notAfter: end), in: tx)
                }
            }
            let stored = try await database.read { [versions] in try versions.find(storedBy: job, in: $0) }
            #expect(stored?.serialNumber == "abc" && stored?.supersededAt == nil)
        }
    }

    @Test("an archived certificate takes no version, and nothing of it is stored", arguments: Engine.available)
    func refusedState(engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let seed = try await database.seed()
            let id = try await database.write { tx in
                let id = try seed.certificate(in: tx).id
                _ = try CertificateStore().transition(
                    id,
                    from: [.pending],
                    to: CertificateOutcome(status: .archived),
                    in: tx
                )
                return id
            }
            await #expect(throws: StoreError.self) {
                try await database.write { tx in
                    _ = try Self.install(seed.version(of: id, notAfter: tx.now + .days(1)), in: tx)
                }
            }
            let current = try await database.read { [versions] in try versions.current(of: id, in: $0) }
            #expect(current.isEmpty)
        }
    }

    @Test("many installations at once leave one current version", arguments: Engine.available)
    func concurrency(engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let seed = try await database.seed()
            let id = try await database.write { try seed.certificate(in: $0).id }
            await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<12 {
                    group.addTask {
                        try await database.write { tx in
                            _ = try Self.install(seed.version(of: id, notAfter: tx.now + .days(1)), in: tx)
                        }
                    }
                }
            }
            try await database.read { [versions] tx in
                let current = try versions.current(of: id, in: tx)
                #expect(current.count == 1)
                #expect(try CertificateStore().get(id, in: tx).currentVersionID == current.first?.id)
                let stored = try tx.row("SELECT COUNT(*) AS n FROM certificate_versions")?.int("n")
                #expect(stored == 12)
            }
        }
    }
}
