import DatabaseTestSupport
import Domain
import EmbeddedCA
import Encoding
import Lifecycle
import PKI
import Query
import Store
import Testing

@Suite("Protocol servers §6.1, §6.4: further certificates of CAs are withdrawn")
struct WithdrawalTests {
    private static let second = IssuerID(stored: "iss-second")

    /// An issuing CA below a root, and the root of another tree that signed for it.
    private struct Stage {
        let grove: Grove
        let root: IntermediateCA
        let issuing: IntermediateCA
        let other: IntermediateCA
        let crossed: CACertificate

        static func with(_ engine: Engine, _ body: (Stage) async throws -> Void) async throws {
            try await Grove.with(engine) { grove async throws in
                var draft = IssuerDraft(id: second.text, name: "Second", type: "local")
                draft.hierarchyMode = .tree
                _ = try await grove.world.issuers.create(draft, by: grove.world.author)
                let root = try await grove.make("Root")
                let issuing = try await grove.make("Issuing", below: root.id) { $0.pathLength = 0 }
                var wanted = Grove.draft("Other Root")
                wanted.issuerID = second
                let other = try await grove.world.hierarchy.create(wanted, by: grove.world.author)
                var cross = CrossSigningDraft()
                cross.parentID = other.id
                let crossed = try await grove.world.hierarchy.crossSign(issuing.id, cross, by: grove.world.author)
                try await body(
                    Stage(grove: grove, root: root, issuing: issuing, other: other, crossed: crossed))
            }
        }

        func withdraw(
            _ certificate: CACertificateID, of id: AuthorityID? = nil,
            _ reason: RevocationReason = .cessationOfOperation
        ) async throws -> HierarchyFlow.Withdrawal {
            try await grove.world.hierarchy.withdraw(
                certificate, of: id ?? issuing.id, reason, note: "no more", by: grove.world.author)
        }

        func refusal(
            _ certificate: CACertificateID, of id: AuthorityID? = nil,
            _ reason: RevocationReason = .cessationOfOperation
        ) async throws -> ErrorCode? {
            do {
                _ = try await withdraw(certificate, of: id, reason)
                return nil
            } catch let error as ServiceError {
                return error.code
            } catch let error as StoreError {
                return error.serviceError.code
            }
        }

        func status(_ serial: String, by parent: AuthorityID, of issuer: IssuerID) async throws -> OCSPStatus? {
            try await grove.world.database.read { tx in
                try OCSPResponseStore().subject(authority: parent, issuer: issuer, serial: serial, in: tx)?.status
            }
        }

        func alternates(_ name: String) async throws -> Int {
            let version = try await grove.issue(name).version
            return try await grove.world.database.read { tx in
                try #require(try VersionStore().find(version.id, in: tx)).alternateChains.count
            }
        }
    }

    @Test(
        "no chain has it any more, and it is on the list and in the answers of whoever signed it",
        arguments: Engine.available)
    func withdrawn(engine: Engine) async throws {
        try await Stage.with(engine) { stage async throws in
            let (world, crossed) = (stage.grove.world, stage.crossed)
            #expect(try await stage.alternates("before") == 1)
            #expect(try await world.hierarchy.look(stage.other.id, by: world.author).1.children == 1)
            try await stage.grove.publish()

            let done = try await stage.withdraw(crossed.id)
            #expect(done.listedBy == stage.other.id)
            #expect(done.certificate.withdrawnAt != nil && done.certificate.withdrawalReason == .cessationOfOperation)
            #expect(try await stage.alternates("after") == 0)
            #expect(try await world.hierarchy.chains(of: stage.issuing.id, by: world.author).chains.count == 1)
            guard
                case .revoked(_, .cessationOfOperation)? = try await stage.status(
                    crossed.serialNumber, by: stage.other.id, of: Self.second)
            else {
                Issue.record("it is not answered as revoked")
                return
            }
            try await stage.grove.publish()
            let (_, list) = try #require(try await stage.grove.list(of: stage.other.id))
            #expect(list.entries.map { $0.serialNumber?.hex } == [crossed.serialNumber])
            #expect(try await world.hierarchy.look(stage.other.id, by: world.author).1.children == 0)
            #expect(try await world.actions(on: stage.issuing.id.text).contains("intermediate_ca_cross_withdrawn"))

            // The same parent may sign once more; what is withdrawn stays so.
            #expect(try await stage.refusal(crossed.id) == .invalidState)
            var again = CrossSigningDraft()
            again.parentID = stage.other.id
            _ = try await world.hierarchy.crossSign(stage.issuing.id, again, by: world.author)
            #expect(try await stage.alternates("again") == 1)
            #expect(try await stage.grove.count("certificate_revocations") == 1)
        }
    }

    @Test("the certificate before a renewal, and one that was signed elsewhere", arguments: Engine.available)
    func others(engine: Engine) async throws {
        try await Stage.with(engine) { stage async throws in
            let world = stage.grove.world
            _ = try await world.hierarchy.renew(stage.issuing.id, ttlDays: 2500, with: nil, by: world.author)
            let elsewhere = try await OfflineRoot(at: world.time.now)
            let request = try await world.hierarchy.crossRequest(stage.issuing.id, by: world.author)
            var draft = CrossSigningDraft()
            draft.certificatePEM = try await elsewhere.sign(request.pem).pem
            draft.chainPEM = elsewhere.certificate.pem
            let foreign = try await world.hierarchy.crossSign(stage.issuing.id, draft, by: world.author)
            #expect(try await stage.alternates("before") == 2)

            #expect(try await stage.withdraw(foreign.id, of: nil, .unspecified).listedBy == nil)
            #expect(try await stage.alternates("after") == 1)
            #expect(try await stage.grove.count("certificate_revocations") == 0)

            let kept = try await world.hierarchy.chains(of: stage.issuing.id, by: world.author).certificates
            let previous = try #require(kept.first { $0.parentID == stage.root.id })
            #expect(previous.serialNumber == stage.issuing.serialNumber)
            #expect(try await stage.withdraw(previous.id, of: nil, .superseded).listedBy == stage.root.id)
            let renewed = try await stage.grove.certificate(stage.issuing.id)
            let root = stage.root.id
            #expect(try await stage.status(renewed.serialNumber.hex, by: root, of: Grove.issuer) == .good)
            #expect(try await stage.status(previous.serialNumber, by: root, of: Grove.issuer) != .good)
            #expect(try await stage.grove.issue("renewed").chain.dropFirst() == [renewed])
        }
    }

    @Test("whatever can't be withdrawn is refused, and nothing changes")
    func refused() async throws {
        try await Stage.with(.sqlite) { stage async throws in
            let id = stage.crossed.id
            #expect(try await stage.refusal(CACertificateID(stored: "icc-none")) == .notFound)
            #expect(try await stage.refusal(id, of: stage.root.id) == .notFound)
            #expect(try await stage.refusal(id, of: AuthorityID(stored: "ica-none")) == .notFound)
            for reason in [RevocationReason.certificateHold, .removeFromCRL] {
                #expect(try await stage.refusal(id, of: nil, reason) == .validationFailed)
            }
            for reason in [RevocationReason.keyCompromise, .caCompromise, .aaCompromise] {
                #expect(try await stage.refusal(id, of: nil, reason) == .unprocessable)
            }
            #expect(try await stage.alternates("still") == 1)
            #expect(try await stage.grove.count("certificate_revocations") == 0)
        }
    }

    @Test("at the same time one wins", arguments: Engine.available)
    func together(engine: Engine) async throws {
        try await Stage.with(engine) { stage async throws in
            async let first = stage.refusal(stage.crossed.id)
            async let second = stage.refusal(stage.crossed.id)
            let outcomes = try await [first, second]
            #expect(outcomes.filter { $0 == nil }.count == 1, "\(outcomes)")
            #expect(try await stage.grove.count("certificate_revocations") == 1)
        }
    }
}
