import Domain
import NIOCore
import Synchronization
import TestSupport
import Testing

@testable import Outbound

/// Spellings of addresses that no look-up is needed for.
enum Spellings {
    /// One of each kind that the server never connects to by itself.
    static let refused: [[UInt8]] = [
        [127, 0, 0, 1], [127, 255, 255, 254], [0, 0, 0, 0], [169, 254, 169, 254], [169, 254, 1, 1], [192, 0, 0, 8],
        [192, 0, 2, 1], [198, 18, 0, 1], [198, 51, 100, 7], [203, 0, 113, 9], [224, 0, 0, 1], [239, 255, 255, 250],
        [240, 0, 0, 1], [255, 255, 255, 255], [100, 100, 100, 200], [168, 63, 129, 16],
    ]

    static let open: [[UInt8]] = [[8, 8, 8, 8], [1, 1, 1, 1], [93, 184, 216, 34]]

    /// Every way to write or to wrap an IPv4 address that a resolver understands.
    static func all(_ octets: [UInt8]) -> [String] { v4(octets) + embedded(octets) }

    static func v4(_ octets: [UInt8]) -> [String] {
        let parts = octets.map(UInt32.init)
        let whole = parts.reduce(0) { $0 << 8 | $1 }
        func hex(_ value: UInt32) -> String { "0x" + String(value, radix: 16) }
        func octal(_ value: UInt32) -> String { "0" + String(value, radix: 8) }
        let (tail16, tail24) = (parts[2] << 8 | parts[3], whole & 0xFF_FFFF)
        return [
            parts.map(String.init).joined(separator: "."), parts.map(hex).joined(separator: "."),
            parts.map(octal).joined(separator: "."), "\(whole)", hex(whole),
            hex(whole).uppercased().replacing("0X", with: "0x"),
            octal(whole), "\(parts[0]).\(tail24)", "\(parts[0]).\(parts[1]).\(tail16)", "\(hex(parts[0])).\(tail24)",
            "\(octal(parts[0])).\(parts[1]).\(hex(parts[2])).\(parts[3])",
        ]
    }

    static func embedded(_ octets: [UInt8]) -> [String] {
        func group(_ high: UInt8, _ low: UInt8) -> String { String(UInt16(high) << 8 | UInt16(low), radix: 16) }
        let (one, two) = (group(octets[0], octets[1]), group(octets[2], octets[3]))
        let flipped = octets.map { ~$0 }
        let (notOne, notTwo) = (group(flipped[0], flipped[1]), group(flipped[2], flipped[3]))
        let dotted = octets.map(String.init).joined(separator: ".")
        return [
            "::ffff:\(dotted)", "::FFFF:\(dotted)", "::ffff:\(one):\(two)", "0:0:0:0:0:ffff:\(one):\(two)",
            "64:ff9b::\(dotted)", "64:ff9b::\(one):\(two)", "64:FF9B:0:0:0:0:\(one):\(two)", "2002:\(one):\(two)::1",
            "2001:0:\(one):\(two)::\(group(247, 247)):\(group(247, 247))", "2001::808:808:0:0:\(notOne):\(notTwo)",
            "2a00:1450::5efe:\(one):\(two)", "2a00:1450::200:5efe:\(one):\(two)",
        ]
    }

    /// Wrappings that are reserved whatever they hold.
    static func obsolete(_ octets: [UInt8]) -> [String] {
        let dotted = octets.map(String.init).joined(separator: ".")
        return ["::\(dotted)", "::ffff:0:\(dotted)", "64:ff9b:1::\(dotted)"]
    }

    static let v6 = [
        "::", "::1", "0:0:0:0:0:0:0:1", "fe80::1", "febf::1", "fec0::1", "ff02::1", "ff0e::1", "fd00:ec2::254",
        "FD00:0EC2:0:0:0:0:0:0254", "2001:db8::1", "3fff::1", "100::1", "2001:2::1", "2001:10::1", "5f00::1", "4000::1",
        "8000::1", "e000::1",
    ]
}

@Suite("security §13: connections go where the policy lets them, and nowhere else")
struct EgressGuardTests {
    private func verdict(
        _ host: String, _ purpose: EgressPurpose = .audit, _ policy: EgressPolicy = EgressPolicy(),
        _ resolve: @escaping EgressGuard.Resolver = EgressGuard.system
    ) async -> OutboundError.Kind? {
        do throws(OutboundError) {
            let permits = try await EgressGuard(policy: policy, resolve: resolve).permits(
                host: host, port: 443, for: purpose)
            return permits.isEmpty ? .other : nil
        } catch {
            return error.kind
        }
    }

    private func policy(_ entries: String..., blocksPrivate: Bool = false) -> EgressPolicy {
        EgressPolicy(blocksPrivate: blocksPrivate, allowances: [.audit: EgressAllowance(entries)])
    }

    @Test("A-23: no spelling of an address that is refused is let through")
    func corpus() async {
        var spellings = Spellings.refused.flatMap { Spellings.all($0) + Spellings.obsolete($0) } + Spellings.v6
        spellings += Spellings.open.flatMap(Spellings.obsolete)
        #expect(Set(spellings).count >= 350, "\(Set(spellings).count)")
        for host in spellings {
            let kind = await verdict(host)
            #expect(kind == .refused, "\(host): \(kind.map(\.rawValue) ?? "let through")")
        }
    }

    @Test("public addresses are reached in every spelling")
    func open() async {
        for host in Spellings.open.flatMap(Spellings.all) + ["2606:4700::1111", "2a00:1450:4001::5e"] {
            #expect(await verdict(host) == nil, "\(host)")
        }
    }

    @Test("private addresses are refused when the switch says so, unless network or name are listed")
    func privateAddresses() async {
        for host in ["10.1.2.3", "172.31.0.1", "192.168.1.1", "100.64.0.1", "fd12::1", "64:ff9b::10.0.0.1", "0xa.1"] {
            #expect(await verdict(host) == nil, "\(host)")
            #expect(await verdict(host, .audit, policy(blocksPrivate: true)) == .refused, "\(host)")
        }
        #expect(await verdict("10.1.2.3", .audit, policy("10.1.0.0/16", blocksPrivate: true)) == nil)
        #expect(await verdict("10.2.2.3", .audit, policy("10.1.0.0/16", blocksPrivate: true)) == .refused)
        let named = policy(".corp.test", blocksPrivate: true)
        #expect(await verdict("siem.corp.test", .audit, named) { _ in ["10.1.2.3"] } == nil)
        #expect(await verdict("SIEM.CORP.TEST.", .audit, named) { _ in ["10.1.2.3"] } == nil)
        #expect(await verdict("siemcorp.test", .audit, named) { _ in ["10.1.2.3"] } == .refused)
        #expect(
            await verdict("siem.corp.test", .audit, named) { _ in ["127.0.0.1"] } == .refused, "names open no loopback")
    }

    @Test("a network that is listed opens loopback and reserved addresses, but never metadata services")
    func allowances() async {
        #expect(await verdict("127.0.0.1", .audit, policy("127.0.0.0/8")) == nil)
        #expect(await verdict("127.0.0.1", .audit, policy("127.0.0.2")) == .refused)
        #expect(await verdict("::1", .audit, policy("::1")) == nil)
        #expect(await verdict("192.0.2.9", .audit, policy("192.0.2.0/24")) == nil)
        for host in ["169.254.169.254", "fd00:ec2::254", "100.100.100.200", "168.63.129.16", "0.0.0.0", "224.0.0.1"] {
            #expect(await verdict(host, .audit, policy("0.0.0.0/0", "::/0")) == .refused, "\(host)")
        }
    }

    @Test(
        "metadata services are refused by name before anybody is asked for their address",
        arguments: [
            "metadata.google.internal", "METADATA.Google.Internal", "metadata.google.internal.", "metadata.goog",
            "metadata", "instance-data",
        ])
    func metadataNames(host: String) async {
        #expect(await verdict(host, .target) { _ in ["93.184.216.34"] } == .refused)
    }

    @Test("one refused address of several refuses the name; a name without one cannot be resolved")
    func allAnswers() async {
        #expect(await verdict("a.test") { _ in ["93.184.216.34", "2606:4700::1111"] } == nil)
        #expect(await verdict("a.test") { _ in ["93.184.216.34", "127.0.0.1"] } == .refused)
        #expect(await verdict("a.test") { _ in ["93.184.216.34", "::ffff:169.254.169.254"] } == .refused)
        #expect(await verdict("a.test") { _ in [] } == .nameResolution)
        #expect(await verdict("a.test") { _ in ["93.184.216.34", "nonsense"] } == .nameResolution)
    }

    @Test(
        "agents and the command line reach their own host, but no metadata service",
        arguments: [
            EgressPurpose.controlPlane, .target,
        ])
    func ownHost(purpose: EgressPurpose) async {
        #expect(await verdict("127.0.0.1", purpose) == nil)
        #expect(await verdict("10.0.0.1", purpose) == nil)
        #expect(await verdict("169.254.169.254", purpose) == .refused)
        #expect(await verdict("2852039166", purpose) == .refused)
    }
}

@Suite("security §13: what was checked is what is connected to")
struct EgressPinningTests {
    private static let name = "receiver.certctl.invalid"

    /// A resolver whose answers change with each question, as that of a rebinding name does.
    private final class Rebinding: Sendable {
        private let answers: Mutex<[[String]]>
        private let asked = Mutex(0)

        init(_ answers: [[String]]) { self.answers = Mutex(answers) }

        var count: Int { asked.withLock { $0 } }

        var resolver: EgressGuard.Resolver {
            { _ in
                self.asked.withLock { $0 += 1 }
                return self.answers.withLock { $0.count > 1 ? $0.removeFirst() : $0[0] }
            }
        }
    }

    private static let policy = EgressPolicy(allowances: [.audit: EgressAllowance(["127.0.0.1"])])

    private func withServer(
        _ body: (TrustAnchors, _ port: Int) async throws -> Void
    ) async throws {
        let authority = try await OpenSSLAuthority()
        let issued = try await authority.issue("DNS:\(Self.name)")
        let server = try await TLSTestServer(
            certificate: issued.fullChain, key: issued.key, .answer("HTTP/1.1 204 No Content\r\n\r\n"))
        let trust = try TrustAnchors(pemBundle: authority.root)
        let outcome: Result<Void, any Error>
        do { outcome = .success(try await body(trust, server.port)) } catch { outcome = .failure(error) }
        try await server.stop()
        try outcome.get()
    }

    @Test("HTTP connects to the checked address, asks once, and verifies the name; a later answer is checked again")
    func http() async throws {
        try await withServer { trust, port in
            let names = Rebinding([["127.0.0.1"], ["127.0.0.2"], ["169.254.169.254"]])
            let egress = EgressGuard(policy: Self.policy, resolve: names.resolver)
            let url = try HTTPSURL("https://\(Self.name):\(port)")
            let client = try OutboundHTTP(purpose: .audit, trust: trust, userAgent: "test", through: egress)
            // No resolver of the system knows the name: had the library asked one, there would be no answer.
            try await using(client, end: { try await $0.shutdown() }) { client async throws in
                for _ in 0..<2 {
                    #expect(try await client.send("GET", url, path: "/", timeout: .seconds(5)).status == 204)
                }
            }
            #expect(names.count == 1)
            for _ in 0..<2 {
                let next = try OutboundHTTP(purpose: .audit, trust: trust, userAgent: "test", through: egress)
                try await using(next, end: { try await $0.shutdown() }) { next async throws in
                    let refusal = await #expect(throws: OutboundError.self) {
                        try await next.send("GET", url, path: "/", timeout: .seconds(5))
                    }
                    #expect(refusal?.kind == .refused, "\(String(describing: refusal))")
                }
            }
        }
    }

    @Test("an address that does not answer gives way to the next permitted one")
    func fallback() async throws {
        try await withServer { trust, port in
            let policy = EgressPolicy(allowances: [.audit: EgressAllowance(["127.0.0.0/8"])])
            let egress = EgressGuard(policy: policy) { _ in ["127.0.0.9", "127.0.0.1"] }
            let url = try HTTPSURL("https://\(Self.name):\(port)")
            let client = try OutboundHTTP(purpose: .audit, trust: trust, userAgent: "test", through: egress)
            try await using(client, end: { try await $0.shutdown() }) { client async throws in
                #expect(try await client.send("GET", url, path: "/", timeout: .seconds(5)).status == 204)
            }
        }
    }

    @Test("probes and streams connect to the checked address too")
    func streams() async throws {
        try await withServer { trust, port in
            let endpoint = TLSEndpoint(host: Self.name, port: port)
            let good = EgressGuard(policy: Self.policy) { _ in ["127.0.0.1"] }
            let bad = EgressGuard(policy: Self.policy) { _ in ["127.0.0.1", "127.0.0.2"] }
            let probed = try await TLSProbe.probe(endpoint, purpose: .audit, timeout: .seconds(5), through: good)
            #expect(probed.map(\.address) == ["127.0.0.1"])
            let sender = StreamSender(to: endpoint, purpose: .audit, trust: trust, timeout: .seconds(5), through: good)
            try await sender.send(Array("GET / HTTP/1.1\r\n\r\n".utf8))
            let probe = await #expect(throws: OutboundError.self) {
                try await TLSProbe.probe(endpoint, purpose: .audit, timeout: .seconds(5), through: bad)
            }
            #expect(probe?.kind == .refused)
            let refused = StreamSender(to: endpoint, purpose: .audit, trust: trust, timeout: .seconds(5), through: bad)
            let stream = await #expect(throws: OutboundError.self) { try await refused.send([1]) }
            #expect(stream?.kind == .refused)
        }
    }

    @Test("T45: through a proxy, metadata names and literal addresses are refused all the same")
    func proxy() async throws {
        let url = try HTTPSURL("https://hooks.certctl.test")
        let proxy = try #require(try OutboundProxy(environment: ["HTTPS_PROXY": "http://127.0.0.1:9"], for: url))
        let client = try OutboundHTTP(purpose: .audit, trust: .system, userAgent: "test", proxy: proxy)
        try await using(client, end: { try await $0.shutdown() }) { client async throws in
            for host in ["metadata.google.internal", "169.254.169.254", "127.0.0.1", "localhost"] {
                let refusal = await #expect(throws: OutboundError.self) {
                    try await client.send("GET", try HTTPSURL("https://\(host)"), path: "/", timeout: .seconds(5))
                }
                #expect(refusal?.kind == .refused, "\(host)")
            }
        }
    }
}
