import APIContract
import ChallengeValidation
import Domain
import Encoding
import Outbound
import Settings

/// Looks at proofs of names from this host, with the validators of the control plane and under the egress rules of this host.
struct Lookout: Sendable {
    /// Longer than any look that a control plane has use for.
    static let mostPatience = Duration.seconds(15)

    /// Throws ``ChallengeFailure`` when there is no proof, or the CAA records of the name forbid.
    let look: @Sendable (PerspectiveCheckBody, Duration) async throws(ChallengeFailure) -> Void

    /// What this host votes; `nil` when it was interrupted, which means nothing.
    func vote(on check: PerspectiveCheckBody) async -> PerspectiveVoteRequest? {
        let patience = min(.milliseconds(max(check.patienceMilliseconds, 1)), Self.mostPatience)
        var vote = PerspectiveVoteRequest()
        vote.digest = Base64URL.encode(check.proof.digest)
        do throws(ChallengeFailure) {
            try await look(check, patience)
            vote.verdict = .confirmed
        } catch {
            vote.verdict = .refused
            vote.problem = ACMEPerspectiveFault(rawValue: error.kind.rawValue) ?? .unauthorized
            vote.detail = String(error.reason.prefix(500))
        }
        return Task.isCancelled ? nil : vote
    }

    /// - `resolverFile`: The resolver configuration of the host; `nil` without one.
    static func live(
        _ configuration: AgentVantageConfiguration, random: RandomSource, time: TimeSource,
        resolverFile: @escaping @Sendable () -> String?
    ) -> Lookout {
        let named = configuration.resolvers.map { DNSServer(address: $0.address, port: $0.port) }
        let dns = DNSClient(
            servers: { named.isEmpty ? HostResolvers.servers(in: resolverFile() ?? "") : named },
            egress: EgressGuard(policy: configuration.policy), random: random)
        // What the operator named answers for addresses too, or a name of an inner zone would have none.
        let egress =
            named.isEmpty
            ? EgressGuard(policy: configuration.policy, resolve: EgressGuard.systemForStrangers)
            : EgressGuard(
                policy: configuration.policy,
                resolve: { host in
                    do { return try await dns.addresses(of: host) } catch let error as DNSFailure {
                        if error.kind == .cancelled { throw error }
                        return []
                    }
                })
        return Lookout { check, patience throws(ChallengeFailure) in
            var places = ValidationPlaces()
            places.http01Port = configuration.http01Port
            places.tlsALPN01Port = configuration.tlsALPN01Port
            places.issuers = check.issuers
            let validator = ChallengeValidator(
                places: { [places] in places }, dns: dns, egress: egress, userAgent: "certctl-acme/\(Version.number)",
                time: time)
            let start = ContinuousClock.now
            if check.purpose == .proof { try await validator.validate(check.proof, within: patience) }
            guard let accounts = check.accounts else { return }
            try await CAACheck(dns: dns).check(
                CAAQuestion(
                    name: check.proof.name, isWildcard: check.isWildcard, method: check.type,
                    identities: check.issuers, isAccount: CAAQuestion.isOne(of: accounts)),
                within: max(patience - (ContinuousClock.now - start), .milliseconds(1)))
        }
    }
}

extension PerspectiveCheckBody {
    /// What the validators take.
    var proof: ChallengeProof {
        var proof = ChallengeProof(
            type: type, name: ACMEName(identifierType, identifier), token: token, thumbprint: thumbprint)
        proof.isWildcard = isWildcard
        proof.accountURL = accountURL
        return proof
    }
}
