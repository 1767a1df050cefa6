import DatabaseTestSupport
import Domain
import Foundation
import TestSupport
import Testing

@Suite(
    "RFC 5280 §5.2.3: two servers on one PostgreSQL number the lists of a CA together", .tags(.slow),
    .enabled(if: EngineUnderTest.available.contains(.postgres)))
struct RevocationListReplicaTests {
    /// A list as one of the servers served it.
    private struct Seen: Hashable {
        let number: Int
        let digest: String
    }

    private static func look(_ server: ControlPlane, _ work: TemporaryDirectory, _ name: String) async throws -> Seen? {
        let file = work.path("\(name).crl")
        let fetched = try await runProgram(
            "/usr/bin/curl",
            [
                "--silent", "--fail", "--cacert", server.authority, "--output", file,
                server.baseURL + "/.well-known/pki/crl/iss-local",
            ], logs: work.url)
        guard fetched.status == 0 else { return nil }
        let read = try await runProgram(
            "/usr/bin/openssl",
            ["crl", "-inform", "DER", "-in", file, "-noout", "-crlnumber", "-fingerprint", "-sha256"], logs: work.url)
        let lines = read.output.split(separator: "\n").map(String.init)
        let number = lines.first { $0.hasPrefix("crlNumber=0x") }.flatMap { Int($0.dropFirst(12), radix: 16) }
        return Seen(number: try #require(number, "\(read)"), digest: lines.last ?? "")
    }

    private static func serial(
        _ id: String, _ client: CurlClient, _ work: TemporaryDirectory
    ) async throws -> String {
        let name = "\(id).certctl.test"
        try Inventory.expect(201, try await client.post("/api/v1/certificates", Inventory.certificate(id, name: name)))
        let csr = try await makeCSR(name, in: work)
        try Inventory.expect(201, try await client.post("/api/v1/certificates/\(id)/csr", ["csr_pem": csr]))
        let page = try await client.get("/api/v1/certificates/\(id)/versions")
        let version = try #require((page.json["data"] as? [[String: Any]])?.first)
        return try #require(version["serial_number"] as? String).uppercased()
    }

    @Test("a number is one list, numbers rise at either server, and go on when the one that made the lists is killed")
    func numbers() async throws {
        let url = try await TestDatabase.makePostgresURL().withText { $0 }
        let first = try await ControlPlane.start(databaseURL: url, environment: EngineUnderTest.postgres.environment)
        try await first.becomeAdministrator()
        try await Inventory.create(on: first)
        let second = try await ControlPlane.start(databaseURL: url, environment: EngineUnderTest.postgres.environment)
        second.takeAdministrator(of: first)
        let work = try TemporaryDirectory("crl-replicas")
        let servers = [first, second]
        var seen: [[Seen]] = [[], []]
        var serials: [String] = []
        for round in 0..<6 {
            // The first server has led since its start; half way it is no more.
            if round == 3 { await first.process.killAtOnce() }
            let here = round < 3 ? [0, 1] : [1]
            let client = servers[here[round % here.count]].client
            serials.append(try await Self.serial("mc-n\(round)", client, work))
            try Inventory.expect(
                200, try await client.post("/api/v1/certificates/mc-n\(round)/revoke", ["reason": "superseded"]))
            let wanted = serials
            for index in here {
                let isListed = try await eventually(within: .seconds(round == 3 ? 90 : 15)) {
                    guard let one = try await Self.look(servers[index], work, "s\(index)") else { return false }
                    if seen[index].last != one { seen[index].append(one) }
                    let text = try await runProgram(
                        "/usr/bin/openssl",
                        ["crl", "-inform", "DER", "-in", work.path("s\(index).crl"), "-noout", "-text"], logs: work.url
                    ).output
                    return wanted.allSatisfy { text.contains($0) }
                }
                #expect(isListed, "round \(round), server \(index)")
            }
        }
        for lists in seen {
            let numbers = lists.map(\.number)
            #expect(numbers == Set(numbers).sorted(), "\(numbers)")
        }
        let all = Set(seen.joined())
        #expect(all.count == Set(all.map(\.number)).count, "the same number is the same list at both: \(all)")
        #expect(all.count >= 6)
        await second.stop()
    }
}
