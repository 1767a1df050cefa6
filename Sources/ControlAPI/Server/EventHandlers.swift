import APIContract
import Access
import Domain
import Encoding
import HTTPServing
import Query
import Store

/// Changes as they happen (specification, rest-api §6.5): a stream, or a page by long poll.
///
/// Readers look for themselves twice a second: signalling every event would cost PostgreSQL its group commit.
struct EventHandlers: Sendable {
    private static let pageSize = 200
    private static let lookInterval = Duration.milliseconds(500)
    /// How long a reader whose rights were reduced goes on reading at most.
    private static let accessCheckInterval = Duration.seconds(5)

    let database: any Database
    let authenticator: Authenticator
    let sessions: SessionAuthenticator
    let state: ServingState
    let time: TimeSource

    func register(in handlers: inout HandlerTable) { handlers.on(ServerRoutes.events, events) }

    private func events(_ context: AuthenticatedContext) async throws -> OutgoingResponse {
        let filter = EventFilter(context.query, for: context.principal)
        let start = try await position(context.request.lastEventID)
        if context.request.prefers("application/json", over: "text/event-stream") {
            let wait = Duration.seconds(context.query.integer("wait") ?? 30)
            return .json(try await page(after: start, filter, wait: wait))
        }
        return .events(state: state, time: time) { stream in
            var position = start
            var checkedAt = time.now
            while true {
                if time.now - checkedAt >= Self.accessCheckInterval {
                    guard try await isUnchanged(context.principal) else { return }
                    checkedAt = time.now
                }
                let (events, next) = try await read(after: position, filter)
                for event in events {
                    let body = EventBody(event)
                    try await stream.send(id: body.id, event: body.type, data: body.json)
                }
                if next == position { try await time.sleep(Self.lookInterval) }
                position = next
            }
        }
    }

    private func page(after start: EventPosition, _ filter: EventFilter, wait: Duration) async throws -> EventPage {
        let began = time.now
        var position = start
        while true {
            let (events, next) = try await read(after: position, filter)
            position = next
            if !events.isEmpty || time.now - began >= wait || state.isDraining {
                return EventPage {
                    $0.data = events.map { EventBody($0) }
                    $0.lastEventID = position.text
                }
            }
            try await time.sleep(Self.lookInterval)
        }
    }

    /// Whether the reader may still see what it may see now: else its stream ends, and it has to be admitted anew.
    private func isUnchanged(_ principal: Principal) async throws -> Bool {
        try await authenticator.refreshed(principal, sessions: sessions)?.rights == principal.rights
    }

    /// One page of what the caller may see, and the position after everything that was looked at.
    private func read(
        after position: EventPosition,
        _ filter: EventFilter
    ) async throws -> ([Event], EventPosition) {
        try await database.fetch { tx in
            let events = try EventOutbox().read(after: position, limit: Self.pageSize, in: tx)
            let shown = try filter.admitted(events, in: tx)
            return (shown, events.last?.position ?? position)
        }
    }

    /// Where to begin: after an event id, at a time, or with what comes next.
    private func position(_ text: String?) async throws -> EventPosition {
        guard let text else { return try await database.fetch { try EventOutbox().end(in: $0) } }
        if let position = EventPosition(text: text) { return position }
        guard let since = try? Timestamp(rfc3339: text) else {
            throw ServiceError(.invalidParameter, "since must be an event id or an RFC 3339 time")
        }
        return try await database.fetch { try EventOutbox().position(before: since, in: $0) }
    }
}

extension EventPosition {
    /// The event id that clients see.
    var text: String { "\(epoch)-\(sequence)" }

    init?(text: String) {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        if text.hasPrefix("-"), parts.count == 3, parts[1] == "1", let sequence = Int(parts[2]) {
            self.init(epoch: -1, sequence: sequence)
        } else if parts.count == 2, let epoch = Int(parts[0]), let sequence = Int(parts[1]) {
            self.init(epoch: epoch, sequence: sequence)
        } else {
            return nil
        }
    }
}

extension EventBody {
    init(_ event: Event) {
        self.init {
            $0.id = event.position.text
            $0.type = event.type
            $0.time = event.time
            $0.subject = event.subject
            $0.actor = EventActor {
                $0.id = event.actor.id
                $0.type = event.actor.type
            }
            $0.data = event.data.objectValue ?? [:]
        }
    }
}

/// Which events a client asked for and may see: each needs the permission to read its resource.
struct EventFilter: Sendable {
    private let types: [String]
    private let resourceType: String?
    private let resourceID: String?
    private let principal: Principal

    init(_ query: QueryValues, for principal: Principal) {
        types = query.texts("types")
        resourceType = query.text("resource_type")
        resourceID = query.text("resource_id")
        self.principal = principal
    }

    /// The events among `events` that the client asked for and may see. Where it holds a permission for some issuers
    /// or profiles only, the certificates and jobs are looked up, in one statement each.
    func admitted(_ events: [Event], in tx: any Transaction) throws -> [Event] {
        let wanted = events.filter(isWanted)
        let certificates = try visible(wanted, "certificate", .certRead) { ids, clearance in
            try CertificateStore().visible(among: ids, within: clearance, in: tx)
        }
        let jobs = try visible(wanted, "job", .jobRead) { ids, clearance in
            try JobStore().visible(among: ids, within: clearance, in: tx)
        }
        let approvals = try visible(wanted, "approval", .approvalRead) { ids, clearance in
            try ApprovalStore().visible(among: ids, within: clearance, in: tx)
        }
        return wanted.filter { event in
            switch event.resourceType {
            case "certificate": certificates.contains(CertificateID(stored: event.subject))
            case "job": jobs.contains(JobID(stored: event.subject))
            case "approval": approvals.contains(ApprovalID(stored: event.subject))
            case "issuer": reach(.issuerRead).covers(ObjectScopes(issuer: IssuerID(stored: event.subject)))
            case "profile": reach(.profileRead).covers(ObjectScopes(profile: ProfileID(stored: event.subject)))
            default: Self.permission(event.resourceType).map { reach($0).isEverywhere } ?? false
            }
        }
    }

    private func isWanted(_ event: Event) -> Bool {
        guard !principal.isAgent else { return false }
        if let resourceType, event.resourceType != resourceType { return false }
        if let resourceID, event.subject != resourceID { return false }
        return types.isEmpty || types.contains { Self.matches(event.type, $0) }
    }

    private func visible<Kind: EntityKind>(
        _ events: [Event],
        _ resourceType: String,
        _ permission: Permission,
        _ look: (Set<EntityID<Kind>>, Clearance) throws -> Set<EntityID<Kind>>
    ) throws -> Set<EntityID<Kind>> {
        guard let clearance = principal.rights.clearance(for: permission) else { return [] }
        let ids = events.filter { $0.resourceType == resourceType }.map { EntityID<Kind>(stored: $0.subject) }
        return try look(Set(ids), clearance)
    }

    private func reach(_ permission: Permission) -> Reach { principal.rights.reach(of: permission) }

    /// `job.*` matches every type that begins with `job.`.
    private static func matches(_ type: String, _ pattern: String) -> Bool {
        pattern.hasSuffix("*") ? type.hasPrefix(pattern.dropLast()) : type == pattern
    }

    /// What the events of resources without scopes need, everywhere.
    private static func permission(_ resourceType: String) -> Permission? {
        switch resourceType {
        case "agent": .agentRead
        case "operation": .certBulkRevoke
        case "target": .targetRead
        case "renewal_policy": .policyRead
        case "team": .teamRead
        case "owner": .ownerRead
        case "user": .authUserRead
        case "api_key": .authKeyList
        default: nil
        }
    }
}
