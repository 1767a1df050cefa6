import Domain
import Outbound
import Testing

@testable import Deployment

@Suite("Targets §2.5: when an endpoint counts as serving the new certificate")
struct JudgementTests {
    private static let leaf: [UInt8] = [1]
    private static let intermediate: [UInt8] = [2]
    private static let expected = [ContentDigest.of(leaf), ContentDigest.of(intermediate)]

    private func serves(_ address: String, _ chain: [[UInt8]]) -> ProbedAddress {
        ProbedAddress(address: address, outcome: .success(ServedChain(certificates: chain, tlsVersion: "TLS 1.3")))
    }

    private func fails(_ address: String, _ kind: OutboundError.Kind) -> ProbedAddress {
        ProbedAddress(
            address: address, outcome: .failure(OutboundError(kind, endpoint: "e", message: kind.rawValue))
        )
    }

    private func judge(_ probed: [ProbedAddress], before: [String: String] = [:]) -> Judgement {
        Judgement.ofNewChain(probed, expected: Self.expected, observedBefore: before)
    }

    @Test("all addresses serve the chain, or the one that does not is named")
    func allAddresses() {
        let good = serves("a", [Self.leaf, Self.intermediate])
        #expect(judge([good, serves("b", [Self.leaf, Self.intermediate, [3]])]).isGood)
        let stale = judge([good, serves("b", [[9], Self.intermediate])])
        #expect(stale.isGood == false)
        let fingerprints = (ContentDigest.of([9]), ContentDigest.of(Self.leaf))
        #expect(stale.reason == "b serves another certificate: \(fingerprints.0), expected \(fingerprints.1)")
        #expect(stale.actual == ContentDigest.of([9]))
    }

    @Test("a missing intermediate is a failure with its own reason")
    func incomplete() {
        let verdict = judge([serves("a", [Self.leaf])])
        #expect(verdict.isGood == false)
        #expect(verdict.reason == "chain_incomplete: a serves 1 of 2 certificates")
    }

    @Test("an address where nobody ever listened does not count, one that fell silent does")
    func silence() {
        let good = serves("a", [Self.leaf, Self.intermediate])
        #expect(judge([fails("::1", .unreachable), good]).isGood)
        #expect(judge([fails("::1", .timeout), good]).isGood)
        #expect(judge([fails("::1", .unreachable), good], before: ["::1": "x"]).isGood == false)
        #expect(judge([fails("::1", .tlsHandshake), good]).isGood == false)
        #expect(judge([fails("a", .unreachable)]).isGood == false)
        #expect(judge([]).isGood == false)
    }

    @Test("after a roll-back each address must serve what it served before")
    func restored() {
        let before = ["a": ContentDigest.of(Self.leaf), "b": ContentDigest.of([9])]
        let same = [serves("a", [Self.leaf]), serves("b", [[9]])]
        #expect(Judgement.ofRestoredLeaf(same, observedBefore: before).isGood)
        #expect(Judgement.ofRestoredLeaf([serves("a", [Self.leaf])], observedBefore: before).isGood == false)
        let wrong = [serves("a", [[8]]), serves("b", [[9]])]
        #expect(
            Judgement.ofRestoredLeaf(wrong, observedBefore: before).reason == "a does not serve what it served before")
    }

    @Test("what was served at the address that decided is reported, with the name that was asked for")
    func servedChain() {
        func report(_ probed: [ProbedAddress], _ endpoint: String, _ name: String? = nil) -> VerificationReport? {
            TLSEndpoint(endpoint, serverName: name).map { endpoint in
                judge(probed).report(VerificationPlan(endpoint: endpoint), expected: "e", attempts: 1, probed)
            }
        }
        let good = serves("a", [Self.leaf, Self.intermediate])
        let mixed = report([good, serves("b", [[9], [8]])], "www.example.com:443")
        #expect(mixed?.servedChain == [[9], [8]] && mixed?.serverName == "www.example.com")
        let named = report([good], "192.0.2.1:443", "shop.example.com")
        #expect(named?.servedChain == [Self.leaf, Self.intermediate] && named?.serverName == "shop.example.com")
        for endpoint in ["127.0.0.1:443", "[::1]:443", "localhost:443"] {
            #expect(report([good], endpoint)?.serverName == nil)
        }
        #expect(report([fails("a", .unreachable)], "a:1")?.servedChain == [])
        // A peer that sends much is not passed on in full.
        let long = [UInt8](repeating: 1, count: 20_000)
        #expect(report([serves("a", [long, long])], "a:1")?.servedChain.count == 1)
        #expect(report([serves("a", Array(repeating: [1], count: 30))], "a:1")?.servedChain.count == 10)
    }

    @Test("waits double up to the cap")
    func backoff() {
        let plan = VerificationPlan(
            endpoint: TLSEndpoint(host: "a", port: 1), backoff: .seconds(1), longestBackoff: .seconds(5)
        )
        #expect((1...5).map { plan.wait(after: $0) } == [1, 2, 4, 5, 5].map { .seconds($0) })
        let linear = VerificationPlan(
            endpoint: TLSEndpoint(host: "a", port: 1), backoff: .seconds(2), longestBackoff: .seconds(2)
        )
        #expect((1...3).map { linear.wait(after: $0) } == [2, 2, 2].map { .seconds($0) })
    }
}
