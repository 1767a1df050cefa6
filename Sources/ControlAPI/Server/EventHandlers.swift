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

    let database: any Database
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
            while true {
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

    /// One page of what the caller may see, and the position after everything that was looked at.
    private func read(
        after position: EventPosition,
        _ filter: EventFilter
    ) async throws -> ([Event], EventPosition) {
        let events = try await database.fetch { tx in
            try EventOutbox().read(after: position, limit: Self.pageSize, in: tx)
        }
        return (events.filter(filter.admits), events.last?.position ?? position)
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

    @Sendable
    func admits(_ event: Event) -> Bool {
        guard let permission = Self.permission(event.resourceType), principal.holds(permission), !principal.isAgent
        else { return false }
        if let resourceType, event.resourceType != resourceType { return false }
        if let resourceID, event.subject != resourceID { return false }
        return types.isEmpty || types.contains { Self.matches(event.type, $0) }
    }

    /// `job.*` matches every type that begins with `job.`.
    private static func matches(_ type: String, _ pattern: String) -> Bool {
        pattern.hasSuffix("*") ? type.hasPrefix(pattern.dropLast()) : type == pattern
    }

    private static func permission(_ resourceType: String) -> Permission? {
        switch resourceType {
        case "certificate": .certRead
        case "job": .jobRead
        case "agent": .agentRead
        case "issuer": .issuerRead
        case "target": .targetRead
        case "profile": .profileRead
        case "renewal_policy": .policyRead
        case "team": .teamRead
        case "owner": .ownerRead
        default: nil
        }
    }
}
