import DatabaseTestSupport
import Domain
import Lifecycle
import PKI
import Query
import Store
import Synchronization
import Testing

@Suite("Revocation: one transaction, every affected version, numbers without gaps (domain §4.2, issuers §2.9)")
struct RevokeFlowTests {
    /// Issues a version of a certificate for a client's key.
    @discardableResult
    static func issue(_ world: World, _ name: String, key: PrivateKey? = nil) async throws -> IssuedVersion {
        let csr = try World.csr(name, key: key)
        let answer = try await world.issuance.submit(
            clientCSR: csr, for: CertificateID(stored: name), by: world.author)
        guard case .issued(let version, _) = answer else { throw ServiceError(.internalError, "not issued at once") }
        return version
    }

    private static func flow(_ world: World) -> RevokeFlow { RevokeFlow(world.context) }

    private static func target(_ name: String, _ selection: RevocationTarget.Selection = .standard) -> RevocationTarget
    { .certificate(CertificateID(stored: name), selection) }

    private static func numbers(_ world: World) async throws -> [Int] {
        try await world.database.read { tx in
            try tx.rows("SELECT change_number FROM certificate_revocations ORDER BY change_number")
                .map { try $0.int("change_number") }
        }
    }

    private static func last(_ world: World) async throws -> Int {
        try await world.database.read { tx in
            try RevocationStore().lastChange(of: AuthorityID(soleOf: World.issuer), in: tx)
        }
    }

    @Test(
        "a certificate is revoked with its jobs, told of and audited; it isn't renewed",
        arguments: Engine.available)
    func single(engine: Engine) async throws {
        try await World.with(engine) { world async throws in
            try await world.certificate("api")
            let version = try await Self.issue(world, "api")
            let seen = Mutex<[String]>([])
            let observer = RevocationObserver { revocation, _ in
                seen.withLock { $0.append(revocation.serialNumber) }
            }
            let order = RevocationOrder(.superseded, invalidityDate: Timestamp(secondsSinceEpoch: 1_000_000_000))
            let result = try await RevokeFlow(world.context, observers: [observer])
                .revoke(Self.target("api"), order, by: world.author)
            #expect(result.revocations.map(\.serialNumber) == [version.serialNumber])
            #expect(seen.withLock { $0 } == [version.serialNumber])
            let row = try #require(result.revocations.first)
            #expect(row.changeNumber == 1 && row.notification == .none && row.revokedBy == "alice")
            #expect(row.invalidityDate == order.invalidityDate && row.versionID == version.id)
            let stored = try await world.stored("api")
            #expect(stored.status == .revoked && stored.revocationReason == .superseded)
            #expect(stored.revokedAt == row.revokedAt && stored.nextRenewalAt == nil)
            #expect(try await world.actions(on: "api").contains("certificate_revoked"))
            let events: SQL = "SELECT COUNT(*) AS n FROM events WHERE type = 'certificate.revoked'"
            #expect(try await world.count(events) == 1)
            let renewal = await refusal {
                _ = try await world.renewals.renew(CertificateID(stored: "api"), force: true, by: world.author)
            }
            #expect(renewal == .invalidState)
            #expect(await refusal { try await Self.issue(world, "api") } == .invalidState)

            // Again: nothing is left, nothing changes.
            let again = await refusal {
                _ = try await Self.flow(world).revoke(Self.target("api"), RevocationOrder(), by: world.author)
            }
            #expect(again == .invalidState)
            #expect(try await Self.numbers(world) == [1])
            #expect(try await Self.last(world) == 1)
            #expect(try await world.count(events) == 1)
        }
    }

    @Test("open jobs end with the certificate, and a job of it is not taken up again", arguments: Engine.available)
    func jobs(engine: Engine) async throws {
        try await World.with(engine) { world async throws in
            try await world.agent("web-01")
            try await world.target("edge", of: "web-01")
            try await world.certificate("api")
            try await Self.issue(world, "api")
            _ = try await world.certificates.attach(
                TargetID(stored: "edge"), to: CertificateID(stored: "api"), by: world.author)
            _ = try await world.renewals.renew(CertificateID(stored: "api"), force: false, by: world.author)
            #expect(try await world.stored("api").status == .renewalInProgress)
            _ = try await Self.flow(world).revoke(Self.target("api"), RevocationOrder(), by: world.author)
            #expect(try await world.stored("api").status == .revoked)
            #expect(try await world.jobs(of: "api").allSatisfy { [.cancelled, .completed].contains($0.status) })
            _ = try await world.tick(.renewalCheck)
            #expect(try await world.stored("api").status == .revoked)
        }
    }

    @Test(
        "the default takes what shares a current key, a compromise everything, a serial itself",
        arguments: Engine.available)
    func selection(engine: Engine) async throws {
        try await World.with(engine) { world async throws in
            let key = try PrivateKey.generate(.ecdsaP256)
            for name in ["same", "other", "leak", "old"] { try await world.certificate(name) }
            let same = [
                try await Self.issue(world, "same", key: key), try await Self.issue(world, "same", key: key),
            ]
            let both = try await Self.flow(world).revoke(Self.target("same"), RevocationOrder(), by: world.author)
            #expect(Set(both.revocations.map(\.serialNumber)) == Set(same.map(\.serialNumber)))

            let other = [try await Self.issue(world, "other"), try await Self.issue(world, "other")]
            let newest = try await Self.flow(world).revoke(Self.target("other"), RevocationOrder(), by: world.author)
            #expect(newest.revocations.map(\.serialNumber) == [other[1].serialNumber])
            // What was left out is still there to be revoked.
            let rest = try await Self.flow(world).revoke(
                Self.target("other", .everyVersion), RevocationOrder(), by: world.author)
            #expect(rest.revocations.map(\.serialNumber) == [other[0].serialNumber])

            let leak = [try await Self.issue(world, "leak"), try await Self.issue(world, "leak")]
            let all = try await Self.flow(world).revoke(
                Self.target("leak"), RevocationOrder(.keyCompromise), by: world.author)
            #expect(Set(all.revocations.map(\.serialNumber)) == Set(leak.map(\.serialNumber)))
            let compromised = try await world.database.read { tx in
                try KeyUse.read(spkiSHA256: leak[0].spkiSHA256, jwkThumbprint: nil, in: tx).isCompromised
            }
            #expect(compromised)

            // A superseded version by its serial: the certificate itself stays as it is.
            let old = [try await Self.issue(world, "old"), try await Self.issue(world, "old")]
            let one = try await Self.flow(world).revoke(
                .serial(World.issuer, "00:" + old[0].serialNumber.uppercased(), notAfter: nil), RevocationOrder(),
                by: world.author)
            #expect(one.revocations.map(\.serialNumber) == [old[0].serialNumber])
            #expect(try await world.stored("old").status == .active)
            #expect(try await Self.numbers(world) == Array(1...7))
        }
    }

    @Test(
        "serial numbers that the inventory does not know, and keys in several certificates",
        arguments: Engine.available)
    func foreign(engine: Engine) async throws {
        try await World.with(engine) { world async throws in
            let key = try PrivateKey.generate(.ecdsaP256)
            for name in ["one", "two", "apart"] { try await world.certificate(name) }
            let one = try await Self.issue(world, "one", key: key)
            let two = try await Self.issue(world, "two", key: key)
            try await Self.issue(world, "apart")
            let byKey = try await Self.flow(world).revoke(
                .key(one.spkiSHA256.uppercased()), RevocationOrder(.keyCompromise), by: world.author)
            #expect(Set(byKey.revocations.map(\.serialNumber)) == [one.serialNumber, two.serialNumber])
            #expect(byKey.certificates.map(\.text) == ["one", "two"])
            #expect(try await world.stored("two").status == .revoked)
            #expect(try await world.stored("apart").status == .active)

            let target = RevocationTarget.serial(World.issuer, "0xBEEF", notAfter: nil)
            let unknown = try await Self.flow(world).revoke(target, RevocationOrder(), by: world.author)
            let row = try #require(unknown.revocations.first)
            #expect(row.serialNumber == "beef" && row.certificateID == nil && unknown.certificates.isEmpty)
            let authority = try await world.database.read { tx in
                try AuthorityStore().find(World.issuer, in: tx)
            }
            #expect(row.notAfter == authority?.notAfter)
            #expect(try await world.actions(on: row.id.text) == ["certificate_revoked"])
            for bad in ["", "xyz", String(repeating: "f", count: 60)] {
                let code = await refusal {
                    _ = try await Self.flow(world).revoke(
                        .serial(World.issuer, bad, notAfter: nil), RevocationOrder(), by: world.author)
                }
                #expect(code == .validationFailed, "\(bad)")
            }
            #expect(
                await refusal {
                    _ = try await Self.flow(world).revoke(
                        .serial(IssuerID(stored: "iss-none"), "1", notAfter: nil), RevocationOrder(), by: world.author)
                } == .notFound)
            #expect(try await Self.last(world) == 3)
        }
    }

    @Test(
        "a hold is released, made final, and put on again; nothing else is taken back",
        arguments: Engine.available)
    func hold(engine: Engine) async throws {
        try await World.with(engine) { world async throws in
            try await world.certificate("api")
            try await Self.issue(world, "api")
            let (flow, author) = (Self.flow(world), world.author)
            _ = try await flow.revoke(Self.target("api"), RevocationOrder(.certificateHold), by: author)
            #expect(try await world.stored("api").status == .revoked)
            let released = try await flow.revoke(Self.target("api"), RevocationOrder(.removeFromCRL), by: author)
            #expect(released.revocations.first?.releasedAt != nil && released.revocations.first?.changeNumber == 2)
            let active = try await world.stored("api")
            #expect(active.status == .active && active.revokedAt == nil && active.revocationReason == nil)
            #expect(await refusal { _ = try await flow.release(Self.target("api"), by: author) } == .invalidState)
            _ = try await flow.revoke(Self.target("api"), RevocationOrder(.certificateHold), by: author)
            _ = try await flow.revoke(Self.target("api"), RevocationOrder(.keyCompromise), by: author)
            #expect(try await world.stored("api").revocationReason == .keyCompromise)
            #expect(await refusal { _ = try await flow.release(Self.target("api"), by: author) } == .invalidState)
            #expect(try await Self.numbers(world) == [4])
            #expect(try await Self.last(world) == 4)
        }
    }

    @Test("bad input and a certificate without a version change nothing", arguments: Engine.available)
    func nothing(engine: Engine) async throws {
        try await World.with(engine) { world async throws in
            try await world.certificate("bare")
            try await world.certificate("api")
            try await Self.issue(world, "api")
            func attempt(_ target: RevocationTarget, _ order: RevocationOrder) async -> ErrorCode? {
                await refusal { _ = try await Self.flow(world).revoke(target, order, by: world.author) }
            }
            let future = RevocationOrder(invalidityDate: world.time.now + .hours(1))
            #expect(await attempt(Self.target("bare"), RevocationOrder()) == .invalidState)
            #expect(await attempt(Self.target("none"), RevocationOrder()) == .notFound)
            #expect(await attempt(Self.target("api"), future) == .validationFailed)
            #expect(await attempt(Self.target("api", .serial("77")), RevocationOrder()) == .notFound)
            #expect(await attempt(.key("abc"), RevocationOrder()) == .validationFailed)
            #expect(await attempt(.key(String(repeating: "0", count: 64)), RevocationOrder()) == .notFound)
            #expect(try await world.stored("api").status == .active)
            #expect(try await world.count("SELECT COUNT(*) AS n FROM certificate_revocations") == 0)
            #expect(try await Self.last(world) == 0)
            try await world.certificates.archive(CertificateID(stored: "api"), expecting: nil, by: world.author)
            #expect(await attempt(Self.target("api"), RevocationOrder()) == .invalidState)
        }
    }

    @Test("whoever is confined to another issuer finds nothing, by whatever name", arguments: Engine.available)
    func scopes(engine: Engine) async throws {
        try await World.with(engine) { world async throws in
            try await world.certificate("api")
            let version = try await Self.issue(world, "api")
            _ = try await world.issuers.create(
                IssuerDraft(id: "iss-other", name: "Other CA", type: "local"), by: world.author)
            try await world.actor("elsewhere", [("r-operator", .issuer(IssuerID(stored: "iss-other")))])
            try await world.actor("here", [("r-operator", .issuer(World.issuer))])
            let author = try await world.author("elsewhere", using: .certRevoke)
            let ways: [RevocationTarget] = [
                Self.target("api"), .serial(World.issuer, version.serialNumber, notAfter: nil),
                .serial(World.issuer, "77", notAfter: nil), .key(version.spkiSHA256),
            ]
            for way in ways {
                let code = await refusal {
                    _ = try await Self.flow(world).revoke(way, RevocationOrder(), by: author)
                }
                #expect(code == .notFound, "\(way)")
            }
            #expect(try await world.count("SELECT COUNT(*) AS n FROM certificate_revocations") == 0)
            let mine = try await world.author("here", using: .certRevoke)
            _ = try await Self.flow(world).revoke(.key(version.spkiSHA256), RevocationOrder(), by: mine)
            #expect(try await world.stored("api").status == .revoked)
        }
    }

    @Test(
        "fifty at once, of one certificate and of fifty: one row each, numbers without gap",
        arguments: Engine.available)
    func storm(engine: Engine) async throws {
        try await World.with(engine) { world async throws in
            let flow = Self.flow(world)
            try await world.certificate("api")
            try await Self.issue(world, "api")
            func storm(_ target: @escaping @Sendable (Int) -> RevocationTarget) async -> Int {
                await withTaskGroup(of: ErrorCode?.self) { group in
                    for index in 0..<50 {
                        group.addTask {
                            await refusal {
                                _ = try await flow.revoke(target(index), RevocationOrder(), by: world.author)
                            }
                        }
                    }
                    var successes = 0
                    for await code in group {
                        if code == nil { successes += 1 } else { #expect(code == .invalidState) }
                    }
                    return successes
                }
            }
            #expect(await storm { _ in Self.target("api") } == 1)
            #expect(await storm { _ in .serial(World.issuer, "beef", notAfter: nil) } == 1)
            #expect(await storm { .serial(World.issuer, "a\($0)", notAfter: nil) } == 50)
            #expect(try await Self.numbers(world) == Array(1...52))
            #expect(try await Self.last(world) == 52)
        }
    }

    @Test("reasons are read in every spelling, and no other")
    func reasons() {
        let spellings: [(String, RevocationReason?)] = [
            ("keyCompromise", .keyCompromise), ("key_compromise", .keyCompromise), ("KEY_COMPROMISE", .keyCompromise),
            ("cACompromise", .caCompromise), ("caCompromise", .caCompromise), ("aACompromise", .aaCompromise),
            ("aaCompromise", .aaCompromise), ("AA_COMPROMISE", .aaCompromise), ("remove_from_crl", .removeFromCRL),
            ("removeFromCRL", .removeFromCRL), ("unspecified", .unspecified), ("UNSPECIFIED", .unspecified),
            ("", nil), ("compromised", nil), ("keycompromise", nil), ("1", nil), (" keyCompromise", nil),
        ]
        for (text, reason) in spellings { #expect(RevocationReason(accepting: text) == reason, "\(text)") }
        for reason in RevocationReason.allCases { #expect(RevocationReason(accepting: reason.rawValue) == reason) }
    }
}
