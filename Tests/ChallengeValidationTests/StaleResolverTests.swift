import Domain
import Encoding
import Foundation
import Outbound
import TestSupport
import Testing

@testable import ChallengeValidation

@Suite("RFC 8555 §8.4, protocol servers §2.8: a resolver that remembers an old zone")
struct StaleResolverTests {
    private static let zone = "certctl.test"

    /// BIND with the zone, and with a TXT record for the proof or without.
    private struct Server {
        let work: TemporaryDirectory
        let port: Int
        let process: ChildProgram

        static func start(_ texts: [String]) async throws -> Server {
            let work = try TemporaryDirectory("stale")
            let port = LoopbackPort.unused()
            let records = texts.map { "_acme-challenge.www IN TXT \"\($0)\"\n" }.joined()
            let zone = """
                $TTL 1
                @ IN SOA ns.\(StaleResolverTests.zone). ops.\(StaleResolverTests.zone). 1 60 60 600 1
                @ IN NS ns.\(StaleResolverTests.zone).
                ns IN A 127.0.0.1
                \(records)
                """
            let configuration = """
                options {
                    directory "\(work.url.path)"; pid-file "\(work.path("named.pid"))";
                    session-keyfile "\(work.path("session.key"))"; managed-keys-directory "\(work.url.path)";
                    listen-on port \(port) { 127.0.0.1; }; listen-on-v6 { none; };
                    recursion no; dnssec-validation no;
                };
                controls { };
                zone "\(StaleResolverTests.zone)" { type primary; file "\(work.path("zone"))"; };

                """
            try zone.write(toFile: work.path("zone"), atomically: true, encoding: .utf8)
            try configuration.write(toFile: work.path("named.conf"), atomically: true, encoding: .utf8)
            let process = try ChildProgram(
                "/usr/sbin/named", ["-g", "-n", "1", "-c", work.path("named.conf")], logs: work.url)
            let isUp = await eventually(within: .seconds(20)) { process.errors.contains("running") }
            try #require(isUp, "\(process.transcript)")
            return Server(work: work, port: port, process: process)
        }
    }

    @Test("the record that the name servers of the zone hold proves the name; without it there is no proof")
    func stale() async throws {
        let proof = ChallengeProof(
            type: .dns01, name: ACMEName(.dns, "www.\(Self.zone)"), token: "token", thumbprint: "thumb")
        let value = Base64URL.encode(proof.digest)
        let old = try await Server.start(["yesterday"])
        let new = try await Server.start(["yesterday", value])
        let policy = EgressPolicy(allowances: [.acmeValidation: EgressAllowance(["127.0.0.0/8"])])
        func look(at authority: Server) -> DNS01 {
            let remembered = DNSServer(address: "127.0.0.1", port: old.port)
            return DNS01(
                dns: DNSClient(
                    servers: { [remembered] }, egress: EgressGuard(policy: policy), random: .system,
                    authorityPort: authority.port),
                label: "_acme-challenge")
        }
        try await look(at: new).validate(proof)
        let failure = await #expect(throws: ChallengeFailure.self) { try await look(at: old).validate(proof) }
        #expect(failure?.kind == .incorrectResponse)
        await old.process.stop()
        await new.process.stop()
    }
}
