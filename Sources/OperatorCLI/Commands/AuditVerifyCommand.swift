import ArgumentParser
import AuditProof
import Domain
import Encoding
import HostEffects
import Synchronization

/// `audit verify`.
struct AuditVerifyCommand: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Verify the audit log: on the server, or a bundle with nothing but the public key.",
        discussion: """
            On the server, what is new since the last verification is read, or everything with --full; the newest
            checkpoint and its consistency with --checkpoint are checked here. With --offline nothing is sent anywhere.
            Exit status 1 means that the log is not what it says of itself.
            """
    )

    @Flag(help: "Read the whole log, not only what is new.") var full = false
    @Option(help: ArgumentHelp("Verify this bundle without a server.", valueName: "file")) var offline: String?
    @Option(help: ArgumentHelp("JWK set or PEM with the keys to believe.", valueName: "file")) var publicKey: String?
    @Option(
        help: ArgumentHelp(
            "Checkpoints kept from before, one signed text a line: the log must still contain them.",
            valueName: "file"))
    var checkpoint: String?
    @OptionGroup(title: "Global options") var globals: GlobalOptions

    mutating func validate() throws {
        if offline != nil, publicKey == nil { throw ValidationError("--offline needs --public-key FILE") }
        if offline != nil, full { throw ValidationError("--offline reads everything anyway; leave out --full") }
    }

    func run(_ session: Session) async throws {
        let kept = try checkpoint.map { try AuditEvidence.checkpoints($0) } ?? []
        guard let offline else { return try await online(session, kept) }
        let keys = try await AuditEvidence.keys(publicKey, session)
        let report = try Self.verify(offline, keys, kept)
        let object: JSONValue = [
            "ok": true, "log_id": .string(report.logID), "first_seq": JSONValue(report.firstSequence),
            "tree_size": JSONValue(report.treeSize), "rows": JSONValue(report.rows),
            "hashes_only": JSONValue(report.hashesOnly), "checkpoints": JSONValue(report.checkpoints),
            "root_hash": .string(report.rootHash.hex),
            "signed_at": .string(report.lastCheckpoint.checkpoint.timestamp.rfc3339),
        ]
        let archived = report.hashesOnly > 0 ? ", \(report.hashesOnly) by their hashes alone" : ""
        try session.confirm(
            """
            sound: \(report.rows) events\(archived), log \(report.logID), \(report.treeSize) leaves, \
            signed \(report.lastCheckpoint.checkpoint.timestamp.rfc3339)
            """,
            object
        )
    }

    private static func verify(
        _ path: String, _ keys: CheckpointKeySet, _ kept: [SignedCheckpoint]
    ) throws(CLIFailure) -> BundleReport {
        var verifier = BundleVerifier(keys: keys, anchors: kept)
        do {
            let reader = try LineReader(path, lineLimit: BundleVerifier.lineLimit)
            while let line = try reader.next() { try verifier.take(line) }
            return try verifier.finish()
        } catch let error as FileError {
            throw LocalFiles.failure(error)
        } catch let divergence as Divergence {
            throw .notSound("\(path) is not sound: \(divergence)")
        } catch {
            throw .malformedAnswer("\(error)")
        }
    }

    // MARK: With a server

    private func online(_ session: Session, _ kept: [SignedCheckpoint]) async throws {
        let path =
            full ? APIPath(["audit", "verify"]) : APIPath(["audit", "verify"], query: [(name: "run", value: "true")])
        let outcome = try await session.client.call(full ? "POST" : "GET", path, timeout: .hours(1)).json()
        guard outcome["ok"]?.boolValue == true else {
            throw CLIFailure.notSound(
                "the server finds its log changed: \(outcome["first_divergence"]?.stringValue ?? "")")
        }
        // Before the first checkpoint there is no key either.
        guard let latest = try await AuditEvidence.latestCheckpoint(session) else {
            throw Self.unsigned(outcome, kept)
        }
        let keys = try await AuditEvidence.keys(publicKey, session)
        guard latest.isSigned(by: keys) else {
            throw CLIFailure.notSound("the newest checkpoint is not signed by a known key")
        }
        for old in kept { try await Self.checkConsistency(of: latest, with: old, keys, session) }
        try session.confirm(
            """
            sound: \(outcome["rows"]?.integerValue ?? 0) events read, \(latest.checkpoint.treeSize) leaves signed for \
            at \(latest.checkpoint.timestamp.rfc3339)
            """,
            outcome
        )
    }

    /// What is to be said of a log that nobody has signed for.
    private static func unsigned(_ outcome: JSONValue, _ kept: [SignedCheckpoint]) -> CLIFailure {
        if let most = kept.map(\.checkpoint.treeSize).max() {
            return .notSound(
                "the server has no checkpoint, but \(most) leaves of its log were signed for: it is another log")
        }
        return .notReady(
            """
            \(outcome["rows"]?.integerValue ?? 0) events were read, and each follows from the one before it; but no checkpoint is \
            signed yet, so that nothing shows whether all of them were written anew. The first is signed a moment after the \
            first event: run this again. If it stays away, the log of the server says why
            """)
    }

    private static func checkConsistency(
        of latest: SignedCheckpoint, with old: SignedCheckpoint, _ keys: CheckpointKeySet, _ session: Session
    ) async throws {
        let (earlier, later) = (old.checkpoint, latest.checkpoint)
        guard old.isSigned(by: keys), earlier.logID == later.logID else {
            throw CLIFailure.notSound("a kept checkpoint is not signed by a known key of this log")
        }
        guard earlier.treeSize <= later.treeSize else {
            throw CLIFailure.notSound(
                "the log was cut off: \(earlier.treeSize) leaves were signed for, \(later.treeSize) are left")
        }
        let proof = try await session.client.call(
            "GET",
            APIPath(
                ["audit", "consistency"],
                query: [
                    (name: "from", value: String(earlier.treeSize)), (name: "to", value: String(later.treeSize)),
                ])
        ).json()
        let path = (proof["consistency_path"]?.arrayValue ?? [])
            .compactMap { $0.stringValue.flatMap { LogHash(hex: $0) } }
        guard
            MerkleProof.isConsistent(
                earlier.rootHash, size: earlier.treeSize, with: later.rootHash, size: later.treeSize, path: path)
        else {
            throw CLIFailure.notSound(
                "the log is not a continuation of the \(earlier.treeSize) leaves that were signed before")
        }
    }
}

/// What a verification believes and compares with.
enum AuditEvidence {
    /// The keys of a file, or those that the server names.
    static func keys(_ file: String?, _ session: Session) async throws -> CheckpointKeySet {
        let octets: [UInt8]
        if let file {
            guard let read = try LocalFiles.read(file) else { throw CLIFailure.usage("\(file): no such file") }
            octets = read
        } else {
            octets = try await session.client.call("GET", APIPath(["audit", "keys"])).body
        }
        do {
            return try CheckpointKeySet(parsing: octets)
        } catch {
            throw CLIFailure.usage("\(file ?? "the server's answer"): \(error)")
        }
    }

    /// The signed texts of a file, one a line.
    static func checkpoints(_ path: String) throws(CLIFailure) -> [SignedCheckpoint] {
        guard let octets = try LocalFiles.read(path) else { throw .usage("\(path): no such file") }
        var kept: [SignedCheckpoint] = []
        for line in octets.split(separator: 0x0A) where !line.isEmpty {
            do {
                kept.append(try SignedCheckpoint(text: String(decoding: line, as: UTF8.self)))
            } catch {
                throw .usage("\(path): \(error)")
            }
        }
        return kept
    }

    /// The newest checkpoint; `nil` before the first.
    static func latestCheckpoint(_ session: Session) async throws -> SignedCheckpoint? {
        let path = APIPath(["audit", "checkpoints"], query: [(name: "latest", value: "true")])
        let answer = try await session.client.call("GET", path).json()
        guard let newest = answer["data"]?[0] else { return nil }
        do {
            return try SignedCheckpoint(text: newest["jws"]?.stringValue ?? "")
        } catch {
            throw CLIFailure.malformedAnswer("the newest checkpoint can't be read: \(error)")
        }
    }
}

/// Turns pieces of a body into whole lines.
final class LineBuffer: Sendable {
    private let pending = Mutex<[UInt8]>([])
    private let output: @Sendable (String) -> Void

    init(_ output: @escaping @Sendable (String) -> Void) { self.output = output }

    func add(_ octets: [UInt8]) {
        let lines = pending.withLock { pending -> [UInt8] in
            pending += octets
            guard let end = pending.lastIndex(of: 0x0A) else { return [] }
            defer { pending.removeFirst(end + 1) }
            return Array(pending[..<end])
        }
        if !lines.isEmpty { output(String(decoding: lines, as: UTF8.self)) }
    }

    func finish() {
        let rest = pending.withLock { $0 }
        if !rest.isEmpty { output(String(decoding: rest, as: UTF8.self)) }
    }
}
