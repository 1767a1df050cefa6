import Domain
import Encoding
import Foundation
import HTTPServing
import Telemetry
import TestSupport
import Testing

@Suite("The listener over real sockets (specification, security §11)")
struct HTTPListenerTests {
    @Test("TLS 1.2 is refused, TLS 1.3 is spoken")
    func tlsVersions() async throws {
        try await Stage.run { stage in
            let reply9 = try await stage.curl("/health", "--tls-max", "1.2")
            #expect(reply9.exitCode == 35)
            let reply10 = try await stage.curl("/health", "--tlsv1.3")
            #expect(reply10.status == 200)
        }
    }

    @Test(
        "what invites request smuggling is refused and the connection closed (RFC 9112 §6)",
        arguments: [
            "POST /api/v1/teams HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "POST /api/v1/teams HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcd",
            "POST /api/v1/teams HTTP/1.1\r\nHost: a\r\nContent-Length: 4, 4\r\n\r\nabcd",
            "POST /api/v1/teams HTTP/1.1\r\nHost: a\r\nContent-Length: +4\r\n\r\nabcd",
            "POST /api/v1/teams HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
            "POST /api/v1/teams HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
            "POST /api/v1/teams HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
            "GET /health HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
            "GET /health HTTP/1.1\r\n\r\n",
            "GET https://other/health HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /health HTTP/1.1\r\nHost: a\r\n folded: x\r\n\r\n",
            "GET /health HTTP/1.1\r\nHost: a\r\nBad Name: x\r\n\r\n",
        ]
    )
    func smuggling(request: String) async throws {
        try await Stage.run { stage in
            let hidden = "GET /api/v1/echo/smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
            let reply = try await RawTLS.exchange(port: stage.port, [.init(request + hidden)])
            #expect(reply.status == 400)
            #expect(reply.fields["connection"] == "close")
            #expect(reply.fields["x-content-type-options"] == "nosniff")
            #expect(!reply.body.contains("smuggled"))
        }
    }

    @Test("oversized targets and header blocks are 414 and 431")
    func oversized() async throws {
        try await Stage.run { stage in
            let reply11 = try await stage.curl("/api/v1/echo/\(String(repeating: "a", count: 9_000))")
            #expect(reply11.status == 414)
            let field = "X-Big: \(String(repeating: "b", count: 17_000))"
            let large = try await stage.curl("/health", "--http1.1", "-H", field)
            #expect(large.status == 431)
            // Until a peer has acknowledged our settings, HTTP/2 knows no milder answer than to end the connection.
            let cut = try await stage.curl("/health", "--http2", "-H", field)
            #expect(cut.status == 431 || (cut.status == 0 && cut.exitCode != 28))
            let many = (0..<115).flatMap { ["-H", "X-F\($0): 1"] }
            let reply13 = try await CurlReply.fetch(port: stage.port, path: "/health", many)
            #expect(reply13.status == 431)
            let huge = "GET /health HTTP/1.1\r\nHost: a\r\nX: \(String(repeating: "c", count: 60_000))\r\n\r\n"
            let reply14 = try await RawTLS.exchange(port: stage.port, [.init(huge)])
            #expect(reply14.status == 431)
        }
    }

    @Test(
        "a body beyond the limit is refused from its length, and while it streams", arguments: ["--http1.1", "--http2"])
    func bodies(version: String) async throws {
        try await Stage.run(configure: { $0.rules.limits.bodyBytes = 4_000 }) { stage in
            let directory = try TemporaryDirectory("body")
            let file = directory.path("body")
            try String(repeating: "x", count: 200_000).write(toFile: file, atomically: true, encoding: .utf8)
            let auth = "Authorization: Bearer \(Stage.operatorKey)"
            let declared = try await stage.curl(
                "/api/v1/teams", version, "-H", auth, "-H", "Content-Type:", "--data-binary", "@\(file)")
            #expect(declared.status == 413)
            #expect(declared.json["code"] == "body_too_large")
            let chunked = try await stage.curl(
                "/api/v1/teams", version, "-H", auth, "-H", "Content-Type:", "-H", "Transfer-Encoding: chunked", "-T",
                file, "-X", "POST"
            )
            #expect(chunked.status == 413)
        }
    }

    @Test("a client that sends its header slowly is cut off; so is one that never finishes its body")
    func slowClients() async throws {
        try await Stage.run(configure: {
            $0.rules.limits.headerTimeout = .milliseconds(1500)
            $0.rules.limits.requestTimeout = .milliseconds(500)
        }) { stage in
            let slow = try await RawTLS.exchange(
                port: stage.port, [.init("GET /health HTTP/1.1\r\n"), .init("Host: a\r\n", after: 0.3)]
            )
            #expect(slow.status == 408)
            let body = try await RawTLS.exchange(
                port: stage.port,
                [
                    .init(
                        "POST /api/v1/teams HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer \(Stage.operatorKey)\r\nContent-Length: 9\r\n\r\n{"
                    )
                ]
            )
            #expect(body.status == 408)
        }
    }

    @Test("a body that comes slower than the least rate is cut off long before its time is over; a steady one is read")
    func slowBody() async throws {
        try await Stage.run(configure: {
            $0.rules.limits.bodyGrace = .milliseconds(600)
            $0.rules.limits.requestTimeout = .seconds(25)
        }) { stage in
            func send(pieces: Int, of octets: Int) async throws -> CurlReply {
                let head =
                    "POST /api/v1/teams HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
                    + "Authorization: Bearer \(Stage.operatorKey)\r\nContent-Type: application/json\r\n"
                    + "Content-Length: \(pieces * octets)\r\n\r\n"
                let piece = String(repeating: " ", count: octets)
                return try await RawTLS.exchange(
                    port: stage.port, [.init(head)] + (0..<pieces).map { _ in .init(piece, after: 0.2) })
            }
            let began = ContinuousClock.now
            #expect(try await send(pieces: 20, of: 8).status == 408)
            #expect(ContinuousClock.now - began < .seconds(15))
            // Blanks are no JSON: the whole body was read and judged.
            let steady = try await send(pieces: 12, of: 256)
            #expect(steady.status == 400, "\(steady.status)")
        }
    }

    @Test("new handshakes get the new certificate; a pair that does not match is refused and changes nothing")
    func hotReload() async throws {
        try await Stage.run { stage in
            let authority = try await StageIdentity.shared.authority
            let next = try await authority.issue("DNS:renewed.test")
            let open = Task {
                try await RawTLS.exchange(
                    port: stage.port,
                    [
                        .init("GET /api/v1/echo/before HTTP/1.1\r\nHost: a\r\n\r\n"),
                        .init("GET /api/v1/echo/after HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", after: 1.5),
                    ]
                )
            }
            try await Task.sleep(for: .milliseconds(500))
            let other = try await authority.issue("DNS:other.test")
            #expect(throws: TLSMaterialError.self) {
                try stage.material.replace(with: TLSMaterial(chainPEM: next.fullChain, keyPEM: Secret(other.key)))
            }
            try stage.material.replace(with: TLSMaterial(chainPEM: next.fullChain, keyPEM: Secret(next.key)))
            let served = try await Command.run(
                "/bin/sh",
                [
                    "-c",
                    "openssl s_client -connect 127.0.0.1:\(stage.port) </dev/null 2>/dev/null | openssl x509 -noout -ext subjectAltName",
                ]
            )
            #expect(served.output.contains("renewed.test"))
            let kept = try await open.value
            #expect(kept.body.contains("after"))
        }
    }

    @Test("a drain finishes what is in flight, then the port is closed", arguments: ["--http1.1", "--http2"])
    func drain(version: String) async throws {
        try await Stage.run { stage in
            let inFlight = Task { try await stage.curl("/api/v1/slow", version) }
            for _ in 0..<200 {
                if await stage.registry.exposition().contains("certctl_http_in_flight 1\n") { break }
                try await Task.sleep(for: .milliseconds(10))
            }
            await stage.listener.drainConnections()
            let reply = try await inFlight.value
            #expect(reply.status == 200)
            #expect(reply.json["status"] == "done")
            let reply16 = try await stage.curl("/health")
            #expect(reply16.exitCode == 7)
        }
    }

    @Test("during the delay of a drain, readiness is red and requests are still answered")
    func drainDelay() async throws {
        let (opened, open) = AsyncStream<Void>.makeStream()
        let delay = Duration.seconds(7)
        let gated = TimeSource(
            now: { TimeSource.system.now },
            sleep: { duration in
                guard duration == delay else { return try await Task.sleep(for: duration) }
                for await _ in opened { return }
            }
        )
        try await Stage.run(
            drain: DrainPlan(delay: delay, budget: .seconds(30)), configure: { $0.time = gated }
        ) { stage in
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { await stage.listener.drainConnections() }
                while !stage.environment.state.isDraining { await Task.yield() }
                let ready = try await stage.curl("/ready")
                #expect(ready.status == 503)
                let reply = try await stage.curl("/api/v1/echo/x")
                #expect(reply.status == 200)
                open.finish()
                try await group.waitForAll()
            }
            let closed = try await stage.curl("/health")
            #expect(closed.exitCode == 7)
        }
    }

    @Test("a taken port is an error that names address and port")
    func takenPort() async throws {
        try await Stage.run { stage in
            let dispatcher = try Dispatcher(
                StageRoutes.handlers(stage.environment.state), routes: StageRoutes.all, environment: stage.environment
            )
            let failure = await #expect(throws: BindFailure.self) {
                try await HTTPListener.bind(
                    host: "127.0.0.1", port: stage.port, responder: dispatcher, material: stage.material
                )
            }
            #expect(failure?.description.contains("127.0.0.1:\(stage.port)") == true)
        }
    }

    @Test("two requests on one connection are answered in order, HTTP/1.0 is closed after one")
    func reuse() async throws {
        try await Stage.run { stage in
            let one = "GET /api/v1/echo/one HTTP/1.1\r\nHost: a\r\n\r\n"
            let two = "GET /api/v1/echo/two HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
            let reply = try await RawTLS.exchange(port: stage.port, [.init(one + two)])
            let first = try #require(reply.body.range(of: "one"))
            let second = try #require(reply.body.range(of: "two"))
            #expect(first.lowerBound < second.lowerBound)
            let old = try await RawTLS.exchange(port: stage.port, [.init("GET /health HTTP/1.0\r\n\r\n")])
            #expect(old.status == 200)
            #expect(old.fields["connection"] == "close")
        }
    }
}
