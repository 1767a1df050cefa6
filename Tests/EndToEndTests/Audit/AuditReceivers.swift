import Foundation
import TestSupport
import Testing

/// A foreign receiver of security events, in Python: it speaks TLS with a certificate of the given authority and writes
/// down what it takes, one JSON line for each message or event.
final class AuditReceiver {
    enum Kind: String { case syslog, webhook }

    let port: Int
    private let directory: TemporaryDirectory
    private let program: ChildProgram

    /// The webhook refuses its first deliveries, `refusals` of them, with 503.
    init(
        _ kind: Kind, certificate: OpenSSLAuthority.Issued?, secret: String = "", refusals: Int = 0
    ) async throws {
        directory = try TemporaryDirectory("receiver")
        port = LoopbackPort.unused()
        var arguments = ["-B", Self.source.path, kind.rawValue, "\(port)", directory.path("taken")]
        if let certificate {
            try (certificate.fullChain + certificate.key).write(
                toFile: directory.path("server.pem"), atomically: true, encoding: .utf8)
            arguments.append(directory.path("server.pem"))
        } else {
            arguments.append("-")
        }
        program = try ChildProgram(
            "/usr/bin/python3", arguments + [secret, "\(refusals)"], logs: directory.url)
        let program = program
        let ready = await eventually(within: .seconds(20)) { program.output.contains("ready") }
        try #require(ready, "\(program.transcript)")
    }

    /// What was taken so far.
    var taken: [[String: Any]] {
        let text = (try? String(contentsOfFile: directory.path("taken"), encoding: .utf8)) ?? ""
        return text.split(separator: "\n").compactMap {
            try? JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any]
        }
    }

    var transcript: String { program.transcript }

    /// It has nothing to finish, and inherits that SIGTERM waits.
    func stop() async { await program.killAtOnce() }

    private static let source = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "Fixtures/audit_receiver.py")
}
