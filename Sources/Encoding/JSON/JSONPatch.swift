/// The difference of two values as a JSON patch (RFC 6902).
package enum JSONPatch {
    package struct Operation: Hashable, Sendable {
        package enum Kind: String, Sendable { case add, remove, replace, test }

        package let kind: Kind
        package let path: JSONPointer
        /// Absent of a removal.
        package let value: JSONValue?

        package init(_ kind: Kind, _ path: JSONPointer, _ value: JSONValue? = nil) {
            self.kind = kind
            self.path = path
            self.value = value
        }
    }

    /// What makes `new` of `old`. Objects are compared member by member, everything else as a whole.
    ///
    /// What goes is tested first: a reader sees the old value, and the patch fits nothing else.
    package static func operations(from old: JSONValue, to new: JSONValue, at path: JSONPointer = .root) -> [Operation]
    {
        guard old != new else { return [] }
        guard let before = old.objectValue, let after = new.objectValue else {
            return [Operation(.test, path, old), Operation(.replace, path, new)]
        }
        var operations: [Operation] = []
        for member in before {
            let place = path.appending(member.key)
            if let value = after[member.key] {
                operations += Self.operations(from: member.value, to: value, at: place)
            } else {
                operations += removal(of: member.value, at: place)
            }
        }
        for member in after where before[member.key] == nil {
            operations.append(Operation(.add, path.appending(member.key), member.value))
        }
        return operations
    }

    /// What makes nothing of `old`.
    package static func removal(of old: JSONValue, at path: JSONPointer = .root) -> [Operation] {
        [Operation(.test, path, old), Operation(.remove, path)]
    }
}
