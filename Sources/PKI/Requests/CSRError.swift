/// A certification request that cannot be accepted, with the field at fault.
package struct CSRError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Field: String, Sendable, CaseIterable {
        case encoding, version, subject, publicKey, attributes, extensions, subjectAltNames, signature
    }

    package let field: Field
    package let reason: String

    package init(_ field: Field, _ reason: String) {
        self.field = field
        self.reason = reason
    }

    package var description: String { "CSR \(field.rawValue): \(reason)" }
}
