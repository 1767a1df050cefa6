import DatabaseTestSupport
import Domain
import Encoding
import Lifecycle
import Query
import Store
import Synchronization
import Testing

@Suite("Bulk revocation: one operation, exact certificates, nothing lost and nothing twice (domain §10)")
struct BulkRevokeTests {
    /// How many certificates one transaction takes.
    private static let chunk = 200

    static func flow(
        _ world: World, rule: SecondPersonRule = .never, observers: [RevocationObserver] = []
    ) -> BulkRevokeFlow {
        BulkRevokeFlow(world.context, observers: observers, rule: { rule })
    }

    static func wanted(
        _ reason: RevocationReason = .keyCompromise, confirming count: Int? = nil,
        _ choose: (inout CertificateFilter) -> Void = { $0.ownerIDs = [OwnerID(stored: "o-alice")] }
    ) -> BulkRevocation {
        var filter = CertificateFilter()
        choose(&filter)
        return BulkRevocation(
            filter: filter, criteria: ["owner_id": "o-alice"], order: RevocationOrder(reason), confirmedCount: count)
    }

    /// Certificates of which each was issued.
    static func issued(_ world: World, _ names: [String]) async throws {
        for name in names {
            try await world.certificate(name)
            try await RevokeFlowTests.issue(world, name)
        }
    }

    /// Works until the operation has ended.
    @discardableResult
    static func finish(_ flow: BulkRevokeFlow, _ id: OperationID) async throws -> Operation {
        for _ in 0..<100 {
            let operation = try await flow.step(id).operation
            if operation.finishedAt != nil { return operation }
        }
        throw ServiceError(.internalError, "the operation does not end")
    }

    /// A copy of an issued version's certificate for each of many names: issuing hundreds would take the test's time.
    private static func multiply(_ world: World, _ model: String, _ count: Int) async throws {
        try await issued(world, [model])
        try await world.database.write { tx in
            for number in 0..<count {
                let (id, serial) = ("\(model)-\(number)", "1\(number)")
                _ = try tx.execute(
                    """
                    INSERT INTO managed_certificates (id, name, common_name, sans, environment, owner_id, team_id, issuer_id,
                        renewal_policy_id, status, declared_active, tags, source, status_changed_at, created_at, updated_at)
                    SELECT \(id), \(id), common_name, sans, environment, owner_id, team_id, issuer_id, renewal_policy_id,
                        status, declared_active, tags, source, status_changed_at, created_at, updated_at
                    FROM managed_certificates WHERE id = \(model)
                    """)
                try copyVersion(of: model, to: id, serial, in: tx)
            }
        }
    }

    private static func copyVersion(
        of model: String, to id: String, _ serial: String, in tx: any Transaction
    ) throws {
        let columns = try tx.rows("SELECT * FROM certificate_versions WHERE certificate_id = \(model)")
        try #require(columns.count == 1)
        _ = try tx.execute(
            """
            INSERT INTO certificate_versions (id, certificate_id, issuer_id, serial_number, not_before, not_after,
                fingerprint_sha256, spki_sha256, pem_chain, csr_pem, key_algorithm, key_size, key_origin, created_at)
            SELECT \("v-" + id), \(id), issuer_id, \(serial), not_before, not_after, \(digest(serial)), spki_sha256,
                pem_chain, csr_pem, key_algorithm, key_size, key_origin, created_at
            FROM certificate_versions WHERE certificate_id = \(model)
            """)
        _ = try tx.execute(
            "UPDATE managed_certificates SET current_version_id = \("v-" + id) WHERE id = \(id)")
    }

    private static func digest(_ text: String) -> String { OperationStore.digest(of: [text]) }

    // MARK: What is done

    @Test("the preview is what is done: revoked, skipped and unknown", arguments: Engine.available)
    func preview(engine: Engine) async throws {
        try await World.with(engine) { world async throws in
            try await Self.issued(world, ["a", "b", "gone"])
            try await world.certificate("never")
            let single = RevokeFlow(world.context)
            _ = try await single.revoke(
                .certificate(CertificateID(stored: "gone"), .standard), RevocationOrder(.superseded), by: world.author)
            let wanted = Self.wanted {
                $0.certificateIDs = ["a", "b", "gone", "never", "nobody"].map { CertificateID(stored: $0) }
            }
            let flow = Self.flow(world)
            let before = try await flow.preview(wanted, by: world.author)
            #expect(before.total == 5 && before.revocable == 2 && before.skipped == 2)
            #expect(before.unknown.map(\.text) == ["nobody"] && !before.needsApproval)
            #expect(before.sample.map(\.outcome) == [.succeeded, .succeeded, .skipped, .skipped])
            #expect(try await world.count("SELECT COUNT(*) AS n FROM operations") == 0, "nothing was stored")
            #expect(try await world.stored("a").status == .active)

            let begun = try await flow.begin(wanted, by: world.author)
            #expect(begun.state == .running && begun.progress.total == 5 && begun.progress.failed == 1)
            let ended = try await Self.finish(flow, begun.id)
            #expect(ended.state == .succeeded && ended.progress.succeeded == 2 && ended.progress.skipped == 2)
            #expect(ended.progress.failed == 1 && ended.finishedAt != nil)
            for name in ["a", "b"] {
                let stored = try await world.stored(name)
                #expect(stored.status == .revoked && stored.revocationReason == .keyCompromise)
                #expect(try await world.actions(on: name).contains("certificate_revoked"))
            }
            #expect(try await world.stored("gone").revocationReason == .superseded, "as it was")
            let actions = try await world.actions(on: begun.id.text)
            #expect(actions.sorted() == ["bulk_revocation_finished", "bulk_revocation_initiated"])
            // What has ended is not worked on again.
            #expect(try await flow.step(begun.id).items.isEmpty)
            #expect(await refusal { _ = try await flow.cancel(begun.id, by: world.author) } == .invalidState)
        }
    }

    @Test("each criterion narrows, and all together", arguments: Engine.available)
    func criteria(engine: Engine) async throws {
        try await World.with(engine) { world async throws in
            try await Self.issued(world, ["a", "b", "c"])
            try await world.database.write { tx in
                _ = try tx.execute("UPDATE managed_certificates SET environment = 'lab' WHERE id IN ('a', 'b')")
                _ = try tx.execute("UPDATE managed_certificates SET source = 'EST' WHERE id = 'b'")
            }
            let key = try await world.database.read { tx in
                try tx.row("SELECT spki_sha256 FROM certificate_versions WHERE certificate_id = 'c'")?
                    .text("spki_sha256")
            }
            let flow = Self.flow(world)
            func found(_ choose: (inout CertificateFilter) -> Void) async throws -> [String] {
                try await flow.preview(Self.wanted(.keyCompromise, choose), by: world.author).sample.map(\.subject)
            }
            #expect(try await found { $0.environments = ["lab"] } == ["a", "b"])
            #expect(try await found { ($0.environments, $0.sources) = (["lab"], [.est]) } == ["b"])
            #expect(try await found { $0.spkiSHA256 = key } == ["c"])
            #expect(try await found { $0.issuerIDs = [World.issuer] } == ["a", "b", "c"])
            #expect(try await found { $0.teamIDs = [TeamID(stored: "t-none")] } == [])
            #expect(try await found { $0.statuses = [.revoked] } == [])
            #expect(try await found { $0.expiresBefore = Timestamp(secondsSinceEpoch: 1) } == [])
        }
    }

    @Test("the number of certificates is confirmed, or nothing happens", arguments: Engine.available)
    func confirmation(engine: Engine) async throws {
        try await World.with(engine) { world async throws in
            try await Self.issued(world, ["a", "b"])
            let flow = Self.flow(world)
            for count in [0, 1, 3] {
                let code = await refusal {
                    _ = try await flow.begin(Self.wanted(confirming: count), by: world.author)
                }
                #expect(code == .confirmationRequired)
            }
            let future = BulkRevocation(
                filter: Self.wanted().filter, criteria: [:],
                order: RevocationOrder(.keyCompromise, invalidityDate: Timestamp(secondsSinceEpoch: 32_503_680_000)))
            #expect(await refusal { _ = try await flow.begin(future, by: world.author) } == .validationFailed)
            #expect(
                await refusal { _ = try await flow.begin(Self.wanted(.removeFromCRL), by: world.author) }
                    == .validationFailed)
            #expect(try await world.count("SELECT COUNT(*) AS n FROM operations") == 0)
            #expect(try await world.stored("a").status == .active)
            let none = try await flow.begin(
                Self.wanted(confirming: 0) { $0.teamIDs = [TeamID(stored: "t-none")] }, by: world.author)
            #expect(none.state == .succeeded && none.progress.total == 0)
            let right = try await flow.begin(Self.wanted(confirming: 2), by: world.author)
            #expect(try await Self.finish(flow, right.id).progress.succeeded == 2)
        }
    }

    @Test("what comes into the criteria later is not revoked, and what left them is", arguments: Engine.available)
    func frozen(engine: Engine) async throws {
        try await World.with(engine) { world async throws in
            try await Self.issued(world, ["a", "b"])
            let flow = Self.flow(world)
            let begun = try await flow.begin(Self.wanted { $0.environments = [""] }, by: world.author)
            try await Self.issued(world, ["later"])
            try await world.database.write { tx in
                _ = try tx.execute("UPDATE managed_certificates SET environment = 'moved' WHERE id = 'b'")
            }
            #expect(try await Self.finish(flow, begun.id).progress.succeeded == 2)
            #expect(try await world.stored("b").status == .revoked)
            #expect(try await world.stored("later").status == .active)
        }
    }

    @Test("only what lies in reach is found, also by identifier", arguments: Engine.available)
    func reach(engine: Engine) async throws {
        try await World.with(engine) { world async throws in
            try await Self.issued(world, ["a"])
            _ = try await world.issuers.create(
                IssuerDraft(id: "iss-other", name: "Other CA", type: "local"), by: world.author)
            try await world.actor("eve", [("r-admin", .issuer(IssuerID(stored: "iss-other")))])
            let eve = try await world.author("eve", using: .certBulkRevoke)
            let flow = Self.flow(world)
            #expect(try await flow.preview(Self.wanted(), by: eve).total == 0)
            let named = Self.wanted { $0.certificateIDs = [CertificateID(stored: "a")] }
            let begun = try await flow.begin(named, by: eve)
            #expect(begun.state == .failed && begun.progress.failed == 1)
            #expect(try await world.stored("a").status == .active)
        }
    }

    // MARK: Faults and company

    @Test("a process that dies loses nothing and repeats nothing", arguments: Engine.available)
    func death(engine: Engine) async throws {
        try await World.with(engine) { world async throws in
            try await Self.multiply(world, "m", 2 * Self.chunk + 49)
            let told = Mutex(0)
            let observer = RevocationObserver { _, _ in told.withLock { $0 += 1 } }
            let flow = Self.flow(world, observers: [observer])
            let begun = try await flow.begin(Self.wanted(.superseded), by: world.author)
            #expect(begun.progress.total == 2 * Self.chunk + 50)
            #expect(try await flow.step(begun.id).items.count == Self.chunk)
            world.database.dieAtWrite(1)
            await #expect(throws: (any Error).self) { _ = try await flow.step(begun.id) }
            // Another process takes it up.
            let loop = BulkRevokeLoop(world.context, Self.flow(world, observers: [observer]))
            #expect(try await loop.loop.tick(world.time.now).rows == Self.chunk + 50)
            let ended = try await world.database.read { try OperationStore().get(begun.id, in: $0) }
            #expect(ended.state == .succeeded && ended.progress.succeeded == 2 * Self.chunk + 50)
            #expect(told.withLock { $0 } == 2 * Self.chunk + 50)
            let numbers: SQL = "SELECT COUNT(DISTINCT change_number) AS n FROM certificate_revocations"
            #expect(try await world.count(numbers) == 2 * Self.chunk + 50)
            #expect(
                try await world.count("SELECT COUNT(*) AS n FROM audit_events WHERE action = 'certificate_revoked'")
                    == 2 * Self.chunk + 50)
        }
    }

    @Test("several at once share the work, beside single revocations of the same", arguments: Engine.available)
    func company(engine: Engine) async throws {
        try await World.with(engine) { world async throws in
            try await Self.multiply(world, "m", 450)
            let flow = Self.flow(world)
            let begun = try await flow.begin(Self.wanted(.superseded), by: world.author)
            let single = RevokeFlow(world.context)
            let alone = try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<3 {
                    group.addTask {
                        try await Self.finish(flow, begun.id)
                        return 0
                    }
                }
                for number in stride(from: 440, to: 450, by: 1) {
                    group.addTask {
                        let target = RevocationTarget.certificate(CertificateID(stored: "m-\(number)"), .standard)
                        let code = await refusal {
                            _ = try await single.revoke(target, RevocationOrder(.superseded), by: world.author)
                        }
                        #expect(code == nil || code == .invalidState, "\(String(describing: code))")
                        return code == nil ? 1 : 0
                    }
                }
                return try await group.reduce(0, +)
            }
            let ended = try await world.database.read { try OperationStore().get(begun.id, in: $0) }
            #expect(ended.progress.succeeded == 451 - alone && ended.progress.skipped == alone)
            #expect(try await world.count("SELECT COUNT(*) AS n FROM certificate_revocations") == 451)
        }
    }

    @Test("a certificate that cannot be read fails by itself", arguments: [Engine.sqlite])
    func broken(engine: Engine) async throws {
        try await World.with(engine) { world async throws in
            try await Self.issued(world, ["a", "b", "c"])
            let flow = Self.flow(world)
            let begun = try await flow.begin(Self.wanted(), by: world.author)
            try await world.database.write { tx in
                _ = try tx.execute("PRAGMA ignore_check_constraints = ON")
                _ = try tx.execute("UPDATE managed_certificates SET status = 'Asleep' WHERE id = 'b'")
                _ = try tx.execute("PRAGMA ignore_check_constraints = OFF")
            }
            let ended = try await Self.finish(flow, begun.id)
            #expect(ended.progress.succeeded == 2 && ended.progress.failed == 1, "\(ended.progress)")
        }
    }

    @Test("cancelled: what is revoked stays revoked, the rest stays good", arguments: Engine.available)
    func cancelled(engine: Engine) async throws {
        try await World.with(engine) { world async throws in
            try await Self.multiply(world, "m", Self.chunk)
            let flow = Self.flow(world)
            let begun = try await flow.begin(Self.wanted(.superseded), by: world.author)
            _ = try await flow.step(begun.id)
            let cancelled = try await flow.cancel(begun.id, by: world.author)
            #expect(cancelled.state == .cancelled && cancelled.progress.succeeded == Self.chunk)
            #expect(try await flow.step(begun.id).items.isEmpty)
            #expect(
                try await world.count("SELECT COUNT(*) AS n FROM certificate_revocations") == Self.chunk)
            let actions = try await world.actions(on: begun.id.text)
            #expect(actions.sorted() == ["bulk_revocation_cancelled", "bulk_revocation_initiated"])
        }
    }

    @Test("operations are forgotten 90 days after their end")
    func forgotten() async throws {
        try await World.with(.sqlite) { world async throws in
            try await Self.issued(world, ["a"])
            let flow = Self.flow(world)
            let begun = try await flow.begin(Self.wanted(), by: world.author)
            try await Self.finish(flow, begun.id)
            let loop = BulkRevokeLoop(world.context, flow)
            world.clock.advance(by: .days(89))
            #expect(try await loop.loop.tick(world.time.now).rows == 0)
            world.clock.advance(by: .days(2))
            #expect(try await loop.loop.tick(world.time.now).rows == 1)
            #expect(try await world.count("SELECT COUNT(*) AS n FROM operation_items") == 0)
        }
    }
}
