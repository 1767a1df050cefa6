import Access
import ConnectorKit
import DatabaseTestSupport
import Domain
import Encoding
import IssuerConnectors
import Lifecycle
import Logging
import PKI
import Query
import Sealing
import Store

/// A control plane without a network: every flow over a database of its own.
struct World: Sendable {
    let engine: Engine
    let clock: ManualClock
    let database: FaultyDatabase
    let time: TimeSource
    let sealer: Sealer
    let context: LifecycleContext
    let registry: IssuerRegistry
    let authorities: AuthorityAccess
    private let hierarchyKeeper: AuthorityKeeper
    let author = Authorship(
        actor: Actor(id: "alice", type: .apiKey),
        origin: RequestOrigin(requestID: "req-1", clientAddress: "192.0.2.1", channel: "api"),
        clearance: .system
    )
    let origin = RequestOrigin(requestID: "req-1", clientAddress: "192.0.2.1", channel: "api")

    static let issuer = IssuerID(stored: "iss-local")
    static let policy = RenewalPolicyID(stored: "rp-default")

    /// Runs `body` in a world with a team, an owner and the issuer `iss-local`.
    ///
    /// On PostgreSQL the database has the clock of the host, so worlds on it run on that clock throughout.
    static func with(
        _ engine: Engine,
        script: [ScriptedIssuer.Step]? = nil,
        timing: LifecycleTiming = LifecycleTiming(),
        _ body: (World) async throws -> Void
    ) async throws {
        let clock = ManualClock()
        let time = engine == .sqlite ? clock.source : .system
        try await TestDatabase.with(engine, time: time) { real in
            let world = try World(engine, clock, real, time, script: script, timing: timing)
            try await world.seed()
            try await body(world)
        }
    }

    /// The same on a database that the caller opened and closes, by the clock of the host.
    static func with(
        _ engine: Engine, on real: any Database, _ body: (World) async throws -> Void
    ) async throws {
        let world = try World(engine, ManualClock(), real, .system, script: nil, timing: LifecycleTiming())
        try await world.seed()
        try await body(world)
    }

    private init(
        _ engine: Engine,
        _ clock: ManualClock,
        _ real: any Database,
        _ time: TimeSource,
        script: [ScriptedIssuer.Step]?,
        timing: LifecycleTiming
    ) throws {
        self.engine = engine
        self.clock = clock
        self.time = time
        let faulty = FaultyDatabase(real)
        database = faulty
        sealer = Sealer(masterKey: try MasterKey(generated: Secret([UInt8](repeating: 7, count: 32))))
        context = LifecycleContext(database: faulty, time: time, random: .system, timing: timing)
        let keeper = AuthorityKeeper(database: faulty, sealer: sealer, time: time, random: .system)
        authorities = keeper.access(
            readCertificates: { _ in throw ServiceError(.internalError, "no files in this world") },
            readKey: { _, _ in throw ServiceError(.internalError, "no files in this world") }
        )
        let real = keeper.connectorMaker(authorities)
        hierarchyKeeper = keeper
        registry = IssuerRegistry(nodes: keeper.nodeMaker(authorities)) { issuer in
            let made = try await real(issuer)
            guard let script else { return made }
            return (made.revision, ScriptedIssuer(real: made.connector, script: script))
        }
    }

    private func seed() async throws {
        _ = try await teams.create(id: "t-web", TeamFields(name: "web"), by: author)
        _ = try await owners.create(
            id: "o-alice",
            OwnerDraft(name: "Alice", email: "alice@example.com", teamID: "t-web"),
            by: author
        )
        _ = try await issuers.create(IssuerDraft(id: "iss-local", name: "Local CA", type: "local"), by: author)
    }

    // MARK: Flows

    var teams: TeamFlow { TeamFlow(context) }
    var owners: OwnerFlow { OwnerFlow(context) }
    var policies: PolicyFlow { PolicyFlow(context) }
    var profiles: ProfileFlow { ProfileFlow(context) }
    var issuers: IssuerFlow { IssuerFlow(context, sealer: sealer, registry: registry) }
    var hierarchy: HierarchyFlow {
        hierarchy(.never)
    }
    /// - `rule`: When a second person has to agree to what is done to a CA.
    func hierarchy(_ rule: SecondPersonRule) -> HierarchyFlow {
        HierarchyFlow(
            context, registry: registry, keeper: hierarchyKeeper, authorities: authorities,
            ceremonies: ceremonies(rule))
    }
    func ceremonies(_ rule: SecondPersonRule) -> CeremonyDesk {
        CeremonyDesk(context, keeper: CheckpointKeeper(sealer: sealer, random: .system), rule: { rule })
    }
    /// What the server is after a start with a deny-list of algorithms.
    func denying(
        _ denied: Set<DeniableAlgorithm>
    ) -> (hierarchy: HierarchyFlow, issuance: IssueFlow) {
        let linter = Linter(algorithms: AlgorithmPolicy(denying: denied))
        let context = LifecycleContext(database: database, time: time, random: .system, linter: linter)
        let authorities = hierarchyKeeper.access(
            readCertificates: { _ in throw ServiceError(.internalError, "no files in this world") },
            readKey: { _, _ in throw ServiceError(.internalError, "no files in this world") }, linter: linter)
        let registry = IssuerRegistry(
            nodes: hierarchyKeeper.nodeMaker(authorities), make: hierarchyKeeper.connectorMaker(authorities))
        return (
            HierarchyFlow(
                context, registry: registry, keeper: hierarchyKeeper, authorities: authorities,
                ceremonies: ceremonies(.never)),
            IssueFlow(context, registry: registry, instance: "one")
        )
    }
    var certificates: CertificateFlow { CertificateFlow(context) }
    var renewals: RenewFlow { RenewFlow(context) }
    var issuance: IssueFlow { IssueFlow(context, registry: registry, instance: "one") }
    var work: WorkFlow { WorkFlow(context, sealer: sealer) }
    var reports: ReportFlow { ReportFlow(context) }
    var recovery: OrderRecovery { OrderRecovery(context, registry: registry) }
    var heartbeats: HeartbeatFlow { HeartbeatFlow(context) }
    var targets: TargetFlow {
        let schema = ConfigSchema([
            ConfigField("cert_path", .path, title: "Certificate", description: "", isRequired: true),
            ConfigField("trust_path", .path, title: "Trusted CAs", description: ""),
            ConfigField("password", .string, title: "Password", description: "", isSecret: true),
        ])
        return TargetFlow(
            context,
            sealer: sealer,
            rules: TargetTypeRules(
                schema: { _ in schema },
                problems: { _, config in schema.problems(in: .object(config), at: .root.appending("config")) }
            )
        )
    }
    var authenticator: Authenticator { Authenticator(database: database, sealer: sealer, time: time) }

    func enrollment(bootstrap: Secret? = nil) -> EnrollmentFlow {
        EnrollmentFlow(database: database, time: time, random: .system, bootstrapToken: { bootstrap })
    }

    func leadership(_ name: String = "one") -> Leadership {
        Leadership(
            holder: name,
            host: "host",
            processID: 1,
            database: database,
            time: time,
            random: .system,
            log: Self.log
        )
    }

    static var log: Logger {
        var log = Logger(label: "test")
        log.logLevel = .critical
        return log
    }

    // MARK: The audit log

    func sequencer(_ leadership: Leadership, plan: AuditPlan = AuditPlan()) -> AuditSequencer {
        AuditSequencer(context, leadership: leadership, sealer: sealer, plan: plan)
    }
    func verifier(_ leadership: Leadership) -> AuditVerifier {
        AuditVerifier(context, leadership: leadership, sealer: sealer)
    }
    var bundle: AuditBundle { AuditBundle(context, sealer: sealer) }

    func retention(
        _ target: ArchiveTarget, _ leadership: Leadership, plan: AuditPlan = AuditPlan()
    ) -> AuditRetention {
        AuditRetention(context, leadership: leadership, sealer: sealer, target: target, plan: plan)
    }

    func auditLoops(_ leadership: Leadership) -> AuditLoops {
        AuditLoops(
            plan: AuditPlan(), sequencer: sequencer(leadership), verifier: verifier(leadership),
            retention: retention(
                ArchiveTarget { _, _ in throw ServiceError(.internalError, "no files in this world") }, leadership),
            exporter: AuditExporter(context, leadership: leadership, sinks: []), refusals: RefusalAudit(context)
        )
    }

    var keyLoop: KeyLoop { KeyLoop { try await KeyUpkeep(access(authenticator), unused: nil).run($0) } }

    func tick(_ name: LoopName, led leadership: Leadership? = nil) async throws -> LoopOutcome {
        let leadership = leadership ?? self.leadership()
        try await leadership.attempt()
        let loops = LoopTable.loops(
            context, leadership: leadership, recovery: recovery, issue: issuance, permits: { _ in true },
            approvals: approvals,
            audit: auditLoops(leadership),
            keys: keyLoop,
            census: ReplicaCensus(database: database, instance: "one"))
        guard let loop = loops.first(where: { $0.name == name }) else {
            throw ServiceError(.internalError, "no loop \(name)")
        }
        return try await loop.tick(time.now)
    }

    func access(
        _ authenticator: Authenticator, allowsAuditorOverlap: Bool = false, grants: SecondPersonRule? = nil
    ) -> AccessContext {
        let desk = ApprovalDesk(context)
        return AccessContext(
            database: database, authenticator: authenticator, time: time, random: .system,
            allowsAuditorOverlap: allowsAuditorOverlap,
            grantApprovals: grants.map { rule in
                GrantApprovals(rule: rule) { terms, author, tx in try desk.requestGrant(terms, by: author, in: tx) }
            }
        )
    }

    var approvals: ApprovalFlow {
        let grants = GrantFlow(access(authenticator))
        return ApprovalFlow(context) { request, author, tx in try grants.apply(request, by: author, in: tx) }
    }

    func keys(_ authenticator: Authenticator, longestLifetime: Duration? = nil) -> APIKeyFlow {
        APIKeyFlow(access(authenticator), sealer: sealer, longestLifetime: longestLifetime)
    }

    // MARK: Things

    /// An actor with a key and roles, put into the database without any flow, and its value.
    @discardableResult
    func actor(
        _ name: String,
        _ grants: [(role: String, scope: GrantScope)] = [],
        expiresAt: Timestamp? = nil
    ) async throws -> Secret {
        let token = APIKeyToken.generate(random: .system)
        let hash = KeyHash(hex: token.hash(with: sealer), algorithm: .hmacSHA256)
        try await database.write { tx in
            try KeyStore().insert(
                NewAPIKey(
                    id: APIKeyID(stored: "ak-\(name)"), name: name, tokenID: token.keyID, hash: hash,
                    createdBy: "test", expiresAt: expiresAt
                ),
                in: tx
            )
            for (role, scope) in grants {
                try GrantStore().grant(
                    GrantID(generatedAt: tx.now, random: .system), role: role,
                    to: Actor(id: name, type: .apiKey), scope: scope, by: "test", in: tx
                )
            }
        }
        return token.text
    }

    /// The administrator alice, who has a key and the role in the database.
    func administrator() async throws -> Principal {
        try await actor("alice", [("r-admin", .global)])
        return Self.admin
    }

    /// What an actor is to the access gate at this moment.
    func principal(_ name: String) async throws -> Principal {
        let actor = Actor(id: name, type: .apiKey)
        let holdings = try await database.read { tx in try GrantStore().holdings(of: actor, in: tx) }
        return Principal(
            actor: actor, credentialID: "ak-\(name)", roleIDs: holdings.roleIDs,
            rights: Rights(BuiltInRole.effective(holdings.entitlements))
        )
    }

    /// The author of a change, as the gate would make it for a route with this permission.
    func author(_ name: String, using permission: Permission) async throws -> Authorship {
        let principal = try await principal(name)
        let clearance = principal.rights.clearance(for: permission) ?? .withoutPermission
        return principal.authorship(from: origin, clearance: clearance)
    }

    static let admin = Principal(
        actor: Actor(id: "alice", type: .apiKey),
        credentialID: "ak-alice",
        roleIDs: [BuiltInRole.admin.rawValue],
        permissions: BuiltInRole.admin.permissions
    )

    @discardableResult
    func agent(_ id: String) async throws -> RegisteredAgent {
        try await enrollment().register(
            AgentDraft(id: id, name: id, hostname: "\(id).example.com", metadata: AgentMetadata(os: "linux")),
            by: .principal(Self.admin),
            origin: origin
        )
    }

    @discardableResult
    func target(_ id: String, of agent: String, config: JSONObject = ["cert_path": "/tmp/cert.pem"]) async throws
        -> Target
    {
        try await targets.create(
            TargetDraft(id: id, name: id, type: "NGINX", agentID: agent, config: config),
            by: author
        )
    }

    func draft(_ name: String, targets: [String] = [], issue: Bool = false) -> CertificateDraft {
        var draft = CertificateDraft(
            name: name,
            commonName: "\(name).example.com",
            ownerID: "o-alice",
            teamID: "t-web",
            issuerID: "iss-local",
            renewalPolicyID: "rp-default"
        )
        draft.id = name
        draft.targetIDs = targets
        draft.issue = issue
        return draft
    }

    @discardableResult
    func certificate(_ name: String, targets: [String] = [], issue: Bool = false) async throws -> Certificate {
        try await certificates.create(draft(name, targets: targets, issue: issue), by: author).certificate
    }

    static func csr(_ name: String, key: PrivateKey? = nil, extra: [String] = []) throws -> String {
        try CertificationRequestBuilder.makeCSR(
            commonName: "\(name).example.com",
            subjectAltNames: try extra.map { try SubjectAltName(classifying: $0) },
            key: try key ?? PrivateKey.generate(.ecdsaP256)
        ).pem
    }

    // MARK: Looks

    func stored(_ id: String) async throws -> Certificate {
        try await database.read { tx in try CertificateStore().get(CertificateID(stored: id), in: tx) }
    }

    func jobs(of id: String, type: [JobType] = JobType.allCases) async throws -> [Job] {
        try await database.read { tx in
            let ids = try tx.rows("SELECT id FROM jobs WHERE certificate_id = \(id) ORDER BY created_at, id")
            return try ids.map { try JobStore().get($0.id("id"), in: tx) }.filter { type.contains($0.type) }
        }
    }

    /// The states of a certificate's jobs in alphabetical order: with a clock that stands still, jobs have no other.
    func statuses(of id: String, type: [JobType] = JobType.allCases) async throws -> [JobStatus] {
        try await jobs(of: id, type: type).map(\.status).sorted { $0.rawValue < $1.rawValue }
    }

    func versions(of id: String) async throws -> [CertificateVersion] {
        try await database.read { tx in try VersionStore().current(of: CertificateID(stored: id), in: tx) }
    }

    func count(_ sql: SQL) async throws -> Int {
        try await database.read { tx in try tx.row(sql)?.int("n") ?? 0 }
    }

    func actions(on id: String) async throws -> [String] {
        try await database.read { tx in
            try tx.rows("SELECT action FROM audit_events WHERE resource_id = \(id) ORDER BY action")
                .map { try $0.text("action") }
        }
    }
}

/// The code with which an operation is refused; `nil` when it is not.
func refusal(_ body: () async throws -> Void) async -> ErrorCode? {
    do {
        try await body()
        return nil
    } catch let error as ServiceError {
        return error.code
    } catch {
        return .internalError
    }
}
