/// Where a job goes when it has to be done again: to a server's queue, or to an agent that must send a CSR first.
package enum JobQueue: Hashable, Sendable, CaseIterable {
    case server
    case agent

    /// The state in which a job waits in this queue.
    package var status: JobStatus {
        switch self {
        case .server: .pending
        case .agent: .awaitingCSR
        }
    }
}

/// What may happen to a job.
package enum JobEvent: Hashable, Sendable {
    case approved(JobQueue)
    /// A worker took it: a server, or the agent that deploys.
    case claimed
    /// The CSR of the assigned agent passed every check.
    case csrAccepted
    /// The CSR broke a rule; another one would break it too, so there is no retry.
    case csrRefused
    case csrTimedOut(retry: Bool)
    case completed
    case failed(retry: Bool)
    /// The holder fell silent. Without attempts left the job fails instead.
    case leaseExpired(JobQueue)
    /// The CA took the order and answers later; this costs no attempt.
    case orderParked
    case retryDue(JobQueue)
    /// An operator grants one more attempt to a job that had failed for good.
    case operatorRetried(JobQueue)
    case cancelled
}

/// The state of a job, telling a failure that will be retried from one that will not.
package enum JobPhase: Hashable, Sendable, CaseIterable {
    case pending, awaitingCSR, awaitingApproval, running
    /// `Failed` with attempts left and a time set for the next one.
    case retryScheduled
    case completed, failed, cancelled

    /// The phase of a stored row. `retryScheduled` tells a failure that is tried again.
    package init(status: JobStatus, retryScheduled: Bool) {
        switch status {
        case .pending: self = .pending
        case .awaitingCSR: self = .awaitingCSR
        case .awaitingApproval: self = .awaitingApproval
        case .running: self = .running
        case .completed: self = .completed
        case .failed: self = retryScheduled ? .retryScheduled : .failed
        case .cancelled: self = .cancelled
        }
    }

    private init(waitingIn queue: JobQueue) {
        switch queue {
        case .server: self = .pending
        case .agent: self = .awaitingCSR
        }
    }

    /// The state as stored and shown.
    package var status: JobStatus {
        switch self {
        case .pending: .pending
        case .awaitingCSR: .awaitingCSR
        case .awaitingApproval: .awaitingApproval
        case .running: .running
        case .retryScheduled, .failed: .failed
        case .completed: .completed
        case .cancelled: .cancelled
        }
    }

    /// An open job holds its de-duplication key; a closed one never changes again, except that an operator may
    /// grant a failed one another attempt.
    package var isOpen: Bool {
        switch self {
        case .pending, .awaitingCSR, .awaitingApproval, .running, .retryScheduled: true
        case .completed, .failed, .cancelled: false
        }
    }

    /// The transition table (specification, domain §6.1). No other code decides the state of a job.
    package func after(_ event: JobEvent) throws(IllegalJobTransition) -> JobPhase {
        switch (self, event) {
        case (.awaitingApproval, .approved(let queue)): JobPhase(waitingIn: queue)
        case (.pending, .claimed): .running
        case (.awaitingCSR, .csrAccepted): .running
        case (.awaitingCSR, .csrRefused): .failed
        case (.awaitingCSR, .csrTimedOut(let retry)): retry ? .retryScheduled : .failed
        case (.running, .completed): .completed
        case (.running, .failed(let retry)): retry ? .retryScheduled : .failed
        case (.running, .leaseExpired(let queue)): JobPhase(waitingIn: queue)
        case (.running, .orderParked): .pending
        case (.retryScheduled, .retryDue(let queue)): JobPhase(waitingIn: queue)
        case (.failed, .operatorRetried(let queue)), (.retryScheduled, .operatorRetried(let queue)):
            JobPhase(waitingIn: queue)
        case (.pending, .cancelled), (.awaitingCSR, .cancelled), (.awaitingApproval, .cancelled),
            (.running, .cancelled), (.retryScheduled, .cancelled):
            .cancelled
        case (.pending, _), (.awaitingCSR, _), (.awaitingApproval, _), (.running, _), (.retryScheduled, _),
            (.completed, _), (.failed, _), (.cancelled, _):
            throw IllegalJobTransition(from: self, event: event)
        }
    }
}

/// An event that a job in this state cannot take.
package struct IllegalJobTransition: Error, Hashable, Sendable, CustomStringConvertible {
    package let from: JobPhase
    package let event: JobEvent

    package init(from: JobPhase, event: JobEvent) {
        self.from = from
        self.event = event
    }

    package var description: String { "a job that is \(from.status.rawValue) cannot take “\(event)”" }
}
