import ChallengeValidation
import Domain
import Lifecycle
import Logging
import Outbound
import Settings

/// Wires the validation of names to the network, as the settings say at the time of each attempt.
enum ACMEValidation {
    /// - `resolverFile`: The resolver configuration of the host; `nil` without one.
    static func validator(
        live: LiveConfiguration, random: RandomSource, resolverFile: @escaping @Sendable () -> String?, log: Logger
    ) -> ACMEValidator {
        { attempt, timeout throws(ACMEFault) in
            let (configuration, policy) = live.read { ($0.acme.validation, $0.egress.policy) }
            let validator = Self.validator(configuration, policy, random, resolverFile)
            do throws(ChallengeFailure) {
                try await validator.validate(
                    ChallengeProof(
                        type: attempt.type, name: attempt.name, token: attempt.token, thumbprint: attempt.thumbprint),
                    within: timeout)
            } catch {
                log.info(
                    "a name was not validated",
                    metadata: [
                        "type": "\(attempt.type.rawValue)", "identifier": "\(attempt.name.value)",
                        "reason": "\(error.reason)",
                    ])
                throw ACMEFault(
                    ACMEProblem.Kind(rawValue: error.kind.rawValue) ?? .serverInternal, error.detail,
                    isTransient: error.isTransient)
            }
        }
    }

    private static func validator(
        _ configuration: ACMEValidationConfiguration, _ policy: EgressPolicy, _ random: RandomSource,
        _ resolverFile: @escaping @Sendable () -> String?
    ) -> ChallengeValidator {
        let named = configuration.resolvers.map { DNSServer(address: $0.address, port: $0.port) }
        let dns = DNSClient(
            servers: { named.isEmpty ? HostResolvers.servers(in: resolverFile() ?? "") : named },
            egress: EgressGuard(policy: policy), random: random)
        // What the operator named answers for addresses too, or a name of an inner zone would have none.
        let egress =
            named.isEmpty
            ? EgressGuard(policy: policy)
            : EgressGuard(
                policy: policy,
                resolve: { host in
                    do { return try await dns.addresses(of: host) } catch let error as DNSFailure {
                        if error.kind == .cancelled { throw error }
                        return []
                    }
                })
        var places = ValidationPlaces()
        places.http01Port = configuration.http01Port
        places.tlsALPN01Port = configuration.tlsALPN01Port
        return ChallengeValidator(
            places: { [places] in places }, dns: dns, egress: egress, userAgent: "certctl-acme/\(Version.number)")
    }
}
