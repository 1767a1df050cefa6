import Domain
import NIOCore
import NIOPosix
import Outbound
import Testing

@testable import ChallengeValidation

@Suite("Protocol servers §2.8: each attempt has a total, whoever stalls", .timeLimit(.minutes(2)))
struct StallingTests {
    /// Takes connections and datagrams, and answers none.
    private struct SilentServer {
        let streams: any Channel
        let datagrams: any Channel
        let port: Int

        static func start() async throws -> SilentServer {
            let group = MultiThreadedEventLoopGroup.singleton
            let streams = try await ServerBootstrap(group: group).bind(host: "127.0.0.1", port: 0).get()
            let port = streams.localAddress?.port ?? 0
            let datagrams = try await DatagramBootstrap(group: group).bind(host: "127.0.0.1", port: port).get()
            return SilentServer(streams: streams, datagrams: datagrams, port: port)
        }

        func stop() async throws {
            try await streams.close()
            try await datagrams.close()
        }
    }

    @Test("every type ends in time, with a fault that may pass, when name servers or hosts keep silent")
    func totals() async throws {
        let silent = try await SilentServer.start()
        let policy = EgressPolicy(allowances: [.acmeValidation: EgressAllowance(["127.0.0.0/8"])])
        let servers = (1...3).map { _ in DNSServer(address: "127.0.0.1", port: silent.port) }
        let dns = DNSClient(servers: { servers }, egress: EgressGuard(policy: policy), random: .system)
        var places = ValidationPlaces()
        places.http01Port = silent.port
        places.tlsALPN01Port = silent.port
        places.issuers = ["ca.certctl.test"]
        let resolvers: [(String, EgressGuard.Resolver)] = [
            ("a silent host", { _ in ["127.0.0.1"] }),
            ("a name that is never resolved", { _ in try await dns.addresses(of: "www.certctl.test") }),
        ]
        for (what, resolve) in resolvers {
            let validator = ChallengeValidator(
                places: { [places] in places }, dns: dns, egress: EgressGuard(policy: policy, resolve: resolve),
                userAgent: "certctl-test/1", time: .system)
            for type in ACMEChallengeType.allCases {
                var proof = ChallengeProof(
                    type: type, name: ACMEName(.dns, "www.certctl.test"), token: "token", thumbprint: "thumb")
                proof.accountURL = "https://ca.certctl.test/acme/account/1"
                let asked = proof
                let took = await ContinuousClock().measure {
                    let failure = await #expect(throws: ChallengeFailure.self) {
                        try await validator.validate(asked, within: .milliseconds(400))
                    }
                    #expect(failure?.isTransient == true, "\(what), \(type.rawValue): \(failure?.reason ?? "")")
                    if type.isInDNS { #expect(failure?.kind == .dns, "\(type.rawValue)") }
                }
                // A starved processor takes its time too; without a total it is ten seconds and more.
                #expect(took < .seconds(8), "\(what), \(type.rawValue): \(took)")
            }
        }
        try await silent.stop()
    }
}
