package import Domain
package import HostEffects
package import Outbound

/// What a file is for. The order of the cases is the order in which files become current: the key first,
/// so that a certificate never stands beside a key that cannot be its own for longer than one rename; what is trusted
/// before what is shown.
package enum FileRole: String, Hashable, Sendable, CaseIterable, Comparable {
    case key, trust, chain, certificate

    package static func < (left: Self, right: Self) -> Bool { left.rank < right.rank }

    private var rank: Int {
        switch self {
        case .key: 0
        case .trust: 1
        case .chain: 2
        case .certificate: 3
        }
    }
}

/// One file to write.
package struct PlannedFile: Sendable {
    package let role: FileRole
    /// Absolute; symbolic links are resolved when the plan runs.
    package let path: String
    package let contents: Secret
    /// What the configuration demands.
    package let ownership: Ownership
    /// What a file that does not exist yet gets where the configuration is silent.
    package let defaults: Ownership

    package init(
        role: FileRole,
        path: String,
        contents: Secret,
        ownership: Ownership,
        defaults: Ownership
    ) {
        self.role = role
        self.path = path
        self.contents = contents
        self.ownership = ownership
        self.defaults = defaults
    }
}

/// How a target is looked at after a deployment (specification, targets §2.5).
package struct VerificationPlan: Hashable, Sendable {
    package let endpoint: TLSEndpoint
    /// For each handshake.
    package let timeout: Duration
    /// In total, at least 1.
    package let attempts: Int
    /// The first wait; doubles up to ``longestBackoff``.
    package let backoff: Duration
    package let longestBackoff: Duration
    /// Before the first attempt.
    package let delay: Duration

    package init(
        endpoint: TLSEndpoint,
        timeout: Duration = .seconds(10),
        attempts: Int = 3,
        backoff: Duration = .seconds(1),
        longestBackoff: Duration = .seconds(16),
        delay: Duration = .zero
    ) {
        self.endpoint = endpoint
        self.timeout = timeout
        self.attempts = max(1, attempts)
        self.backoff = backoff
        self.longestBackoff = longestBackoff
        self.delay = delay
    }

    /// Whether a configuration may name this endpoint: `host:port`.
    package static func accepts(endpoint text: String) -> Bool { TLSEndpoint(text) != nil }

    /// A plan for an endpoint given as `host:port`, with another name to ask for there if given.
    package init?(
        endpoint text: String,
        serverName: String?,
        timeout: Duration,
        attempts: Int,
        backoff: Duration,
        longestBackoff: Duration,
        delay: Duration
    ) {
        guard let endpoint = TLSEndpoint(text, serverName: serverName) else { return nil }
        self.init(
            endpoint: endpoint,
            timeout: timeout,
            attempts: attempts,
            backoff: backoff,
            longestBackoff: longestBackoff,
            delay: delay
        )
    }

    /// The wait after the failed attempt number `attempt`, which counts from 1.
    package func wait(after attempt: Int) -> Duration {
        var wait = backoff
        for _ in 1..<max(1, attempt) where wait < longestBackoff { wait = wait * 2 }
        return min(wait, longestBackoff)
    }
}

/// Whether and how the result is observed.
package enum VerificationChoice: Hashable, Sendable {
    case probe(VerificationPlan)
    /// Nothing to look at, and why.
    case skip(reason: String)
}

/// How many backups of a file remain (specification, targets §2.1).
package enum BackupRetention: Hashable, Sendable {
    case keep(Int)
    /// Copies exist while the job runs, so that it can be rolled back, and are gone when it ends.
    case none

    /// `0` means 3, `-1` none.
    package init(configured number: Int) {
        switch number {
        case ..<0: self = .none
        case 0: self = .keep(3)
        default: self = .keep(number)
        }
    }

    var count: Int {
        switch self {
        case .keep(let count): count
        case .none: 0
        }
    }
}

/// A change of the files of one target, with the commands that make it live.
package struct DeploymentPlan: Sendable {
    package let jobID: JobID
    package let targetID: TargetID
    package let files: [PlannedFile]
    package let validate: CommandText?
    package let reload: CommandText?
    /// For each command.
    package let commandTimeout: Duration
    package let verification: VerificationChoice
    /// DER of the chain that must be served, leaf first.
    package let servedChain: [[UInt8]]
    package let backupRetention: BackupRetention
    /// Writes, reloads and verifies although nothing differs.
    package let isForced: Bool

    package init(
        jobID: JobID,
        targetID: TargetID,
        files: [PlannedFile],
        validate: CommandText?,
        reload: CommandText?,
        commandTimeout: Duration = .seconds(60),
        verification: VerificationChoice,
        servedChain: [[UInt8]],
        backupRetention: BackupRetention = .keep(3),
        isForced: Bool = false
    ) {
        self.jobID = jobID
        self.targetID = targetID
        self.files = files
        self.validate = validate
        self.reload = reload
        self.commandTimeout = commandTimeout
        self.verification = verification
        self.servedChain = servedChain
        self.backupRetention = backupRetention
        self.isForced = isForced
    }
}
