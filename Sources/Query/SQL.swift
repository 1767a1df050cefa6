package import Domain

/// Statement text with its bound values, the same for SQLite and PostgreSQL.
///
/// Text comes from string literals alone: a run-time `String` enters as a bound value, so splicing
/// one into a statement does not compile. What differs between the engines is a named piece, rendered
/// by ``Dialect`` and nowhere else.
package struct SQL: Sendable, ExpressibleByStringInterpolation {
    package enum Piece: Sendable {
        case text(StaticString)
        case bind(Value)
        /// `(?, ?, …)`: a list for `IN`; an empty list renders as `(NULL)`, which matches nothing.
        case list([Value])
        case lock(RowLock)
        /// The text of a JSON column's member: `column ->> 'key'` on both engines, typed as text.
        case jsonMember(column: StaticString, key: Value)
        /// Case-insensitive containment with `%` and `_` of the needle taken literally.
        case contains(column: StaticString, needle: String)
        /// The elements of a JSON array as rows `element` with the column `value`, in `FROM`.
        case jsonElements(column: StaticString)
    }

    package private(set) var pieces: [Piece]

    package init(stringLiteral text: StaticString) { pieces = [.text(text)] }
    package init(stringInterpolation built: Interpolation) { pieces = built.pieces }

    private init(pieces: [Piece]) { self.pieces = pieces }

    /// Joins fragments, for conditions that are put together at run time.
    package static func + (left: SQL, right: SQL) -> SQL { SQL(pieces: left.pieces + right.pieces) }

    package static func += (left: inout SQL, right: SQL) { left.pieces += right.pieces }

    /// The fragments with `separator` between them.
    package static func joined(_ fragments: some Sequence<SQL>, by separator: StaticString) -> SQL {
        var pieces: [Piece] = []
        for (index, fragment) in fragments.enumerated() {
            if index > 0 { pieces.append(.text(separator)) }
            pieces += fragment.pieces
        }
        return SQL(pieces: pieces)
    }

    package struct Interpolation: StringInterpolationProtocol {
        var pieces: [Piece] = []

        package init(literalCapacity: Int, interpolationCount: Int) {
            pieces.reserveCapacity(2 * interpolationCount + 1)
        }

        package mutating func appendLiteral(_ text: StaticString) { pieces.append(.text(text)) }

        package mutating func appendInterpolation(_ value: some Bindable) { pieces.append(.bind(value.sqlValue)) }

        /// An absent value is NULL. Apart from the general form, so that the compiler knows an optional is meant.
        package mutating func appendInterpolation<Wrapped: Bindable>(_ value: Wrapped?) {
            pieces.append(.bind(value.sqlValue))
        }

        package mutating func appendInterpolation(list values: [some Bindable]) {
            pieces.append(.list(values.map(\.sqlValue)))
        }

        /// Claims rows for this transaction. SQLite has one writer and needs no clause.
        package mutating func appendInterpolation(lock: RowLock) { pieces.append(.lock(lock)) }

        package mutating func appendInterpolation(fragment: SQL) { pieces += fragment.pieces }

        package mutating func appendInterpolation(json column: StaticString, member key: String) {
            pieces.append(.jsonMember(column: column, key: .text(key)))
        }

        package mutating func appendInterpolation(_ column: StaticString, contains needle: String) {
            pieces.append(.contains(column: column, needle: needle))
        }

        package mutating func appendInterpolation(elements column: StaticString) {
            pieces.append(.jsonElements(column: column))
        }
    }
}

/// Row-lock clauses of PostgreSQL.
package enum RowLock: Sendable {
    case forUpdate
    case forUpdateSkipLocked
    case forShare
}

/// A value as it enters or leaves a statement.
package enum Value: Hashable, Sendable {
    case null
    case text(String)
    case integer(Int64)
    case real(Double)
    case bytes([UInt8])
    case bool(Bool)
    /// `TIMESTAMPTZ` on PostgreSQL, integer microseconds on SQLite.
    case time(Timestamp)
    /// Canonical JSON text: `JSONB` on PostgreSQL, checked `TEXT` on SQLite.
    case json(String)
}

/// Something that can be bound in a statement.
package protocol Bindable {
    var sqlValue: Value { get }
}

extension Value: Bindable { package var sqlValue: Value { self } }
extension String: Bindable { package var sqlValue: Value { .text(self) } }
extension Int: Bindable { package var sqlValue: Value { .integer(Int64(self)) } }
extension Int64: Bindable { package var sqlValue: Value { .integer(self) } }
extension Double: Bindable { package var sqlValue: Value { .real(self) } }
extension Bool: Bindable { package var sqlValue: Value { .bool(self) } }
extension Timestamp: Bindable { package var sqlValue: Value { .time(self) } }
extension EntityID: Bindable { package var sqlValue: Value { .text(text) } }
extension Array: Bindable where Element == UInt8 { package var sqlValue: Value { .bytes(self) } }
extension Optional: Bindable where Wrapped: Bindable {
    package var sqlValue: Value { self?.sqlValue ?? .null }
}

extension Bindable where Self: RawRepresentable, RawValue == String {
    package var sqlValue: Value { .text(rawValue) }
}

extension CertificateStatus: Bindable {}
extension CertificateSource: Bindable {}
extension RevocationReason: Bindable {}
extension JobType: Bindable {}
extension ApprovalKind: Bindable {}
extension ApprovalState: Bindable {}
extension OperationKind: Bindable {}
extension OperationState: Bindable {}
extension OperationOutcome: Bindable {}
extension JobStatus: Bindable {}
extension JobErrorClass: Bindable {}
extension JobTrigger: Bindable {}
extension VerificationStatus: Bindable {}
extension PathOutcome: Bindable {}
extension IssuerType: Bindable {}
extension ConnectionTestStatus: Bindable {}
extension ConfigSource: Bindable {}
extension TargetType: Bindable {}
extension AgentStatus: Bindable {}
extension ActorType: Bindable {}
extension SignInMethod: Bindable {}
extension SessionEnd: Bindable {}
extension KeyAlgorithm: Bindable {}
extension ACMEAccountStatus: Bindable {}
extension ACMEOrderStatus: Bindable {}
extension ACMEAuthorizationStatus: Bindable {}
extension ACMEChallengeStatus: Bindable {}
extension ACMEChallengeType: Bindable {}
