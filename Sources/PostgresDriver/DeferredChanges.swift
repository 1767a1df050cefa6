import Domain
import Query

/// The changes of a group that have not been made yet.
///
/// Those of one subject keep their order. Those of different subjects do not depend on each other, so equal ones become
/// one statement, and all are sent in one round trip.
final class DeferredChanges {
    /// One statement for several subjects.
    private struct Merged {
        let rendered: RenderedStatement
        /// Rows that must change; `nil` when any number is right.
        let expected: Int?
    }

    private let session: PostgresSession
    private var queues: [String: [DeferredStatement]] = [:]
    /// In the order in which they came, so that replicas lock rows alike.
    private var subjects: [String] = []
    private var hasFailed = false

    init(session: PostgresSession) { self.session = session }

    func append(_ statement: DeferredStatement, of subject: String) {
        if queues[subject] == nil { subjects.append(subject) }
        queues[subject, default: []].append(statement)
    }

    /// Makes all changes if one of `subject` waits; false when the transaction cannot go on.
    func settle(ifNoted subject: String) -> Bool {
        queues[subject] == nil ? !hasFailed : settle()
    }

    /// Makes all changes; false when one of them failed or did not change what it should.
    func settle() -> Bool {
        guard !hasFailed else { return false }
        do throws(DatabaseError) {
            let merged = try merge()
            queues = [:]
            subjects = []
            let results = try session.runTogether(merged.map(\.rendered))
            hasFailed = !zip(merged, results).allSatisfy { statement, result in
                statement.expected.map { $0 == result.changes } ?? true
            }
        } catch {
            hasFailed = true
        }
        return !hasFailed
    }

    /// One statement after the other of every subject, as many subjects as possible at a time.
    private func merge() throws(DatabaseError) -> [Merged] {
        var merged: [Merged] = []
        let longest = queues.values.map(\.count).max() ?? 0
        for position in 0..<longest {
            var classes: [DeferredStatement.Kind: [DeferredStatement]] = [:]
            var order: [DeferredStatement.Kind] = []
            for subject in subjects {
                guard let queue = queues[subject], position < queue.count else { continue }
                guard let kind = queue[position].kind else {
                    merged.append(try Self.statement([queue[position]]))
                    continue
                }
                if classes[kind] == nil { order.append(kind) }
                classes[kind, default: []].append(queue[position])
            }
            for kind in order {
                for part in (classes[kind] ?? []).inFewSizes(upTo: CommitLane.largestBatch) {
                    merged.append(try Self.statement(part))
                }
            }
        }
        return merged
    }

    private static func statement(_ part: ArraySlice<DeferredStatement>) throws(DatabaseError) -> Merged {
        let head = part.first?.head ?? ""
        let tail = part.first?.tail ?? ""
        let sql = head + SQL.joined(part.map(\.member), by: ", ") + tail
        return Merged(
            rendered: try Dialect.render(sql, for: .postgres),
            expected: part.first?.refusal == nil ? nil : part.count
        )
    }
}
