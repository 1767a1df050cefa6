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
