import Domain
import Foundation
import HTTPServing
import Testing

@Suite("security §11: what no honest client sends")
struct HostileWireTests {
    private static let hidden = "GET /api/v1/echo/smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
    private static let post = "POST /api/v1/teams HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer \(Stage.operatorKey)\r\n"

    /// Requests that two readers could end at different places. The second request must never be seen as one.
    static let ambiguous = [
        // Lengths.
        "Content-Length: 4\r\nContent-Length: 4\r\n\r\nabcd", "Content-Length: 4\r\nContent-length: 40\r\n\r\nabcd",
        "Content-Length: -1\r\n\r\n", "Content-Length: 0x4\r\n\r\nabcd", "Content-Length: 4 4\r\n\r\nabcd",
        "Content-Length: 18446744073709551620\r\n\r\nabcd", "Content-Length: 4;\r\n\r\nabcd",
        "Content-Length: \"4\"\r\n\r\nabcd", "Content-Length : 4\r\n\r\nabcd", "Content-Length: 4e0\r\n\r\nabcd",
        // Codings.
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
        "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        "Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n", "Transfer-Encoding: chunked;x=1\r\n\r\n0\r\n\r\n",
        "Transfer-Encoding: \u{0b}chunked\r\n\r\n0\r\n\r\n", "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n0\r\n\r\n",
        "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "Transfer-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd",
        "Transfer_Encoding: chunked\r\nContent-Length: 4, 4\r\n\r\nabcd",
        // Lines.
        "X-One: a\n\nContent-Length: 4\r\n\r\nabcd", "X-One: a\rX-Two: b\r\n\r\n", "X-One: a\u{0}b\r\n\r\n",
        "X-One: a\r\n\tfolded\r\nContent-Length: 4\r\n\r\nabcd", ": nameless\r\n\r\n", "X-One\r\n\r\n",
        "X One: b\r\n\r\n",
        // Chunks.
        "Transfer-Encoding: chunked\r\n\r\n-1\r\nabcd\r\n0\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\n0x4\r\nabcd\r\n0\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\n+4\r\nabcd\r\n0\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\n 4\r\nabcd\r\n0\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nabcd\r\n0\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\n4\r\nabcdef\r\n0\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\n4\nabcd\n0\n\n",
        "Transfer-Encoding: chunked\r\n\r\n4\r\nabcd0\r\n\r\n",
    ]

    @Test(
        "no ambiguous request hides another one, and each costs its connection (RFC 9112 §6, §11.2)",
        arguments: stride(from: 0, to: ambiguous.count, by: 10).map { $0 })
    func smuggling(from first: Int) async throws {
        try await Stage.run(configure: { $0.rules.limits.requestTimeout = .milliseconds(700) }) { stage in
            for request in Self.ambiguous[first...].prefix(10) {
                let reply = try await RawTLS.exchange(port: stage.port, [.init(Self.post + request + Self.hidden)])
                #expect(
                    [400, 408, 0].contains(reply.status), "\(request.debugDescription): \(reply.status) \(reply.body)")
                #expect(!reply.body.contains("smuggled"), "\(request.debugDescription): \(reply.body)")
            }
            let after = try await stage.curl("/health")
            #expect(after.status == 200)
        }
    }

    @Test(
        "request lines that no route could mean are refused",
        arguments: [
            "GET /health HTTP/2.0\r\nHost: a\r\n\r\n", "GET /health\r\nHost: a\r\n\r\n",
            "GET /health HTTP/1.1 \r\nHost: a\r\n\r\n", "G@T /health HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /hea\u{0}lth HTTP/1.1\r\nHost: a\r\n\r\n", "CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n",
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "GET health HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET //evil/health HTTP/1.1\r\nHost: a\r\n\r\n",
        ])
    func requestLines(request: String) async throws {
        try await Stage.run(configure: { $0.rules.limits.headerTimeout = .milliseconds(900) }) { stage in
            let reply = try await RawTLS.exchange(port: stage.port, [.init(request)])
            #expect(reply.status == 0 || (400..<500).contains(reply.status) || reply.status == 505, "\(reply.status)")
        }
    }

    @Test(
        "A-25: every answer of every kind has the whole set of security fields, its own media type, and no server's name"
    )
    func fields() async throws {
        let expected = [
            "strict-transport-security": "max-age=63072000; includeSubDomains", "x-frame-options": "DENY",
            "x-content-type-options": "nosniff", "referrer-policy": "strict-origin-when-cross-origin",
            "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
            "permissions-policy":
                "accelerometer=(), camera=(), geolocation=(), microphone=(), payment=(), usb=(), publickey-credentials-get=(self)",
            "cross-origin-opener-policy": "same-origin", "cross-origin-resource-policy": "same-origin",
        ]
        @Sendable func judge(_ reply: CurlReply, _ status: Int) {
            #expect(reply.status == status, "\(reply.status) instead of \(status)")
            for (name, value) in expected { #expect(reply.fields[name] == value, "\(status): \(name)") }
            #expect(reply.fields["server"] == nil && reply.fields["x-powered-by"] == nil)
            #expect(reply.fields["x-request-id"]?.isEmpty == false, "\(status)")
            // RFC 9110 §6.6.1: from every server that has a clock.
            let recent = (0...15).map { HTTPDate.text(TimeSource.system.now - .seconds($0)) }
            #expect(
                reply.fields["date"].map(recent.contains) == true, "\(status): \(reply.fields["date"] ?? "no date")")
            if status >= 400 {
                #expect(
                    reply.fields["content-type"] == "application/json" && reply.fields["cache-control"] == "no-store")
            }
        }
        try await Stage.run { stage in
            for version in ["--http1.1", "--http2"] {
                judge(try await stage.curl("/health", version), 200)
                judge(try await stage.curl("/api/v1/echo/x", version), 200)
                judge(try await stage.curl("/", version), 404)
                judge(try await stage.curl("/index.html", version), 404)
                judge(try await stage.curl("/api/v1/teams", version), 401)
                judge(try await stage.curl("/api/v1/teams", version, "-H", "Authorization: Basic eDp5"), 401)
                judge(try await stage.curl("/api/v1/teams", version, "-X", "DELETE"), 405)
                judge(try await stage.curl("/api/v1/teams/..", version), 400)
                judge(try await stage.curl("/api/v1/echo/\(String(repeating: "a", count: 9_000))", version), 414)
                judge(try await stage.curl("/api/v1/broken", version), 500)
                judge(try await stage.curl("/api/v1/teams", version, "-X", "OPTIONS"), 204)
            }
            judge(try await RawTLS.exchange(port: stage.port, [.init("GET /health HTTP/1.1\r\n\r\n")]), 400)
            let broken = try await stage.curl("/api/v1/broken")
            #expect(!broken.body.contains("shadow") && !broken.body.contains("SELECT"))
        }
        try await Stage.run(isReady: false) { stage in judge(try await stage.curl("/api/v1/echo/x"), 503) }
    }

    @Test("one address may hold so many connections; a trusted proxy, which speaks for many, more")
    func connectionsOfOneAddress() async throws {
        for (isTrusted, expected) in [(false, 0), (true, 200)] {
            try await Stage.run(configure: {
                $0.rules.limits.maximumConnectionsPerAddress = 2
                if isTrusted { $0.rules.proxies = TrustedProxies(ranges: [.init("127.0.0.0/8")].compactMap { $0 }) }
            }) { stage in
                async let one = RawTLS.exchange(port: stage.port, [.init("GET /he"), .init("", after: 2.5)])
                async let two = RawTLS.exchange(port: stage.port, [.init("GET /he"), .init("", after: 2.5)])
                try await Task.sleep(for: .milliseconds(1200))
                let third = try await stage.curl("/health")
                #expect(third.status == expected, "trusted: \(isTrusted)")
                _ = try await (one, two)
            }
        }
    }
}

@Suite("HTTP/2 frames that no honest client sends (RFC 9113 §8.2, §10.5)")
struct HostileFrameTests {
    private static func frame(_ type: UInt8, _ flags: UInt8, _ stream: UInt32, _ payload: [UInt8]) -> [UInt8] {
        let length = UInt32(payload.count)
        return [UInt8(length >> 16 & 0xFF), UInt8(length >> 8 & 0xFF), UInt8(length & 0xFF), type, flags]
            + [24, 16, 8, 0].map { UInt8(stream >> UInt32($0) & 0xFF) } + payload
    }

    private static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8) + frame(4, 0, 0, [])

    /// A field without indexing, name and value literal.
    private static func field(_ name: String, _ value: String) -> [UInt8] {
        [0, UInt8(name.utf8.count)] + Array(name.utf8) + [UInt8(value.utf8.count)] + Array(value.utf8)
    }

    private static let line = [0x82, 0x87] as [UInt8] + field(":path", "/health") + field(":authority", "a")

    /// The status of an answer on stream 1: indexed (0x88 is 200), or a literal with an indexed name.
    private static func isSuccess(_ octets: [UInt8]) -> Bool {
        var rest = octets[...]
        while rest.count >= 9 {
            let head = Array(rest.prefix(9))
            let length = Int(head[0]) << 16 | Int(head[1]) << 8 | Int(head[2])
            if head[3] == 1, rest.dropFirst(9).first == 0x88 { return true }
            rest = rest.dropFirst(9 + length)
        }
        return false
    }

    static let malformed: [(String, [UInt8])] = [
        ("transfer-encoding", line + field("transfer-encoding", "chunked")),
        ("connection", line + field("connection", "keep-alive")), ("upper case", line + field("X-Upper", "a")),
        ("line break in a value", line + field("x", "a\r\nx-injected: b")),
        ("NUL in a value", line + field("x", "a\0b")),
        ("two paths", line + field(":path", "/api/v1/teams")), ("no path", [0x82, 0x87] + field(":authority", "a")),
        ("pseudo field behind a field", [0x82, 0x87] + field("x", "a") + field(":path", "/health")),
        ("unknown pseudo field", line + field(":protocol2", "x")), ("empty path", [0x82, 0x87] + field(":path", "")),
        ("a length without its body", line + field("content-length", "5")),
    ]

    @Test("malformed requests are not answered with success", arguments: malformed.indices)
    func requests(index: Int) async throws {
        let (name, block) = Self.malformed[index]
        try await Stage.run { stage in
            let good = Self.preface + Self.frame(1, 0x05, 1, Self.line) + Self.frame(7, 0, 0, [0, 0, 0, 0, 0, 0, 0, 0])
            let bad = Self.preface + Self.frame(1, 0x05, 1, block) + Self.frame(7, 0, 0, [0, 0, 0, 0, 0, 0, 0, 0])
            if index == 0 {
                let answer = try await RawTLS.octets(port: stage.port, protocolName: "h2", good)
                #expect(Self.isSuccess(answer), "the stage does not answer")
            }
            let answer = try await RawTLS.octets(port: stage.port, protocolName: "h2", bad)
            #expect(!Self.isSuccess(answer), "\(name)")
        }
    }

    static let floods: [(String, [UInt8])] = [
        ("PING", (0..<2000).flatMap { _ in frame(6, 0, 0, [1, 2, 3, 4, 5, 6, 7, 8]) }),
        ("SETTINGS", (0..<2000).flatMap { _ in frame(4, 0, 0, []) }),
        ("CONTINUATION", frame(1, 0x01, 1, line) + (0..<2000).flatMap { frame(9, 0, 1, field("x-\($0)", "y")) }),
        (
            "fields beyond the limit",
            frame(1, 0x05, 1, line + (0..<150).flatMap { field("x-\($0)", String(repeating: "v", count: 120)) })
        ),
        ("empty DATA", frame(1, 0x04, 1, line) + (0..<20_000).flatMap { _ in frame(0, 0, 1, []) }),
    ]

    @Test("a flood ends its connection and nothing else", arguments: floods.indices)
    func flood(index: Int) async throws {
        try await Stage.run(configure: { $0.rules.limits.requestTimeout = .seconds(3) }) { stage in
            let start = ContinuousClock.now
            let answer = try await RawTLS.octets(
                port: stage.port, protocolName: "h2", Self.preface + Self.floods[index].1)
            #expect(ContinuousClock.now - start < .seconds(11), "\(Self.floods[index].0): the connection stayed open")
            #expect(answer.count < 200_000)
            let after = try await stage.curl("/health")
            #expect(after.status == 200)
        }
    }
}
