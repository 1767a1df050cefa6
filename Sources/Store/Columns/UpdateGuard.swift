import Query

/// The compare-and-set of rows that carry a `row_version`.
enum UpdateGuard {
    /// The condition that ends an update: the row, at the version the caller read when it named one.
    static func condition(id: some Bindable, expecting version: Int?) -> SQL {
        guard let version else { return "id = \(id)" }
        return "id = \(id) AND row_version = \(version)"
    }

    /// Why an update changed nothing.
    static func refusal(
        _ entity: StoreError.Entity,
        id: String,
        current: Int?
    ) -> StoreError {
        guard let current else { return .notFound(entity, id: id) }
        return .stale(entity, id: id, current: current)
    }
}
