import Foundation
import TestSupport
import Testing

@Suite("RFC 5280 §5.1.2.5: no list is served past its end", .tags(.slow))
struct RevocationListEndTests {
    private struct Reply {
        let head: String
        let octets: Data?
        var status: String { String(head.split(separator: " ").dropFirst().first ?? "") }

        func field(_ name: String) -> String? {
            head.split(separator: "\r\n").first { $0.lowercased().hasPrefix("\(name): ") }
                .map { String($0.dropFirst(name.count + 2)) }
        }
    }

    private static func fetch(_ stage: SignerAuthorityStage) async throws -> Reply {
        let file = stage.pki.work.path("served")
        let head = try await stage.pki.curl([
            "--dump-header", "-", "--output", file, "\(stage.pki.url)/.well-known/pki/crl/iss-signer",
        ])
        return Reply(head: head, octets: try? Data(contentsOf: URL(filePath: file)))
    }

    private static func number(_ stage: SignerAuthorityStage) async throws -> Int {
        let outcome = try await stage.openssl([
            "crl", "-inform", "DER", "-in", stage.pki.work.path("served"), "-noout", "-crlnumber",
        ])
        let text = outcome.output.trimmingCharacters(in: .whitespacesAndNewlines).replacing("crlNumber=0x", with: "")
        return try #require(Int(text, radix: 16), "\(outcome.output)\(outcome.errors)")
    }

    @Test("while the signer is dead its list is served to its end, kept by nobody beyond it, and then refused")
    func ended() async throws {
        let clock = try await SteppedClock()
        let stage = try await SignerAuthorityStage.start(
            .sqlite, clock.environment.merging(["CERTCTL_CRL_VALIDITY": "2h"]) { $1 })
        try Inventory.expect(201, try await stage.createIssuer())
        try #require(try await eventually(within: .seconds(20)) { try await Self.fetch(stage).status == "200" })
        let first = try await Self.fetch(stage)
        let number = try await Self.number(stage)
        await stage.signer.process.killAtOnce()

        // An hour and a half later it is long due, and still good.
        try clock.set(ahead: 5400)
        let old = try await Self.fetch(stage)
        #expect(old.status == "200" && old.octets == first.octets, "\(old.head)")
        let control = try #require(old.field("cache-control"))
        let age = try #require(control.firstMatch(of: /max-age=(\d+)/).flatMap { Int($0.1) }, "\(control)")
        #expect((1...1800).contains(age), "half an hour is left: \(control)")

        // Past the end nobody gets it, not even whoever has it already and asks whether it is the newest.
        try clock.set(ahead: 7300)
        let late = try await Self.fetch(stage)
        #expect(late.status == "503" && late.field("retry-after") != nil, "\(late.head)")
        #expect(late.octets != first.octets)
        let tag = try #require(first.field("etag"))
        let asked = try await stage.pki.curl([
            "--head", "--header", "If-None-Match: \(tag)", "\(stage.pki.url)/.well-known/pki/crl/iss-signer",
        ])
        #expect(asked.contains(" 503 "), "\(asked)")

        try await stage.signer.startAgain()
        try clock.set(ahead: 7500)
        let isBack = try await eventually(within: .seconds(30)) { try await Self.fetch(stage).status == "200" }
        #expect(isBack)
        let next = try await Self.number(stage)
        #expect(next > number)
        await stage.stop()
    }
}
