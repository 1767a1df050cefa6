import Query

/// What a prepared statement is found by: the number of its text where that is noted, since texts are long.
enum StatementKey: Hashable {
    case number(Int)
    case text(String)
}

extension RenderedStatement {
    var key: StatementKey { number.map { .number($0) } ?? .text(text) }
}

/// The statements that one connection has prepared, by their text; the least recently used makes room.
struct PreparedStatements {
    private struct Entry {
        let name: String
        var lastUse: Int
    }

    private let capacity: Int
    private var entries: [StatementKey: Entry] = [:]
    private var uses = 0
    private var namesGiven = 0

    init(capacity: Int = 256) { self.capacity = capacity }

    mutating func name(of key: StatementKey) -> String? {
        guard let index = entries.index(forKey: key) else { return nil }
        uses += 1
        entries.values[index].lastUse = uses
        return entries.values[index].name
    }

    /// A name that this connection has never used.
    mutating func makeName() -> String {
        namesGiven += 1
        return "s\(namesGiven)"
    }

    /// Keeps a statement; the name of one that must be deallocated to make room.
    mutating func keep(_ name: String, for key: StatementKey) -> String? {
        var evicted: String?
        if entries.count >= capacity, let oldest = entries.min(by: { $0.value.lastUse < $1.value.lastUse }) {
            entries[oldest.key] = nil
            evicted = oldest.value.name
        }
        uses += 1
        entries[key] = Entry(name: name, lastUse: uses)
        return evicted
    }

    mutating func forget(_ key: StatementKey) { entries[key] = nil }

    mutating func forgetAll() { entries.removeAll(keepingCapacity: true) }
}
