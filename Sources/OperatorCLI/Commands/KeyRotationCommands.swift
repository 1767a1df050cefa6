import ArgumentParser
import Domain
import Encoding

/// `admin rotate-key`.
struct RotateEncryptionKeyCommand: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "rotate-key",
        abstract: "Replace the encryption key while everybody works.",
        discussion: """
            Where the key is supplied, give every server the new one in CERTCTL_CONFIG_ENCRYPTION_KEY and the one of now in
            CERTCTL_CONFIG_ENCRYPTION_KEY_PREVIOUS first; this command is refused until all have it. A generated key is
            replaced by another generated one.
            """
    )

    private static let pollInterval = Duration.seconds(1)

    @Flag(help: "Check and count, and change nothing.") var dryRun = false
    @Flag(help: "Do not wait until everything is sealed with the new key.") var noWait = false
    @Flag(help: "Do not ask.") var yes = false
    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func run(_ session: Session) async throws {
        if !dryRun { try session.ask("Replace the encryption key of the server?", unless: yes) }
        let body: JSONValue = ["dry_run": .bool(dryRun), "reseal_only": false]
        var status = try await session.client.call("POST", CryptoStatusCommand.rekey, body: body).json()
        if dryRun {
            let next = status["next_kek_id"]?.stringValue ?? "a generated key"
            let count = status["rows_by_kek"]?.objectValue?.reduce(0) { $0 + ($1.value.integerValue ?? 0) } ?? 0
            try session.confirm("would rotate to \(next) and seal \(count) values again", status)
            return
        }
        let active = status["active_kek_id"]?.stringValue ?? ""
        session.progress("key \(active) seals from now on")
        while !noWait, status["previous_kek_ids"]?.arrayValue?.isEmpty == false {
            session.progress("\(status["remaining"]?.integerValue ?? 0) values left")
            try await session.environment.time.sleep(Self.pollInterval)
            status = try await session.client.call("GET", CryptoStatusCommand.path).json()
        }
        try session.confirm(
            noWait ? "the server goes on by itself" : "everything is sealed with key \(active)", status)
    }
}

/// `admin reseal`.
struct ResealCommand: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "reseal",
        abstract: "Seal again whatever is not sealed with the active key, values of earlier programs among them."
    )

    @Flag(help: "Count, and change nothing.") var dryRun = false
    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func run(_ session: Session) async throws {
        let body: JSONValue = ["dry_run": .bool(dryRun), "reseal_only": true]
        let status = try await session.client.call("POST", CryptoStatusCommand.rekey, body: body).json()
        for failure in status["failures"]?.arrayValue ?? [] {
            session.progress("not readable: \(failure.stringValue ?? "")")
        }
        let remaining = status["remaining"]?.integerValue ?? 0
        try session.confirm("\(remaining) values are not sealed with the active key", status)
    }
}

/// `admin crypto-status`.
struct CryptoStatusCommand: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "crypto-status",
        abstract: "What is sealed, with which keys, and how far a rotation is."
    )

    static let path = APIPath(["auth", "crypto", "status"])
    static let rekey = APIPath(["auth", "crypto", "rekey"])

    @OptionGroup(title: "Global options") var globals: GlobalOptions

    func run(_ session: Session) async throws {
        let status = try await session.client.call("GET", Self.path).json()
        session.console.output(try session.renderer.item(status, details: []))
    }
}
