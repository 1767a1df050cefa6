import Foundation
import TestSupport
import Testing

@Suite("protocol-servers §8.4: keys on a list of Debian's form are refused, and the list is read again", .tags(.slow))
struct WeakKeyListEndTests {
    /// A request for a new RSA key, and the fingerprint of the key.
    private static func request(_ name: String, in work: TemporaryDirectory) async throws -> (String, String) {
        let csr = try await makeCSR(name, in: work, keyType: ["rsa:2048"])
        let file = work.path("\(name).csr")
        try csr.write(toFile: file, atomically: true, encoding: .utf8)
        let modulus = try await runProgram(
            "/usr/bin/openssl", ["req", "-in", file, "-noout", "-modulus"], logs: work.url)
        try modulus.output.write(toFile: work.path("modulus"), atomically: true, encoding: .utf8)
        let digest = try await runProgram("/usr/bin/sha1sum", [work.path("modulus")], logs: work.url)
        return (csr, String(digest.output.prefix(40).suffix(20)))
    }

    @Test("at the start, and at SIGHUP; what is malformed ends the start and changes nothing later")
    func list() async throws {
        let work = try TemporaryDirectory("weak")
        let (first, second) = (
            try await Self.request("one.certctl.test", in: work), try await Self.request("two.certctl.test", in: work)
        )
        let list = work.path("blacklist.RSA-2048")
        func write(_ text: String) throws { try text.write(toFile: list, atomically: true, encoding: .utf8) }
        let setting = ["CERTCTL_WEAK_KEYS_FILES": list]

        let place = try TemporaryDirectory("refused")
        for (text, reason) in [
            ("# Debian\n\(first.1)\nnonsense\n", "line 3 of \(list) is no fingerprint"), ("", "has no fingerprints"),
        ] {
            try write(text)
            let refused = try await ControlPlane.refusal(ControlPlane.environment(in: place, setting), logs: place.url)
            #expect(refused.outcome.status == 78, "\(refused)")
            #expect(refused.outcome.errors.contains(reason), "\(refused)")
        }
        let absent = ["CERTCTL_WEAK_KEYS_FILES": work.path("absent")]
        let missing = try await ControlPlane.refusal(ControlPlane.environment(in: place, absent), logs: place.url)
        #expect(missing.outcome.status == 78 && missing.outcome.errors.contains("absent"), "\(missing)")

        try write("# Debian\n\(first.1)\n")
        let server = try await ControlPlane.start(environment: setting)
        try await server.becomeAdministrator()
        try await Inventory.create(on: server)
        for (id, name) in [("mc-one", "one.certctl.test"), ("mc-two", "two.certctl.test")] {
            try Inventory.expect(
                201, try await server.client.post("/api/v1/certificates", Inventory.certificate(id, name: name)))
        }
        func submit(_ id: String, _ csr: String) async throws -> CurlClient.Reply {
            try await server.client.post("/api/v1/certificates/\(id)/csr", ["csr_pem": csr])
        }
        let refused = try await submit("mc-one", first.0)
        #expect(refused.status == 422 && refused.body.contains("weak_key"), "\(refused.status) \(refused.body)")
        try Inventory.expect(201, try await submit("mc-two", second.0))

        func reload(_ text: String, _ outcome: String) async throws {
            try write(text)
            server.process.send(SIGHUP)
            let isDone = await eventually(within: .seconds(10)) { server.process.output.contains(outcome) }
            try #require(isDone, "\(server.process.transcript)")
        }
        try await reload("nonsense\n", "weak keys not read again; those known before stay")
        #expect(try await submit("mc-one", first.0).status == 422)
        try await reload("\(second.1)\n", "settings reloaded")
        let isTaken = try await eventually(within: .seconds(10)) { try await submit("mc-one", first.0).status == 201 }
        #expect(isTaken)
    }
}
