import Domain
import Outbound

/// Compares what an endpoint serves with what it should serve.
struct EndpointVerifier: Sendable {
    let host: DeploymentHost

    /// Looks once: the leaf fingerprint by address. Addresses that do not answer are left out.
    func observe(_ plan: VerificationPlan) async -> [String: String] {
        guard let probed = try? await host.probe(plan.endpoint, plan.timeout) else { return [:] }
        var served: [String: String] = [:]
        for address in probed {
            if case .success(let chain) = address.outcome, let leaf = chain.certificates.first {
                served[address.address] = ContentDigest.of(leaf)
            }
        }
        return served
    }

    /// Tries until every address serves `expected`, at most as often as the plan says.
    func verify(
        _ plan: VerificationPlan,
        expected: [String],
        observedBefore: [String: String]
    ) async -> VerificationReport {
        await repeated(plan, expected: expected.first ?? "") { probed in
            Judgement.ofNewChain(probed, expected: expected, observedBefore: observedBefore)
        }
    }

    /// Tries until every address that answered before serves again what it served then.
    func verifyRestored(_ plan: VerificationPlan, observedBefore: [String: String]) async -> VerificationReport {
        let expected = observedBefore.sorted { $0.key < $1.key }.first?.value ?? ""
        return await repeated(plan, expected: expected) { probed in
            Judgement.ofRestoredLeaf(probed, observedBefore: observedBefore)
        }
    }

    private func repeated(
        _ plan: VerificationPlan,
        expected: String,
        judge: ([ProbedAddress]) -> Judgement
    ) async -> VerificationReport {
        await host.pause(plan.delay)
        var attempt = 0
        while true {
            attempt += 1
            let report: VerificationReport
            do {
                let probed = try await host.probe(plan.endpoint, plan.timeout)
                report = judge(probed).report(plan, expected: expected, attempts: attempt, probed)
            } catch {
                report = VerificationReport(
                    status: .failed,
                    endpoint: "\(plan.endpoint)",
                    expectedFingerprint: expected,
                    reason: "\(error)",
                    attempts: attempt
                )
            }
            if report.status == .success || attempt >= plan.attempts { return report }
            await host.pause(plan.wait(after: attempt))
        }
    }
}

/// The verdict on one look at all addresses of an endpoint.
struct Judgement: Hashable, Sendable {
    /// Certificates and octets of a served chain that are reported.
    private static let mostServed = 10
    private static let longestServed = 32 << 10

    let isGood: Bool
    let actual: String?
    let reason: String?

    /// Every address that answers must serve the whole expected chain; one that answered before must still
    /// answer; one that never answered (a host without IPv6) does not count while another serves.
    static func ofNewChain(
        _ probed: [ProbedAddress],
        expected: [String],
        observedBefore: [String: String]
    ) -> Judgement {
        var actual: String?
        for address in probed {
            switch address.outcome {
            case .success(let chain):
                let served = chain.certificates.map { ContentDigest.of($0) }
                actual = served.first
                if served.first != expected.first {
                    let reason =
                        "\(address.address) serves another certificate: \(served.first ?? "none"), "
                        + "expected \(expected.first ?? "none")"
                    return Judgement(isGood: false, actual: actual, reason: reason)
                }
                if !served.starts(with: expected) {
                    let reason =
                        "chain_incomplete: \(address.address) serves \(served.count) of \(expected.count) certificates"
                    return Judgement(isGood: false, actual: actual, reason: reason)
                }
            case .failure(let error):
                if observedBefore[address.address] != nil || !error.kind.meansNobodyListens {
                    return Judgement(isGood: false, actual: nil, reason: "\(address.address): \(error.message)")
                }
            }
        }
        if actual == nil { return Judgement(isGood: false, actual: nil, reason: unreachable(probed)) }
        return Judgement(isGood: true, actual: actual, reason: nil)
    }

    static func ofRestoredLeaf(_ probed: [ProbedAddress], observedBefore: [String: String]) -> Judgement {
        for (address, fingerprint) in observedBefore.sorted(by: { $0.key < $1.key }) {
            guard let outcome = probed.first(where: { $0.address == address })?.outcome,
                case .success(let chain) = outcome, let leaf = chain.certificates.first
            else { return Judgement(isGood: false, actual: nil, reason: "\(address) does not answer any more") }
            let served = ContentDigest.of(leaf)
            if served != fingerprint {
                return Judgement(
                    isGood: false, actual: served, reason: "\(address) does not serve what it served before")
            }
        }
        return Judgement(isGood: true, actual: observedBefore.values.sorted().first, reason: nil)
    }

    private static func unreachable(_ probed: [ProbedAddress]) -> String {
        let reasons = probed.map { address in
            if case .failure(let error) = address.outcome { "\(address.address): \(error.message)" } else { "" }
        }
        return "nobody answers (\(reasons.joined(separator: "; ")))"
    }

    /// The chain with the leaf that was judged, as far as it is worth sending on.
    private func served(_ probed: [ProbedAddress]) -> [[UInt8]] {
        let chains = probed.compactMap { try? $0.outcome.get().certificates }
        let judged = chains.last { $0.first.map { ContentDigest.of($0) } == actual } ?? chains.first ?? []
        let told = judged.prefix(Self.mostServed)
        return told.reduce(0) { $0 + $1.count } <= Self.longestServed ? Array(told) : Array(told.prefix(1))
    }

    func report(
        _ plan: VerificationPlan,
        expected: String,
        attempts: Int,
        _ probed: [ProbedAddress]
    ) -> VerificationReport {
        var report = VerificationReport(
            status: isGood ? .success : .failed,
            endpoint: "\(plan.endpoint)",
            expectedFingerprint: expected,
            actualFingerprint: actual,
            reason: reason,
            attempts: attempts,
            addresses: probed.map { address in
                switch address.outcome {
                case .success(let chain):
                    .init(
                        address: address.address,
                        fingerprint: chain.certificates.first.map { ContentDigest.of($0) },
                        tlsVersion: chain.tlsVersion,
                        error: nil
                    )
                case .failure(let error):
                    .init(address: address.address, fingerprint: nil, tlsVersion: nil, error: error.message)
                }
            }
        )
        report.servedChain = served(probed)
        report.serverName = plan.endpoint.expectedName
        return report
    }
}

extension OutboundError.Kind {
    /// The address has no service, as opposed to a service that misbehaves.
    fileprivate var meansNobodyListens: Bool {
        switch self {
        case .unreachable, .timeout: true
        case .nameResolution, .tlsVerification, .tlsHandshake, .connectionLost, .bodyTooLarge, .invalidRequest,
            .cancelled, .refused, .other:
            false
        }
    }
}

extension TLSEndpoint {
    /// The name that a client asks for there. An address or `localhost` stands for the way there and not for a name.
    fileprivate var expectedName: String? {
        if let serverName { return serverName }
        let isAddress = host.contains(":") || host.allSatisfy { $0.isNumber || $0 == "." }
        return isAddress || host.lowercased() == "localhost" ? nil : host
    }
}
