import APIContract
import Domain
import Lifecycle

extension APIContract.FieldUpdate {
    /// The update as a flow takes it; members that a contract lets be cleared become `cleared`.
    func update(cleared: Value) -> Lifecycle.FieldUpdate<Value> {
        switch self {
        case .keep: .keep
        case .clear: .set(cleared)
        case .set(let value): .set(value)
        }
    }

    func update<Other: Sendable>(
        cleared: Other,
        _ transform: (Value) -> Other
    ) -> Lifecycle.FieldUpdate<Other> {
        switch self {
        case .keep: .keep
        case .clear: .set(cleared)
        case .set(let value): .set(transform(value))
        }
    }

    /// For members that the contract does not let be cleared.
    var update: Lifecycle.FieldUpdate<Value> {
        if case .set(let value) = self { .set(value) } else { .keep }
    }

    /// The sent value, for flows that edit a draft in place.
    func apply(to stored: inout Value) {
        if case .set(let value) = self { stored = value }
    }
}

extension APIContract.FieldUpdate {
    /// Identifiers travel as text into flows, which name the member when one leads nowhere.
    func textUpdate<Kind>() -> Lifecycle.FieldUpdate<String> where Value == EntityID<Kind> {
        update(cleared: "") { $0.text }
    }
}
