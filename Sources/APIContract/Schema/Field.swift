import Encoding

/// One member of a ``WireValue``: name, shape, place in the Swift value, meaning.
package struct Field<Root: WireValue>: Sendable {
    let member: Schema.Member
    /// Whether the JSON had the form of the member.
    let read: @Sendable (JSONValue, inout Root) -> Bool
    /// `nil` leaves the member out.
    let write: @Sendable (Root) -> JSONValue?

    /// Must be sent, and is always written.
    package static func required<Value: WireElement>(
        _ name: String, _ path: any WritableKeyPath<Root, Value> & Sendable, _ schema: Schema, _ summary: String
    ) -> Field {
        plain(name, path, schema, summary, isRequired: true)
    }

    /// May be left out, which leaves the default of the Swift property; always written.
    package static func defaulted<Value: WireElement>(
        _ name: String, _ path: any WritableKeyPath<Root, Value> & Sendable, _ schema: Schema, _ summary: String
    ) -> Field {
        plain(name, path, schema, summary, isRequired: false)
    }

    private static func plain<Value: WireElement>(
        _ name: String, _ path: any WritableKeyPath<Root, Value> & Sendable, _ schema: Schema, _ summary: String,
        isRequired: Bool
    ) -> Field {
        Field(
            member: Schema.Member(
                name: name, schema: schema, isRequired: isRequired, isClearable: false, emptyTextIsAbsent: !isRequired,
                summary: summary
            ),
            read: { json, root in
                guard let value = Value(wire: json) else { return false }
                root[keyPath: path] = value
                return true
            },
            write: { $0[keyPath: path].wire }
        )
    }

    /// May be left out; written only when set.
    package static func optional<Value: WireElement>(
        _ name: String, _ path: any WritableKeyPath<Root, Value?> & Sendable, _ schema: Schema,
        _ summary: String
    ) -> Field {
        Field(
            member: Schema.Member(
                name: name, schema: schema, isRequired: false, isClearable: true, emptyTextIsAbsent: true,
                summary: summary
            ),
            read: { json, root in
                if json.isNull { return true }
                guard let value = Value(wire: json) else { return false }
                root[keyPath: path] = value
                return true
            },
            write: { $0[keyPath: path]?.wire }
        )
    }

    /// A member of an update: absent, `null` and a value are three different things.
    ///
    /// The empty string of a `PUT` is a value, which clears what can be cleared, unless `emptyKeeps`.
    package static func update<Value: WireElement>(
        _ name: String, _ path: any WritableKeyPath<Root, FieldUpdate<Value>> & Sendable, _ schema: Schema,
        clearable: Bool = false, emptyKeeps: Bool = false, _ summary: String
    ) -> Field {
        let member = Schema.Member(
            name: name, schema: schema, isRequired: false, isClearable: clearable, emptyTextIsAbsent: emptyKeeps,
            summary: summary
        )
        return Field(
            member: member,
            read: { json, root in
                if json.isNull || member.isCleared(by: json) {
                    root[keyPath: path] = .clear
                    return true
                }
                guard let value = Value(wire: json) else { return false }
                root[keyPath: path] = .set(value)
                return true
            },
            write: { root in
                switch root[keyPath: path] {
                case .keep: nil
                case .clear: .null
                case .set(let value): value.wire
                }
            }
        )
    }
}

extension Field {
    /// The same member, of a value that holds `Root` and writes its members beside its own.
    package func lifted<Outer: WireValue>(
        through path: any WritableKeyPath<Outer, Root> & Sendable
    ) -> Field<Outer> {
        let (read, write) = (read, write)
        return Field<Outer>(
            member: member,
            read: { json, outer in read(json, &outer[keyPath: path]) },
            write: { write($0[keyPath: path]) }
        )
    }
}

/// The same members with the usual shape of their type.
extension Field {
    package static func required<Value: WireElement>(
        _ name: String, _ path: any WritableKeyPath<Root, Value> & Sendable, _ summary: String
    ) -> Field {
        required(name, path, Value.wireSchema, summary)
    }

    package static func defaulted<Value: WireElement>(
        _ name: String, _ path: any WritableKeyPath<Root, Value> & Sendable, _ summary: String
    ) -> Field {
        defaulted(name, path, Value.wireSchema, summary)
    }

    package static func optional<Value: WireElement>(
        _ name: String, _ path: any WritableKeyPath<Root, Value?> & Sendable, _ summary: String
    ) -> Field {
        optional(name, path, Value.wireSchema, summary)
    }

    package static func update<Value: WireElement>(
        _ name: String, _ path: any WritableKeyPath<Root, FieldUpdate<Value>> & Sendable, clearable: Bool = false,
        emptyKeeps: Bool = false, _ summary: String
    ) -> Field {
        update(name, path, Value.wireSchema, clearable: clearable, emptyKeeps: emptyKeeps, summary)
    }
}
