package import Domain
import Encoding
package import Query
import Sealing
package import Store

/// What an agent says of itself when it registers.
package struct AgentDraft: Sendable {
    /// The id that the agent wants; `nil` for a generated one.
    package var id: String?
    package var name: String
    package var hostname: String
    package var metadata: AgentMetadata

    package init(id: String?, name: String, hostname: String, metadata: AgentMetadata) {
        self.id = id
        self.name = name
        self.hostname = hostname
        self.metadata = metadata
    }
}

/// Who lets an agent in.
package enum EnrollmentAuthority: Sendable {
    /// A caller with `agent.edit`.
    case principal(Principal)
    /// Nobody known: the bootstrap token or an enrolment token.
    case token(Secret)
}

/// A registered agent with its key, which is shown once.
package struct RegisteredAgent: Sendable {
    package let agent: Agent
    package let apiKey: Secret
}

/// An enrolment token with its value, which is shown once.
package struct IssuedEnrollmentToken: Sendable {
    package let record: EnrollmentTokenRecord
    package let value: Secret
}

/// Lets agents in, each with a credential of its own that is bound to its id (specification, targets §1.4).
package struct EnrollmentFlow: Sendable {
    private static let lifetimeRange = Duration.minutes(1)...Duration.days(7)
    private static let usesRange = 1...1000

    private let database: any Database
    private let time: TimeSource
    private let random: RandomSource
    /// `CERTCTL_AGENT_BOOTSTRAP_TOKEN`, a token without end; asked each time, because it changes while the server runs.
    private let bootstrapToken: @Sendable () -> Secret?
    private let recorder: AccessRecorder
    private let agents = AgentStore()
    private let tokens = EnrollmentTokenStore()

    package init(
        database: any Database,
        time: TimeSource,
        random: RandomSource,
        bootstrapToken: @escaping @Sendable () -> Secret?
    ) {
        self.database = database
        self.time = time
        self.random = random
        self.bootstrapToken = bootstrapToken
        recorder = AccessRecorder(random: random)
    }

    /// Registers an agent. Throws 400 for its members and for reserved ids, 401 for the token, 409 when name or id
    /// are taken.
    package func register(
        _ draft: AgentDraft,
        by authority: EnrollmentAuthority,
        origin: RequestOrigin
    ) async throws -> RegisteredAgent {
        if case .principal(let principal) = authority { try principal.require(.agentEdit) }
        let key = AgentKey.generate(random: random)
        let agent = try await database.act { [self] tx in
            let admission = try admit(authority, in: tx)
            let id =
                try Self.checkedID(draft.id ?? admission.agentID?.text)
                ?? AgentID(generatedAt: tx.now, random: random)
            let name = admission.name ?? draft.name
            try Self.check(name: name, hostname: draft.hostname, metadata: draft.metadata)
            guard admission.agentID.map({ $0 == id }) ?? true else { throw Self.refused }
            try agents.insert(
                NewAgent(
                    id: id,
                    name: name,
                    hostname: draft.hostname,
                    keyHash: key.sha256,
                    metadata: draft.metadata
                ),
                in: tx
            )
            let author = Authorship(
                actor: admission.actor ?? Actor(id: id.text, type: .agent), origin: origin, clearance: .system)
            try recorder.record(
                admission.actor == nil ? "agent_enrolled" : "agent_registered",
                "agent",
                id.text,
                details: ["name": .string(name), "enrollment_token_id": .string(admission.tokenID?.text ?? "")],
                by: author,
                in: tx
            )
            return try agents.get(id, in: tx)
        }
        return RegisteredAgent(agent: agent, apiKey: key.text)
    }

    /// Makes a token that lets agents in.
    ///
    /// - `lifetime`: One minute to seven days.
    /// - `maxUses`: One to a thousand.
    package func createToken(
        agentName: String?,
        agentID: String?,
        lifetime: Duration,
        maxUses: Int,
        by author: Authorship
    ) async throws -> IssuedEnrollmentToken {
        guard Self.lifetimeRange.contains(lifetime) else {
            throw Self.problem("/ttl_seconds", "out_of_range", "must be between 60 and 604800")
        }
        guard Self.usesRange.contains(maxUses) else {
            throw Self.problem("/max_uses", "out_of_range", "must be between 1 and 1000")
        }
        if let agentName { try Self.check(name: agentName, hostname: "-", metadata: AgentMetadata()) }
        let fixedID = try Self.checkedID(agentID)
        let token = EnrollmentToken.generate(random: random)
        let record = try await database.act { [self] tx in
            let record = try tokens.insert(
                NewEnrollmentToken(
                    id: EnrollmentTokenID(generatedAt: tx.now, random: random),
                    tokenHash: token.sha256,
                    agentName: agentName,
                    agentID: fixedID,
                    maxUses: maxUses,
                    createdBy: author.actor,
                    expiresAt: tx.now + lifetime
                ),
                in: tx
            )
            try recorder.record(
                "agent_enrollment_token_created",
                "agent_enrollment_token",
                record.id.text,
                details: ["max_uses": .integer(Int64(maxUses)), "expires_at": .string(record.expiresAt.rfc3339)],
                by: author,
                in: tx
            )
            return record
        }
        return IssuedEnrollmentToken(record: record, value: token.text)
    }

    /// Makes a token useless. Throws 404 when it was unknown or revoked before.
    package func revokeToken(_ id: EnrollmentTokenID, by author: Authorship) async throws {
        try await database.act { [self] tx in
            guard try tokens.revoke(id, in: tx) else {
                throw ServiceError(.notFound, "there is no enrolment token \(id.text)")
            }
            try recorder.record(
                "agent_enrollment_token_revoked",
                "agent_enrollment_token",
                id.text,
                by: author,
                in: tx
            )
        }
    }

    // MARK: Admission

    private struct Admission {
        /// The caller, when it was somebody known.
        var actor: Actor?
        var tokenID: EnrollmentTokenID?
        var name: String?
        var agentID: AgentID?
    }

    /// Spends one use of a token. A wrong, expired, exhausted or revoked one looks the same.
    private func admit(_ authority: EnrollmentAuthority, in tx: any Transaction) throws -> Admission {
        switch authority {
        case .principal(let principal): return Admission(actor: principal.actor)
        case .token(let presented):
            if let token = bootstrapToken(), !token.isEmpty, presented.matches(token) { return Admission() }
            guard let token = EnrollmentToken(parsing: presented),
                let record = try tokens.consume(tokenHash: token.sha256, in: tx)
            else { throw Self.refused }
            return Admission(tokenID: record.id, name: record.agentName, agentID: record.agentID)
        }
    }

    private static let refused = ServiceError(.unauthenticated, "invalid_or_missing_bootstrap_token")

    private static func checkedID(_ text: String?) throws(ServiceError) -> AgentID? {
        guard let text, !text.isEmpty else { return nil }
        do {
            let id = try AgentID(text)
            guard !SentinelAgent.identifiers.contains(id.text) else {
                throw problem("/id", "reserved", "is reserved for the server itself")
            }
            return id
        } catch let error as InvalidIdentifier {
            throw problem("/id", "invalid_id", error.description)
        } catch let error as ServiceError {
            throw error
        } catch {
            throw problem("/id", "invalid_id", "\(error)")
        }
    }

    private static func check(name: String, hostname: String, metadata: AgentMetadata) throws(ServiceError) {
        var problems: [FieldProblem] = []
        func check(_ text: String, _ pointer: String, _ limit: Int, isRequired: Bool) {
            if isRequired, text.isEmpty {
                problems.append(FieldProblem(pointer: pointer, code: "required", detail: "must not be empty"))
            } else if text.unicodeScalars.count > limit {
                problems.append(FieldProblem(pointer: pointer, code: "too_long", detail: "at most \(limit) characters"))
            } else if text.unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7F }) {
                problems.append(
                    FieldProblem(pointer: pointer, code: "invalid_characters", detail: "no control characters")
                )
            }
        }
        check(name, "/name", 128, isRequired: true)
        check(hostname, "/hostname", 255, isRequired: true)
        check(metadata.os, "/os", 100, isRequired: false)
        check(metadata.architecture, "/architecture", 100, isRequired: false)
        check(metadata.ipAddress, "/ip_address", 45, isRequired: false)
        check(metadata.version, "/version", 50, isRequired: false)
        guard let first = problems.first else { return }
        throw ServiceError(.validationFailed, "\(first.pointer): \(first.detail)", problems: problems)
    }

    private static func problem(_ pointer: String, _ code: String, _ detail: String) -> ServiceError {
        ServiceError(
            .validationFailed,
            "\(pointer): \(detail)",
            problems: [FieldProblem(pointer: pointer, code: code, detail: detail)]
        )
    }
}
