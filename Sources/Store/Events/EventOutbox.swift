package import Domain
package import Encoding
package import Query

/// One thing that happened, about to be told.
package struct NewEvent: Sendable {
    /// `certificate.issued`, `job.status_changed` …
    package let type: String
    package let resourceType: String
    package let subject: String
    package let actor: Actor
    package let data: JSONObject

    package init(type: String, resourceType: String, subject: String, actor: Actor, data: JSONObject = [:]) {
        self.type = type
        self.resourceType = resourceType
        self.subject = subject
        self.actor = actor
        self.data = data
    }
}

/// A place in the stream of events. Positions rise in the order in which transactions settled.
package struct EventPosition: Hashable, Comparable, Sendable {
    package let epoch: Int
    package let sequence: Int

    package init(epoch: Int, sequence: Int) {
        self.epoch = epoch
        self.sequence = sequence
    }

    /// Before every event.
    package static let start = EventPosition(epoch: -1, sequence: 0)

    package static func < (left: Self, right: Self) -> Bool {
        (left.epoch, left.sequence) < (right.epoch, right.sequence)
    }
}

/// One event, as stored.
package struct Event: Hashable, Sendable {
    package let position: EventPosition
    package let type: String
    package let resourceType: String
    package let subject: String
    package let actor: Actor
    package let time: Timestamp
    package let data: JSONValue

    init(_ row: Row) throws(DatabaseError) {
        position = EventPosition(epoch: try row.int("commit_epoch"), sequence: try row.int("seq"))
        type = try row.text("type")
        resourceType = try row.text("resource_type")
        subject = try row.text("subject")
        actor = Actor(id: try row.text("actor"), type: try row.value("actor_type"))
        time = try row.time("time")
        data = try row.json("data")
    }
}

/// The outbox: events are written by the transaction that makes the change, so none is lost and none is early.
package struct EventOutbox: Sendable {
    package init() {}

    /// Writes events, in one statement.
    ///
    /// It does not signal: on PostgreSQL every `NOTIFY` takes one global lock until its transaction has committed,
    /// which would end group commit. Readers look by themselves; ``wakeReaders(in:)`` is for changes that people wait for.
    package func append(_ events: [NewEvent], in tx: any Transaction) throws {
        guard !events.isEmpty else { return }
        let rows = events.map { event -> SQL in
            """
            (\(event.type), \(event.resourceType), \(event.subject), \(event.actor.id), \(event.actor.type),
                \(tx.now), \(JSONColumn.value(.object(event.data))))
            """
        }
        try tx.submit(
            DeferredStatement(
                head: "INSERT INTO events (type, resource_type, subject, actor, actor_type, time, data) VALUES ",
                member: SQL.joined(rows, by: ", ")
            )
        )
    }

    package func wakeReaders(in tx: any Transaction) throws { try tx.notify(.events, payload: "") }

    /// The events after `position` whose order is final, oldest first.
    package func read(after position: EventPosition, limit: Int, in tx: any Transaction) throws -> [Event] {
        try tx.rows(
            """
            SELECT seq, commit_epoch, type, resource_type, subject, actor, actor_type, time, data
            FROM settled_events
            WHERE (commit_epoch, seq) > (\(position.epoch), \(position.sequence))
            ORDER BY commit_epoch, seq LIMIT \(limit)
            """
        ).map { try Event($0) }
    }

    /// The newest position, for readers who want only what comes.
    package func end(in tx: any Transaction) throws -> EventPosition {
        let row = try tx.row(
            "SELECT commit_epoch, seq FROM settled_events ORDER BY commit_epoch DESC, seq DESC LIMIT 1"
        )
        guard let row else { return .start }
        return EventPosition(epoch: try row.int("commit_epoch"), sequence: try row.int("seq"))
    }

    /// The position before the first event at or after `time`, for readers who go by the clock.
    package func position(before time: Timestamp, in tx: any Transaction) throws -> EventPosition {
        let row = try tx.row(
            """
            SELECT commit_epoch, seq FROM settled_events WHERE time < \(time)
            ORDER BY commit_epoch DESC, seq DESC LIMIT 1
            """
        )
        guard let row else { return .start }
        return EventPosition(epoch: try row.int("commit_epoch"), sequence: try row.int("seq"))
    }

    /// Deletes events older than `deadline`, at most `limit`; how many went.
    package func purge(before deadline: Timestamp, limit: Int, in tx: any Transaction) throws -> Int {
        try tx.execute(
            """
            DELETE FROM events
            WHERE seq IN (SELECT seq FROM events WHERE time < \(deadline) ORDER BY time LIMIT \(limit))
            """
        )
    }
}
