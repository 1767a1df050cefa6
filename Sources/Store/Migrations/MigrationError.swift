/// Why the schema could not be brought or found up to date.
package struct MigrationError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Kind: Hashable, Sendable {
        /// The files themselves are wrong.
        case ladder
        /// An applied migration has changed, is missing from this program, or was skipped.
        case history
        /// The schema is of a newer release that this one may not run on.
        case newerSchema
        /// A statement failed.
        case statement
        /// The database went away in the middle.
        case unavailable
        /// The role lacks a privilege.
        case permission
        /// Another process kept the lock for the whole wait.
        case locked
        /// Migrations are pending and this process may not apply them.
        case pending
    }

    package let kind: Kind
    /// The file, version or directory concerned.
    package let subject: String
    /// What happened, with statement number, line, SQLSTATE and the engine's message where there are any.
    package let what: String
    /// What the operator does next.
    package let remedy: String

    package init(_ kind: Kind, subject: String, what: String, remedy: String) {
        self.kind = kind
        self.subject = subject
        self.what = what
        self.remedy = remedy
    }

    package var description: String { "migration \(subject): \(what). \(remedy)" }
}
