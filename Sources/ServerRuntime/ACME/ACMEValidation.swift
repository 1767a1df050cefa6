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
        live: LiveConfiguration, random: RandomSource, time: TimeSource,
        resolverFile: @escaping @Sendable () -> String?, log: Logger
    ) -> ACMEValidator {
        { attempt, timeout throws(ACMEFault) in
            let (acme, policy, own) = live.read { ($0.acme, $0.egress.policy, listeners($0)) }
            let validator = Self.validator(acme, policy, own, random, time, resolverFile)
            var proof = ChallengeProof(
                type: attempt.type, name: attempt.name, token: attempt.token, thumbprint: attempt.thumbprint)
            proof.isWildcard = attempt.isWildcard
            proof.accountURL = attempt.accountURL
            do throws(ChallengeFailure) {
                try await validator.validate(proof, within: timeout)
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

    /// Whether CAA records allow a certificate.
    static func caaCheck(
        live: LiveConfiguration, random: RandomSource, resolverFile: @escaping @Sendable () -> String?, log: Logger
    ) -> ACMECAACheck {
        { question throws(ACMEFault) in
            let (acme, policy, publicURL) = live.read {
                ($0.acme, $0.egress.policy, $0.listener.isPublicURLGiven ? $0.listener.publicURL.text : nil)
            }
            do throws(ChallengeFailure) {
                try await CAACheck(dns: dns(acme.validation, policy, random, resolverFile)).check(
                    CAAQuestion(
                        name: question.name, isWildcard: question.isWildcard, method: question.method,
                        identities: acme.caaIdentities,
                        isAccount: CAAQuestion.isOne(
                            of: ACMEPlan.accounts(question.accountID, under: question.profileID, at: publicURL))),
                    within: ACMEValidationPool.longestCAACheck)
            } catch {
                log.info(
                    "CAA records do not allow a certificate, or can't be known",
                    metadata: ["identifier": "\(question.name.value)", "reason": "\(error.reason)"])
                throw ACMEFault(
                    ACMEProblem.Kind(rawValue: error.kind.rawValue) ?? .serverInternal, error.detail,
                    isTransient: error.isTransient)
            }
        }
    }

    private static func dns(
        _ configuration: ACMEValidationConfiguration, _ policy: EgressPolicy, _ random: RandomSource,
        _ resolverFile: @escaping @Sendable () -> String?
    ) -> DNSClient {
        let named = configuration.resolvers.map { DNSServer(address: $0.address, port: $0.port) }
        return DNSClient(
            servers: { named.isEmpty ? HostResolvers.servers(in: resolverFile() ?? "") : named },
            egress: EgressGuard(policy: policy), random: random)
    }

    /// Where this server listens: a name that leads there proves nothing.
    private static func listeners(_ configuration: ServerConfiguration) -> OwnListeners {
        var endpoints = [(host: configuration.listener.host, port: configuration.listener.port)]
        if let pki = configuration.pki.listen { endpoints.append((pki.host, pki.port)) }
        return OwnListeners(endpoints)
    }

    private static func validator(
        _ acme: ACMEConfiguration, _ policy: EgressPolicy, _ own: OwnListeners, _ random: RandomSource,
        _ time: TimeSource, _ resolverFile: @escaping @Sendable () -> String?
    ) -> ChallengeValidator {
        let configuration = acme.validation
        let dns = dns(configuration, policy, random, resolverFile)
        // What the operator named answers for addresses too, or a name of an inner zone would have none.
        let egress =
            configuration.resolvers.isEmpty
            ? EgressGuard(policy: policy, except: own, resolve: EgressGuard.systemForStrangers)
            : EgressGuard(
                policy: policy, except: own,
                resolve: { host in
                    do { return try await dns.addresses(of: host) } catch let error as DNSFailure {
                        if error.kind == .cancelled { throw error }
                        return []
                    }
                })
        var places = ValidationPlaces()
        places.http01Port = configuration.http01Port
        places.tlsALPN01Port = configuration.tlsALPN01Port
        places.issuers = acme.caaIdentities
        return ChallengeValidator(
            places: { [places] in places }, dns: dns, egress: egress, userAgent: "certctl-acme/\(Version.number)",
            time: time)
    }
}
