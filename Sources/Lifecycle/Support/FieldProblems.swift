package import Domain

/// Everything that is wrong with a request, collected so that a client sees all of it at once.
package struct FieldProblems: Sendable {
    private var problems: [FieldProblem] = []
    private var onlyReferences = true

    package init() {}

    package var isEmpty: Bool { problems.isEmpty }

    package mutating func add(_ pointer: String, _ code: String, _ detail: String) {
        problems.append(FieldProblem(pointer: pointer, code: code, detail: detail))
        onlyReferences = false
    }

    /// A reference to something that does not exist: the request is well-formed, so alone it is 422 and not 400.
    package mutating func addUnknownReference(_ pointer: String, _ kind: String, _ id: String) {
        problems.append(
            FieldProblem(pointer: pointer, code: "unknown_reference", detail: "there is no \(kind) \(id)")
        )
    }

    /// Throws everything collected so far, if anything was.
    package func throwIfAny() throws(ServiceError) {
        guard let first = problems.first else { return }
        let more = problems.count > 1 ? " (and \(problems.count - 1) more)" : ""
        throw ServiceError(
            onlyReferences ? .unknownReference : .validationFailed,
            first.pointer + ": " + first.detail + more,
            problems: problems
        )
    }
}

extension FieldProblems {
    /// A required name: not blank, and at most `limit` characters. Returns it without surrounding blanks.
    package mutating func checkedName(_ text: String, at pointer: String = "/name", limit: Int = 255) -> String {
        let trimmed = text.trimmingBlanks
        if trimmed.isEmpty {
            add(pointer, "required", "must not be empty")
        } else {
            checkLength(trimmed, at: pointer, limit: limit)
            if trimmed.unicodeScalars.contains(where: \.isControl) {
                add(pointer, "invalid_characters", "must not contain control characters")
            }
        }
        return trimmed
    }

    package mutating func checkLength(_ text: String, at pointer: String, limit: Int) {
        guard text.unicodeScalars.count > limit else { return }
        add(pointer, "too_long", "at most \(limit) characters")
    }

    package mutating func checkRange(_ number: Int, at pointer: String, _ range: ClosedRange<Int>) {
        guard !range.contains(number) else { return }
        add(pointer, "out_of_range", "must be between \(range.lowerBound) and \(range.upperBound)")
    }

    /// A client-chosen identifier, or `nil` (reported) when it has not the safe form.
    package mutating func checkedID<Kind: EntityKind>(
        _ text: String,
        at pointer: String = "/id"
    ) -> EntityID<Kind>? {
        do {
            return try EntityID(text)
        } catch {
            add(pointer, "invalid_id", error.description)
            return nil
        }
    }

    /// A required reference in the safe form; whether it exists is found out in the transaction.
    package mutating func checkedReference<Kind: EntityKind>(
        _ text: String,
        at pointer: String
    ) -> EntityID<Kind>? {
        guard !text.isEmpty else {
            add(pointer, "required", "must not be empty")
            return nil
        }
        return checkedID(text, at: pointer)
    }
}

extension String {
    var trimmingBlanks: String {
        var scalars = unicodeScalars[...]
        while let first = scalars.first, first.properties.isWhitespace { scalars.removeFirst() }
        while let last = scalars.last, last.properties.isWhitespace { scalars.removeLast() }
        return String(scalars)
    }
}

extension Unicode.Scalar {
    var isControl: Bool { value < 0x20 || (0x7F...0x9F).contains(value) }
}
