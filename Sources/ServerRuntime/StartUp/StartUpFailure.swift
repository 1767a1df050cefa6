import HostEffects

/// Exit statuses of every program (specification, operations §1).
package enum ExitStatus: Int32, Sendable {
    case success = 0
    case failure = 1
    case usage = 2
    /// A dependency is away: database, server, or a lock that another process holds.
    case unavailable = 69
    case permission = 77
    case configuration = 78
}

/// Why a server refuses to start: what is wrong, on what, and what to do.
package struct StartUpFailure: Error, Sendable, CustomStringConvertible {
    package let status: ExitStatus
    package let message: String

    package init(_ status: ExitStatus, _ message: String) {
        self.status = status
        self.message = message
    }

    /// A file that start-up needs cannot be used.
    init(_ error: FileError) { self.init(error.isPermissionProblem ? .permission : .failure, "\(error)") }

    package var description: String { message }
}
