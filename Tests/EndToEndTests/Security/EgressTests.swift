import Foundation
import TestSupport
import Testing

@Suite("security §13: the server connects where the operator lets it", .tags(.security))
struct EgressTests {
    private static func refusal(_ settings: [String: String]) async throws -> ProgramOutcome {
        let place = try TemporaryDirectory("egress")
        let environment = ControlPlane.environment(in: place, settings)
        return try await ControlPlane.refusal(environment, logs: place.url).outcome
    }

    @Test("A-23: a receiver on the server's own host is refused at start, and reached once it is listed")
    func allowList() async throws {
        let syslog = try await AuditReceiver(.syslog, certificate: nil)
        let url = ["CERTCTL_AUDIT_SYSLOG_URL": "tcp://127.0.0.1:\(syslog.port)"]
        let refused = try await Self.refusal(url)
        #expect(refused.status == 78, "\(refused)")
        #expect(
            refused.errors.contains("CERTCTL_AUDIT_SYSLOG_URL: 127.0.0.1 is or has a loopback address")
                && refused.errors.contains("CERTCTL_EGRESS_ALLOW_AUDIT"), "\(refused.errors)")
        let server = try await ControlPlane.start(
            environment: url.merging(["CERTCTL_EGRESS_ALLOW_AUDIT": "127.0.0.1"]) { $1 })
        try await server.becomeAdministrator()
        let heard = await eventually(within: .seconds(30), every: .milliseconds(300)) { !syslog.taken.isEmpty }
        #expect(heard, "\(server.process.transcript)")
        await server.stop()
        await syslog.stop()
    }

    @Test("metadata services are refused whatever is listed")
    func metadata() async throws {
        for url in [
            "https://169.254.169.254/hook", "https://metadata.google.internal/hook", "https://[fd00:ec2::254]/",
        ] {
            let refused = try await Self.refusal([
                "CERTCTL_AUDIT_WEBHOOK_URL": url, "CERTCTL_AUDIT_WEBHOOK_SECRET": "0123456789abcdef-0123456789abcdef",
                "CERTCTL_EGRESS_ALLOW_AUDIT": "0.0.0.0/0,::/0,google.internal",
            ])
            #expect(refused.status == 78 && refused.errors.contains("CERTCTL_AUDIT_WEBHOOK_URL"), "\(url): \(refused)")
        }
    }

    @Test("private addresses are refused when the switch says so, by name as well")
    func privateAddresses() async throws {
        let literal = [
            "CERTCTL_AUDIT_SYSLOG_URL": "tls://10.255.255.1:6514", "CERTCTL_BLOCK_RFC1918_OUTBOUND": "true",
        ]
        #expect(try await Self.refusal(literal).status == 78)
        let place = try TemporaryDirectory("egress")
        let open = ControlPlane.environment(in: place, ["CERTCTL_AUDIT_SYSLOG_URL": "tls://10.255.255.1:6514"])
        let check = try await runProgram(ControlPlane.binary, ["config", "check"], environment: open, logs: place.url)
        #expect(check.status == 0, "\(check)")
        // A name is judged by what it has when it is used: that of this host is loopback or private.
        let name = try await runProgram("/bin/hostname", [], logs: place.url).output
            .trimmingCharacters(in: .whitespacesAndNewlines)
        let server = try await ControlPlane.start(environment: [
            "CERTCTL_AUDIT_SYSLOG_URL": "tls://\(name):6514", "CERTCTL_BLOCK_RFC1918_OUTBOUND": "true",
        ])
        let complained = await eventually(within: .seconds(30), every: .milliseconds(300)) {
            server.process.transcript.contains("an audit receiver does not take events")
        }
        let transcript = server.process.transcript
        #expect(complained, "\(transcript)")
        #expect(
            transcript.contains("not connected: \(name)") || transcript.contains("cannot be resolved"), "\(transcript)")
        await server.stop()
    }
}
