import Domain
import ExternalSigner
import HostEffects
import Logging
import PKI
import Telemetry
import UnixSignals

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// `certctl signer serve`: the keys of CAs in a process and a user of their own (security §10.5). It opens no network and no
/// database, and reads nothing but its folder and its passphrase.
package struct SignerProgram: Sendable {
    package struct Options: Sendable {
        package var socket: String
        package var keys: String
        package var passphraseFile: String
        /// Names or numbers of users that may ask; nobody named: this user alone.
        package var users: [String] = []
        /// Name or number of the group of the socket.
        package var group: String?
        package var makesKeys = true
        package var signaturesPerMinute: Int?

        package init(socket: String, keys: String, passphraseFile: String) {
            self.socket = socket
            self.keys = keys
            self.passphraseFile = passphraseFile
        }
    }

    private let options: Options
    private let fileSystem = FileSystem.live

    package init(_ options: Options) { self.options = options }

    /// Serves until SIGTERM or SIGINT. What is being signed then is still answered.
    ///
    /// - Throws: ``StartUpFailure``.
    package func run() async throws {
        do {
            try await serve()
        } catch let error as FileError {
            throw StartUpFailure(error)
        } catch let error as SignerStartError {
            throw StartUpFailure(.configuration, error.description)
        } catch let error as ProcessLockError {
            throw StartUpFailure(.unavailable, error.description)
        }
    }

    private func serve() async throws {
        ProcessSecrets.preventCoreDumps()
        _ = umask(0o077)
        let logs = LogBootstrap(
            format: isatty(STDOUT_FILENO) == 1 ? .text : .json, instance: "signer-\(getpid())", time: .system)
        let log = logs.logger("signer")
        let rules = try rules()
        let keys = try KeyFolder(
            options.keys, passphrase: try passphrase(), signaturesPerMinute: options.signaturesPerMinute,
            fileSystem: fileSystem, time: .system, random: .system)
        // Two signers of one folder could both make a key of one name.
        let lock = try ProcessLock(path: PathText.join(options.keys, "signer.lock"), fileSystem: fileSystem)
        let count = try keys.check()
        let server = try SignerServer(
            socket: options.socket, keys: keys, rules: rules, fileSystem: fileSystem, report: { Self.tell($0, log) })
        // Listened for before anybody is answered: no signal finds the process without ears.
        let signals = await UnixSignalsSequence(trapping: .sigterm, .sigint)
        log.info(
            "the signer answers", LogField("pid", Int(getpid())), LogField("socket", options.socket),
            LogField("keys", count))
        await withTaskGroup(of: Void.self) { tasks in
            tasks.addTask {
                for await _ in signals {
                    server.stop()
                    return
                }
            }
            try? await BlockingWork.run { server.run() }
            tasks.cancelAll()
        }
        log.notice("the signer stopped")
        _ = consume lock
    }

    private func rules() throws -> SignerServer.Rules {
        var users: Set<UInt32> = options.users.isEmpty ? [geteuid()] : []
        for name in options.users {
            guard let user = Ownership.user(named: name) else {
                throw SignerStartError("--allow-user \(name): there is no such user")
            }
            users.insert(user)
        }
        var group: UInt32?
        if let name = options.group {
            guard let found = Ownership.group(named: name) else {
                throw SignerStartError("--socket-group \(name): there is no such group")
            }
            group = found
        }
        // Root opens every socket; anybody else needs the group.
        if group == nil, let other = users.first(where: { $0 != geteuid() && $0 != 0 }) {
            throw SignerStartError(
                "the user \(other) could not open the socket, which is its owner's alone; name a group of both with "
                    + "--socket-group")
        }
        var rules = SignerServer.Rules(users: users, group: group)
        rules.makesKeys = options.makesKeys
        return rules
    }

    /// The content of the file without the line feed at its end.
    private func passphrase() throws -> Secret {
        guard var octets = try PrivateFileRule.read(options.passphraseFile, atMost: 4096, fileSystem: fileSystem) else {
            throw SignerStartError("there is no passphrase file \(options.passphraseFile)")
        }
        defer { Erasure.erase(&octets) }
        if octets.last == 0x0A { octets.removeLast() }
        return Secret(octets)
    }

    private static func tell(_ event: SignerEvent, _ log: Logger) {
        let who = [
            LogField("uid", Int(event.user)), LogField("peer_pid", Int(event.process)),
            LogField("key", event.key ?? ""),
        ]
        switch event.kind {
        case .signed(let purpose, let digest):
            log.log(.info, "signed", who + [LogField("purpose", purpose.rawValue), LogField("sha256", digest)])
        case .made(let algorithm, let digest):
            log.log(
                .notice, "made a key", who + [LogField("algorithm", algorithm), LogField("spki_sha256", digest)])
        case .removed(let digest):
            log.log(.notice, "removed the key of an OCSP responder", who + [LogField("spki_sha256", digest)])
        case .refused(let error, let digest):
            var fields = who + [LogField("reason", error.description)]
            if case .rule(let rule, _) = error { fields.append(LogField("rule", rule.rawValue)) }
            if let digest { fields.append(LogField("sha256", digest)) }
            log.log(.warning, "refused a request", fields)
        }
    }
}
