import Domain
import TestSupport
import Testing

@testable import Outbound

@Suite("protocol-servers §2.8: nobody gets the server to talk to its own listeners")
struct OwnListenersTests {
    private static let loopback: [UInt8] = [127, 0, 0, 1]
    private static let outer: [UInt8] = [10, 1, 2, 3]

    private static func listeners(_ host: String, _ port: Int = 8443) -> OwnListeners {
        OwnListeners([(host: host, port: port)], interfaces: { [outer] })
    }

    @Test("a listener on one address is that address, one on all is every address of the host")
    func addresses() {
        let one = Self.listeners("10.1.2.3")
        #expect(one.include(Self.outer, port: 8443))
        #expect(!one.include(Self.outer, port: 443) && !one.include(Self.loopback, port: 8443))
        let mapped: [UInt8] = Array(repeating: 0, count: 10) + [0xFF, 0xFF] + Self.outer
        #expect(one.include(mapped, port: 8443))
        for everywhere in ["0.0.0.0", "::", "ca.example.com"] {
            let listeners = Self.listeners(everywhere)
            #expect(listeners.include(Self.outer, port: 8443) && listeners.include(Self.loopback, port: 8443))
            #expect(!listeners.include([10, 9, 9, 9], port: 8443) && !listeners.include(Self.outer, port: 80))
        }
        #expect(!OwnListeners.none.include(Self.loopback, port: 8443))
        #expect(OwnListeners.ofHost().contains(Self.loopback))
    }

    @Test("an exemption opens other ports of the host, and not the listener")
    func exemption() async throws {
        let policy = EgressPolicy(allowances: [.acmeValidation: EgressAllowance(["127.0.0.0/8"])])
        let egress = EgressGuard(
            policy: policy, except: Self.listeners("0.0.0.0"), resolve: { _ in ["127.0.0.1"] })
        #expect(try await egress.permits(host: "a.test", port: 80, for: .acmeValidation).count == 1)
        let refusal = await #expect(throws: OutboundError.self) {
            try await egress.permits(host: "a.test", port: 8443, for: .acmeValidation)
        }
        #expect(refusal?.kind == .refused)
    }
}
