import ConnectorKit
import Crypto
import DatabaseTestSupport
import Domain
import Lifecycle
import PKI
import Query
import Store
import Testing

@Suite("One issuance path: intent first, then the CA, then everything in one transaction")
struct IssueFlowTests {
    static let web = AgentID(stored: "web-01")
    static let api = CertificateID(stored: "api")

    /// A certificate with one target, whose first issuance waits for the CSR of its agent.
    static func awaitingCSR(_ world: World) async throws -> Job {
        try await world.agent("web-01")
        try await world.target("edge", of: "web-01")
        try await world.certificate("api", targets: ["edge"], issue: true)
        return try #require(try await world.jobs(of: "api").first)
    }

    static func submit(_ world: World, _ csr: String, job: JobID?, as agent: AgentID = web) async throws
        -> IssuanceAnswer
    {
        try await world.issuance.submit(
            agentCSR: csr,
            of: agent,
            job: job,
            certificate: api,
            by: Authorship(actor: Actor(id: agent.text, type: .agent), origin: world.origin, clearance: .system)
        )
    }

    @Test("a client's CSR is answered with a stored version, in two transactions", arguments: Engine.available)
    func clientCSR(engine: Engine) async throws {
        try await World.with(engine) { world async throws in
            try await world.certificate("api")
            let key = try PrivateKey.generate(.ecdsaP256)
            let csr = try World.csr("api", key: key)
            let answer = try await world.issuance.submit(clientCSR: csr, for: Self.api, by: world.author)
            guard case .issued(let version, let job) = answer else {
                Issue.record("not issued at once")
                return
            }
            let leaf = try #require(try X509Certificate.bundle(pem: version.pemChain).first)
            #expect(leaf.subjectPublicKey == key.publicKey)
            #expect(leaf.serialNumber.hex == version.serialNumber)
            #expect(leaf.subjectAltNames.map(\.text) == ["api.example.com"])
            let stored = try await world.stored("api")
            #expect(stored.status == .active)
            #expect(stored.expiresAt == leaf.notAfter)
            #expect(stored.currentVersionID == version.id)
            #expect(stored.nextRenewalAt == nil)
            let jobs = try await world.jobs(of: "api")
            #expect(jobs.map(\.id) == [job])
            #expect(jobs.map(\.status) == [.completed])
            #expect(try await world.count("SELECT COUNT(*) AS n FROM issuer_orders WHERE state = 'issued'") == 1)
            #expect(try await world.actions(on: "api").contains("certificate_issued"))
        }
    }

    @Test("sending it again renews: the version before is superseded", arguments: Engine.available)
    func clientRenewal(engine: Engine) async throws {
        try await World.with(engine) { world async throws in
            try await world.certificate("api")
            let csr = try World.csr("api")
            _ = try await world.issuance.submit(clientCSR: csr, for: Self.api, by: world.author)
            world.clock.advance(by: .seconds(1))
            _ = try await world.issuance.submit(clientCSR: csr, for: Self.api, by: world.author)
            #expect(try await world.versions(of: "api").count == 1)
            #expect(try await world.count("SELECT COUNT(*) AS n FROM certificate_versions") == 2)
            #expect(try await world.jobs(of: "api").map(\.type) == [.issuance, .renewal])
        }
    }

    @Test(
        "hostile and broken CSRs change nothing and name the field",
        arguments: [
            ("", ErrorCode.validationFailed), ("not PEM", .validationFailed),
            ("-----BEGIN CERTIFICATE REQUEST-----\nMAA=\n-----END CERTIFICATE REQUEST-----\n", .validationFailed),
        ]
    )
    func brokenCSR(pem: String, code: ErrorCode) async throws {
        try await World.with(.sqlite) { world async throws in
            try await world.certificate("api")
            let refused = await #expect(throws: ServiceError.self) {
                _ = try await world.issuance.submit(clientCSR: pem, for: Self.api, by: world.author)
            }
            #expect(refused?.code == code)
            #expect(refused?.problems.map(\.pointer) == ["/csr_pem"])
            #expect(try await world.count("SELECT COUNT(*) AS n FROM issuer_orders") == 0)
            #expect(try await world.count("SELECT COUNT(*) AS n FROM jobs") == 0)
        }
    }

    @Test("a CSR for other names is refused, whether it asks for more or for less", arguments: ["more", "less"])
    func names(kind: String) async throws {
        try await World.with(.sqlite) { world async throws in
            var draft = world.draft("api")
            draft.subjectAltNames = ["b.example.com"]
            _ = try await world.certificates.create(draft, by: world.author)
            let extra = kind == "more" ? ["b.example.com", "evil.example.org"] : []
            let csr = try World.csr("api", extra: extra)
            let code = await refusal {
                _ = try await world.issuance.submit(clientCSR: csr, for: Self.api, by: world.author)
            }
            #expect(code == .policyViolation)
            #expect(try await world.count("SELECT COUNT(*) AS n FROM issuer_orders") == 0)
        }
    }

    @Test("a disabled profile, a disabled issuer and a weak key refuse, and nothing is recorded")
    func profileAndIssuer() async throws {
        try await World.with(.sqlite) { world async throws in
            var fields = ProfileFields(name: "rsa only")
            fields.allowedKeys = [KeyRule(algorithm: .rsa, minSize: 3072)]
            _ = try await world.profiles.create(id: "prof-rsa", fields, by: world.author)
            let profile = ProfileID(stored: "prof-rsa")
            var draft = world.draft("api")
            draft.profileID = "prof-rsa"
            _ = try await world.certificates.create(draft, by: world.author)
            let csr = try World.csr("api")
            func submit() async -> ErrorCode? {
                await refusal {
                    _ = try await world.issuance.submit(clientCSR: csr, for: Self.api, by: world.author)
                }
            }
            #expect(await submit() == .policyViolation)
            _ = try await world.profiles.update(profile, expecting: nil, by: world.author) { fields in
                fields.allowedKeys = KeyRule.defaults
                fields.enabled = false
            }
            #expect(await submit() == .policyViolation)
            _ = try await world.profiles.update(profile, expecting: nil, by: world.author) { $0.enabled = true }
            var change = IssuerChange()
            change.enabled = .set(false)
            _ = try await world.issuers.update(World.issuer, change, expecting: nil, by: world.author)
            #expect(await submit() == .invalidState)
            #expect(try await world.count("SELECT COUNT(*) AS n FROM issuer_orders") == 0)
        }
    }

    @Test(
        "an agent's CSR completes its job, moves the certificate on and opens the deployment",
        arguments: Engine.available)
    func agentCSR(engine: Engine) async throws {
        try await World.with(engine) { world async throws in
            let job = try await Self.awaitingCSR(world)
            #expect(try await world.stored("api").status == .renewalInProgress)
            guard case .issued(let version, let answered) = try await Self.submit(world, try World.csr("api"), job: nil)
            else {
                Issue.record("not issued at once")
                return
            }
            #expect(answered == job.id)
            #expect(version.agentID == Self.web)
            let stored = try await world.stored("api")
            #expect(stored.status == .active)
            #expect(stored.nextRenewalAt.map { $0 > version.notBefore && $0 < version.notAfter } == true)
            let issuances = try await world.jobs(of: "api", type: [.issuance])
            #expect(issuances.map(\.status) == [.completed])
            #expect(issuances.map(\.versionID) == [version.id])
            #expect(issuances.map(\.attempts) == [1])
            let deployments = try await world.jobs(of: "api", type: [.deployment])
            #expect(deployments.map(\.status) == [.pending])
            #expect(deployments.map(\.versionID) == [version.id])
        }
    }

    @Test("the same key again is the same version, another key is refused", arguments: Engine.available)
    func idempotent(engine: Engine) async throws {
        try await World.with(engine) { world async throws in
            let job = try await Self.awaitingCSR(world)
            let key = try PrivateKey.generate(.ecdsaP256)
            guard
                case .issued(let first, _) = try await Self.submit(world, try World.csr("api", key: key), job: job.id),
                case .issued(let second, _) = try await Self.submit(world, try World.csr("api", key: key), job: job.id)
            else {
                Issue.record("not issued at once")
                return
            }
            #expect(first.id == second.id)
            #expect(first.pemChain == second.pemChain)
            let code = await refusal { _ = try await Self.submit(world, try World.csr("api"), job: job.id) }
            #expect(code == .invalidState)
            #expect(try await world.count("SELECT COUNT(*) AS n FROM certificate_versions") == 1)
        }
    }

    @Test("two submissions at once lead to one version", arguments: Engine.available)
    func race(engine: Engine) async throws {
        try await World.with(engine) { world async throws in
            let job = try await Self.awaitingCSR(world)
            let codes = await withTaskGroup(of: ErrorCode?.self) { group in
                for _ in 0..<4 {
                    group.addTask {
                        await refusal { _ = try await Self.submit(world, try World.csr("api"), job: job.id) }
                    }
                }
                return await group.reduce(into: [ErrorCode?]()) { $0.append($1) }
            }
            #expect(codes.filter { $0 == nil }.count == 1, "\(codes)")
            #expect(codes.allSatisfy { $0 == nil || $0 == .invalidState }, "\(codes)")
            #expect(try await world.count("SELECT COUNT(*) AS n FROM certificate_versions") == 1)
            #expect(try await world.count("SELECT COUNT(*) AS n FROM issuer_orders") == 1)
        }
    }

    @Test("an agent reaches neither jobs nor certificates of another agent")
    func confinement() async throws {
        try await World.with(.sqlite) { world async throws in
            let job = try await Self.awaitingCSR(world)
            try await world.agent("web-02")
            let other = AgentID(stored: "web-02")
            let csr = try World.csr("api")
            #expect(await refusal { _ = try await Self.submit(world, csr, job: job.id, as: other) } == .notFound)
            #expect(await refusal { _ = try await Self.submit(world, csr, job: nil, as: other) } == .notFound)
            #expect(try await world.jobs(of: "api").first?.status == .awaitingCSR)
        }
    }

    @Test("a CSR that breaks a rule fails the job for good and the certificate with it")
    func refusedAgentCSR() async throws {
        try await World.with(.sqlite) { world async throws in
            let job = try await Self.awaitingCSR(world)
            let csr = try World.csr("api", extra: ["evil.example.org"])
            #expect(await refusal { _ = try await Self.submit(world, csr, job: job.id) } == .policyViolation)
            let failed = try #require(try await world.jobs(of: "api").first)
            #expect(failed.phase == .failed)
            #expect(failed.errorClass == .permanent)
            let stored = try await world.stored("api")
            #expect(stored.status == .failed)
            #expect(stored.renewalFailures == 1)
            #expect(stored.lastError?.contains("evil.example.org") == true)
            #expect(stored.nextRenewalAt == world.clock.now + .hours(1))
        }
    }

    @Test(
        "a CA that fails for now is asked again later; one that refuses ends the job",
        arguments: [
            (IssuerError.Class.network, true), (.timeout, true), (.rateLimited, true), (.upstream5xx, true),
            (.auth, false), (.validation, false), (.upstream4xx, false),
        ]
    )
    func issuerErrors(errorClass: IssuerError.Class, isRetried: Bool) async throws {
        let script: [ScriptedIssuer.Step] = [.fail(IssuerError(errorClass, "the CA said no", help: "")), .issue]
        try await World.with(.sqlite, script: script) { world async throws in
            let job = try await Self.awaitingCSR(world)
            let csr = try World.csr("api")
            #expect(await refusal { _ = try await Self.submit(world, csr, job: job.id) } != nil)
            let failed = try #require(try await world.jobs(of: "api").first)
            #expect(failed.phase == (isRetried ? .retryScheduled : .failed))
            #expect(failed.lastError == "the CA said no")
            #expect(try await world.stored("api").status == (isRetried ? .renewalInProgress : .failed))
            guard isRetried else { return }
            world.clock.advance(by: failed.scheduledAt - world.clock.now)
            #expect(try await world.tick(.jobRetry).rows == 1)
            #expect(try await world.tick(.jobRetry).rows == 0)
            guard case .issued = try await Self.submit(world, csr, job: job.id) else {
                Issue.record("not issued at the second attempt")
                return
            }
            #expect(try await world.jobs(of: "api", type: [.issuance]).first?.attempts == 2)
            #expect(try await world.count("SELECT COUNT(DISTINCT serial_number) AS n FROM issuer_orders") == 2)
        }
    }

    @Test("an answer that is not what was ordered is never stored")
    func rejectedAnswer() async throws {
        let script: [ScriptedIssuer.Step] = [
            .issueFor { request in
                IssuanceRequest(
                    idempotencyKey: request.idempotencyKey,
                    certificateID: request.certificateID,
                    commonName: request.commonName,
                    subjectAltNames: request.subjectAltNames + [try SubjectAltName(classifying: "evil.example.org")],
                    csr: request.csr,
                    serialNumber: request.serialNumber,
                    limits: request.limits
                )
            }
        ]
        try await World.with(.sqlite, script: script) { world async throws in
            let job = try await Self.awaitingCSR(world)
            let csr = try World.csr("api")
            #expect(await refusal { _ = try await Self.submit(world, csr, job: job.id) } == .policyViolation)
            #expect(try await world.count("SELECT COUNT(*) AS n FROM certificate_versions") == 0)
            #expect(try await world.actions(on: "api").contains("issuance_result_rejected"))
            #expect(try await world.jobs(of: "api").first?.phase == .failed)
        }
    }

    @Test("an order that the CA answers later waits without an attempt and is completed by polling")
    func asynchronousOrder() async throws {
        let script: [ScriptedIssuer.Step] = [
            .pending("order-7", retryAfter: nil), .pending("order-7", retryAfter: .seconds(90)),
            .fail(IssuerError(.network, "cut off", help: "")), .issue,
        ]
        try await World.with(.sqlite, script: script) { world async throws in
            let job = try await Self.awaitingCSR(world)
            let key = try PrivateKey.generate(.ecdsaP256)
            let csr = try World.csr("api", key: key)
            guard case .accepted(job.id) = try await Self.submit(world, csr, job: job.id) else {
                Issue.record("not accepted")
                return
            }
            let parked = try #require(try await world.jobs(of: "api").first)
            #expect(parked.status == .pending)
            #expect(parked.attempts == 0)
            guard case .accepted(job.id) = try await Self.submit(world, csr, job: job.id) else {
                Issue.record("the repetition was not accepted")
                return
            }
            #expect(try await world.recovery.pollDue() == 0)
            world.clock.advance(by: .seconds(7))
            #expect(try await world.recovery.pollDue() == 1)
            world.clock.advance(by: .seconds(89))
            #expect(try await world.recovery.pollDue() == 0)
            world.clock.advance(by: .seconds(2))
            #expect(try await world.recovery.pollDue() == 1)
            #expect(try await world.versions(of: "api").isEmpty)
            world.clock.advance(by: .minutes(10))
            #expect(try await world.recovery.pollDue() == 1)
            let version = try #require(try await world.versions(of: "api").first)
            #expect(version.spkiSHA256 == key.publicKey.spkiSHA256)
            #expect(try await world.jobs(of: "api", type: [.issuance]).map(\.status) == [.completed])
            #expect(try await world.jobs(of: "api", type: [.deployment]).map(\.status) == [.pending])
            #expect(try await world.stored("api").status == .active)
        }
    }

    @Test("an order that is never answered ends at its deadline")
    func deadline() async throws {
        try await World.with(.sqlite, script: [.pending("order-7", retryAfter: nil)]) { world async throws in
            let job = try await Self.awaitingCSR(world)
            _ = try await Self.submit(world, try World.csr("api"), job: job.id)
            world.clock.advance(by: .days(8))
            #expect(try await world.recovery.pollDue() == 1)
            let failed = try #require(try await world.jobs(of: "api").first)
            #expect(failed.status == .failed)
            #expect(failed.errorClass == .timeout)
            #expect(try await world.count("SELECT COUNT(*) AS n FROM issuer_orders WHERE state = 'failed'") == 1)
        }
    }
}
