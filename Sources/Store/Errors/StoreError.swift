package import Domain
import Query

/// What a repository refuses, as opposed to a failure of the database (``Query/DatabaseError``).
package enum StoreError: Error, Hashable, Sendable {
    case notFound(Entity, id: String)
    /// Another row has the value already; `field` is the member of the API that carries it.
    case alreadyExists(Entity, field: String)
    /// The row changed since the caller read it.
    case stale(Entity, id: String, current: Int)
    /// What refers to the row, by the names that the API shows.
    case inUse(Entity, id: String, counts: [String: Int])
    /// Members of a request that name rows that do not exist.
    case unknownReferences([UnknownReference])
    /// The row is not in a state from which the change is possible, or somebody else made it first.
    case invalidState(Entity, id: String, reason: String)
    /// The issuer has used this serial number before; allocate another.
    case serialTaken(IssuerID)
    /// This process no longer leads, or a newer leader took over.
    case leadershipLost(epoch: Int)

    /// The entities that errors speak of.
    package enum Entity: String, Sendable {
        case certificate, version, issuer, profile, target, agent, job, order, owner, team, role, grant, approval
        case session, user, revocation, operation
        case policy = "renewal policy"
        case key = "API key"
        case enrollmentToken = "enrolment token"
        case auditEvent = "audit event"
        case auditHold = "legal hold"
        case authority = "certification authority"
        case authorityCertificate = "certificate of a certification authority"
        case sealingKey = "sealing key"
        case acmeAccount = "ACME account"
        case acmeOrder = "ACME order"
        case eabKey = "external account binding key"
    }

    /// One member of a request and the identifier that it names in vain.
    package struct UnknownReference: Hashable, Sendable {
        package let field: String
        package let id: String

        package init(field: String, id: String) {
            self.field = field
            self.id = id
        }
    }

    /// The error as a client sees it.
    package var serviceError: ServiceError {
        switch self {
        case .notFound(let entity, let id):
            ServiceError(.notFound, "there is no \(entity.rawValue) \(id)")
        case .alreadyExists(let entity, let field):
            ServiceError(
                .alreadyExists,
                "another \(entity.rawValue) has this \(field)",
                problems: [FieldProblem(pointer: "/\(field)", code: "taken", detail: "is taken")]
            )
        case .stale(let entity, let id, let current):
            ServiceError(
                .preconditionFailed,
                "\(entity.rawValue) \(id) has changed since it was read: it is at version \(current); read it again",
                currentVersion: current
            )
        case .inUse(let entity, let id, let counts):
            ServiceError(.inUse, "\(entity.rawValue) \(id) is in use by \(Self.list(counts))", counts: counts)
        case .unknownReferences(let references):
            ServiceError(
                .unknownReference,
                "the request names what does not exist: " + references.map(\.id).joined(separator: ", "),
                problems: references.map {
                    FieldProblem(pointer: "/\($0.field)", code: "unknown_reference", detail: "\($0.id) does not exist")
                }
            )
        case .invalidState(let entity, let id, let reason):
            ServiceError(.invalidState, "\(entity.rawValue) \(id): \(reason)")
        case .serialTaken, .leadershipLost:
            ServiceError(.transient, "the request met a concurrent change; repeat it")
        }
    }

    private static func list(_ counts: [String: Int]) -> String {
        counts.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }.joined(separator: ", ")
    }
}

/// A unique constraint and what it means to a client.
struct UniqueRule: Sendable {
    let constraint: String
    let entity: StoreError.Entity
    let field: String

    /// Runs `body`, turning a violation of one of `rules` into ``StoreError/alreadyExists(_:field:)``.
    static func checking<Result>(
        _ rules: [UniqueRule],
        _ body: () throws(DatabaseError) -> Result
    ) throws -> Result {
        do {
            return try body()
        } catch {
            throw self.error(for: error, under: rules)
        }
    }

    /// What `error` means under `rules`; itself when none of them was broken.
    static func error(for error: DatabaseError, under rules: [UniqueRule]) -> any Error {
        guard case .uniqueViolation(let constraint) = error.kind,
            let rule = rules.first(where: { $0.constraint == constraint })
        else { return error }
        return StoreError.alreadyExists(rule.entity, field: rule.field)
    }
}
