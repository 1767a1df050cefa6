/// What a partial update says about one member: nothing, or a new value.
package enum FieldUpdate<Value: Sendable>: Sendable {
    case keep
    case set(Value)

    /// The value after the update.
    package func applied(to stored: Value) -> Value {
        switch self {
        case .keep: stored
        case .set(let value): value
        }
    }
}

extension FieldUpdate: Equatable where Value: Equatable {}
