import Domain
import Foundation
import NIOPosix
import Synchronization
import Testing

@testable import Outbound

@Suite("Protocol servers §2.8: what stalls is given up in time")
struct TimeLimitTests {
    private struct Late: Error, Equatable {}
    private struct Own: Error, Equatable {}

    /// What something took.
    private static func duration(_ body: () async throws -> Void) async rethrows -> Duration {
        try await ContinuousClock().measure(body)
    }

    @Test("what ends in time counts, an error as well; what does not is cancelled")
    func limits() async throws {
        let value = try await TimeLimit.run(.seconds(10), orThrow: Late()) { () async throws(Late) in 7 }
        #expect(value == 7)
        await #expect(throws: Own.self) {
            try await TimeLimit.run(.seconds(10), orThrow: Own()) { () async throws(Own) -> Int in throw Own() }
        }
        let wasCancelled = Mutex(false)
        let took = await Self.duration {
            await #expect(throws: Late.self) {
                try await TimeLimit.run(.milliseconds(100), orThrow: Late()) { () async throws(Late) in
                    try? await Task.sleep(for: .seconds(60))
                    wasCancelled.withLock { $0 = Task.isCancelled }
                }
            }
        }
        #expect(took < .seconds(10) && wasCancelled.withLock { $0 })
    }

    @Test("a look-up that blocks is not waited for; what waits behind it is given up, and other threads go on")
    func lookUps() async throws {
        let pool = NIOThreadPool(numberOfThreads: 1)
        pool.start()
        let gate = Gate()
        let begun = Mutex<[String]>([])
        @Sendable func look(_ name: String) async throws -> [String] {
            try await AddressLookup.look(up: name, on: pool) { host in
                begun.withLock { $0.append(host) }
                if host == "stalls" { gate.wait() }
                return ["192.0.2.1"]
            }
        }
        for name in ["stalls", "waits"] {
            let guarded = EgressGuard(resolve: look)
            let took = await Self.duration {
                let failure = await #expect(throws: OutboundError.self) {
                    try await guarded.permits(
                        host: name, port: 80, for: .acmeValidation, within: .milliseconds(200))
                }
                #expect(failure?.kind == .timeout, "\(name)")
            }
            #expect(took < .seconds(10), "\(name)")
        }
        // The resolver of everybody else has threads of its own.
        #expect(try await EgressGuard.system("127.0.0.1") == ["127.0.0.1"])
        #expect(try await EgressGuard.systemForStrangers("127.0.0.1") == ["127.0.0.1"])
        gate.open()
        #expect(try await look("later") == ["192.0.2.1"])
        #expect(begun.withLock { $0 } == ["stalls", "later"], "what nobody waits for is not looked up")
        try await pool.shutdownGracefully()
    }

    /// Keeps a thread until it is opened.
    private final class Gate: Sendable {
        private let isOpen = Mutex(false)

        func open() { isOpen.withLock { $0 = true } }

        func wait() {
            let end = ContinuousClock.now + .seconds(30)
            while !isOpen.withLock({ $0 }), ContinuousClock.now < end { Thread.sleep(forTimeInterval: 0.01) }
        }
    }

    @Test("a web server that accepts and says nothing, and an address that nobody is at, are given up")
    func connections() async throws {
        let silent = try await FakeNameServer { _, _ in [] }
        let egress = EgressGuard(
            policy: EgressPolicy(allowances: [.acmeValidation: EgressAllowance(["127.0.0.0/8"])]),
            resolve: { _ in ["127.0.0.1"] })
        let place = WebLocation(host: "www.certctl.test", port: silent.port, path: "/")
        let fetched = await Self.duration {
            let failure = await #expect(throws: OutboundError.self) {
                try await WebFetch(userAgent: "test", purpose: .acmeValidation, through: egress).get(
                    place, hostField: "www.certctl.test", timeout: .milliseconds(300))
            }
            #expect(failure?.kind == .timeout)
        }
        let shaken = await Self.duration {
            let failure = await #expect(throws: OutboundError.self) {
                try await ProtocolHandshake(purpose: .acmeValidation, through: egress).run(
                    "acme-tls/1", host: "www.certctl.test", port: silent.port, serverName: "www.certctl.test",
                    timeout: .milliseconds(300))
            }
            #expect(failure?.kind == .timeout)
        }
        #expect(fetched < .seconds(5) && shaken < .seconds(5), "\(fetched) \(shaken)")
        try await silent.stop()
    }
}
