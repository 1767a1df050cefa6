/// What a `PUT` or `PATCH` says about one member.
package enum FieldUpdate<Value: Sendable>: Sendable {
    /// The member was not sent: the stored value stays.
    case keep
    /// A merge patch sent `null`.
    case clear
    case set(Value)

    /// The value to store, given the stored one and what "cleared" means for the member.
    package func resolved(from stored: Value, cleared: @autoclosure () -> Value) -> Value {
        switch self {
        case .keep: stored
        case .clear: cleared()
        case .set(let value): value
        }
    }

    /// For members that cannot be cleared; the contract has already refused `null` for them.
    package func resolved(from stored: Value) -> Value { resolved(from: stored, cleared: stored) }

    /// For members that may be absent.
    package func resolved(from stored: Value?) -> Value? {
        switch self {
        case .keep: stored
        case .clear: nil
        case .set(let value): value
        }
    }

    package var isKept: Bool {
        if case .keep = self { true } else { false }
    }
}

extension FieldUpdate: Equatable where Value: Equatable {}
