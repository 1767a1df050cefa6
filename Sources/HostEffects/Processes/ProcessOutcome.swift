/// How a child process ended, with the tail of what it printed.
package struct ProcessOutcome: Hashable, Sendable {
    package enum Ending: Hashable, Sendable {
        case exited(Int32)
        case killed(signal: Int32)
        /// The time limit passed; the whole process group was killed.
        case timedOut(after: Duration)
    }

    package let ending: Ending
    /// Standard output and standard error as they came, the last 8 KiB of them.
    package let output: String

    package init(ending: Ending, output: String) {
        self.ending = ending
        self.output = output
    }

    package var isSuccess: Bool { ending == .exited(0) }

    /// `nil` when a signal or the time limit ended it.
    package var exitCode: Int32? {
        if case .exited(let code) = ending { code } else { nil }
    }

    /// `exit status 1`, `killed by signal 9`, `no answer within 60 s`.
    package var summary: String {
        switch ending {
        case .exited(let code): "exit status \(code)"
        case .killed(let signal): "killed by signal \(signal)"
        case .timedOut(let limit): "no answer within \(limit.components.seconds) s; its process group was killed"
        }
    }
}

/// A child process that could not be started.
package struct ProcessStartError: Error, Hashable, Sendable, CustomStringConvertible {
    package let program: String
    /// The error number of `posix_spawn(3)` or `pipe(2)`.
    package let systemError: Int32

    package init(program: String, systemError: Int32) {
        self.program = program
        self.systemError = systemError
    }

    package var description: String { "cannot start \(program): system error \(systemError)" }
}
