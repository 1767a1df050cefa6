import Synchronization

/// What makes the text of a statement: everything of it but its values.
///
/// The texts of our program are at one place in memory each, so their addresses stand for them.
struct StatementShape: Hashable {
    private let parts: [UInt]

    /// `nil` for a statement whose text has to be put together each time.
    init?(_ sql: SQL, for engine: Engine) {
        var parts: [UInt] = [engine == .sqlite ? 0 : 1]
        parts.reserveCapacity(sql.pieces.count + 1)
        for piece in sql.pieces {
            switch piece {
            case .text(let text) where text.hasPointerRepresentation: parts.append(UInt(bitPattern: text.utf8Start))
            case .bind: parts.append(0)
            // Small numbers are no addresses.
            case .lock(let lock): parts.append(lock.mark)
            case .list(let values) where (1...Self.longestList).contains(values.count):
                parts.append(16 + UInt(values.count))
            case .text, .list, .jsonMember, .contains, .jsonElements: return nil
            }
        }
        self.parts = parts
    }

    /// Few members make few texts; long lists would fill the connections' stores of prepared statements.
    static let longestList = 12
}

extension RowLock {
    fileprivate var mark: UInt {
        switch self {
        case .forUpdate: 1
        case .forUpdateSkipLocked: 2
        case .forShare: 3
        }
    }
}

/// Texts that were put together before, each with a number by which connections find what they have prepared of it.
final class KnownTexts: Sendable {
    struct Entry {
        let text: String
        let number: Int
    }

    /// Statements that are put together at run time from parts could fill it; beyond this none is noted any more.
    static let capacity = 4096

    private let entries = Mutex<[StatementShape: Entry]>([:])

    func entry(of shape: StatementShape) -> Entry? { entries.withLock { $0[shape] } }

    /// Notes a text; `nil` when there is no room.
    func note(_ text: String, of shape: StatementShape) -> Entry? {
        entries.withLock { entries in
            if let known = entries[shape] { return known }
            guard entries.count < Self.capacity else { return nil }
            let entry = Entry(text: text, number: entries.count)
            entries[shape] = entry
            return entry
        }
    }
}
