import Foundation
import TestSupport
import Testing

/// HAProxy before several servers, each of which gets the next of what comes.
struct LoadBalancer {
    enum Turns {
        /// Servers take connections by turns; TLS is theirs.
        case connections
        /// Servers take requests by turns, however few connections a client makes; TLS ends here.
        case requests
    }

    let process: ChildProgram
    let port: Int
    /// What clients have to trust.
    let authority: String

    /// - `spoilsNonces`: puts another nonce into every good answer to a request that changes something, so that the server
    ///   refuses what comes next.
    static func start(
        _ servers: [ControlPlane], port: Int, taking turns: Turns, spoilsNonces: Bool = false,
        in work: TemporaryDirectory
    ) async throws -> LoadBalancer {
        let authorities = try servers.map { try String(contentsOfFile: $0.authority, encoding: .utf8) }.joined()
        try authorities.write(toFile: work.path("servers.pem"), atomically: true, encoding: .utf8)
        var lines = [
            "defaults", "timeout connect 5s", "timeout client 60s", "timeout server 60s", "retries 3",
            "option redispatch 1", "listen acme", "balance roundrobin",
        ]
        var ending = ""
        switch turns {
        case .connections:
            lines += ["mode tcp", "bind 127.0.0.1:\(port)"]
        case .requests:
            let authority = try await OpenSSLAuthority()
            let front = try await authority.issue("IP:127.0.0.1")
            try (front.fullChain + front.key).write(
                toFile: work.path("front.pem"), atomically: true, encoding: .utf8)
            try authority.root.write(toFile: work.path("front-root.pem"), atomically: true, encoding: .utf8)
            lines += [
                "mode http", "option forwardfor",
                "bind 127.0.0.1:\(port) ssl crt \(work.path("front.pem")) alpn http/1.1",
            ]
            ending = " ssl verify required ca-file \(work.path("servers.pem"))"
        }
        if spoilsNonces {
            lines += [
                "http-request set-var(txn.method) method",
                "http-response set-header Replay-Nonce %[uuid] if { status lt 300 } { var(txn.method) -m str POST }",
            ]
        }
        for (index, server) in servers.enumerated() {
            lines.append("server replica\(index) 127.0.0.1:\(server.port)\(ending)")
        }
        let file = work.path("haproxy.cfg")
        try (lines.joined(separator: "\n") + "\n").write(toFile: file, atomically: true, encoding: .utf8)
        let process = try ChildProgram("/usr/sbin/haproxy", ["-db", "-f", file], logs: work.url)
        let bundle = work.path(turns == .connections ? "servers.pem" : "front-root.pem")
        let curl = CurlClient(baseURL: "https://127.0.0.1:\(port)", authority: bundle, logs: work.url, key: nil)
        let isUp = try await eventually(within: .seconds(20)) { try await curl.get("/ready").status == 200 }
        try #require(isUp, "\(process.transcript)")
        return LoadBalancer(process: process, port: port, authority: bundle)
    }
}

extension ControlPlane {
    /// How many ACME requests it has answered, with one status if given.
    func acmeRequests(status: Int? = nil) -> Int {
        process.output.split(separator: "\n").count { line in
            line.contains(#""route":"/acme/"#) && (status.map { line.contains(#""status":\#($0),"#) } ?? true)
        }
    }
}
