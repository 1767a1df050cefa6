import Foundation
import TestSupport
import Testing

/// A real nginx on an unprivileged loopback port, with every file below its own directory.
final class NginxProcess: Sendable {
    let directory: TemporaryDirectory
    let port: Int
    private let process: ChildProgram

    var certificatePath: String { directory.path("tls/site.crt") }
    var keyPath: String { directory.path("tls/site.key") }
    /// Of an nginx that asks clients for certificates.
    var trustPath: String { directory.path("tls/trust.pem") }
    var configurationPath: String { directory.path("nginx.conf") }
    var validateCommand: [String] { ["nginx", "-t", "-c", configurationPath, "-p", directory.url.path] }
    var reloadCommand: [String] { ["nginx", "-s", "reload", "-c", configurationPath, "-p", directory.url.path] }

    /// The target configuration that deploys to this nginx.
    func targetConfiguration(serverName: String) -> [String: Any] {
        [
            "cert_path": certificatePath, "key_path": keyPath, "validate_command": validateCommand,
            "reload_command": reloadCommand,
            "post_deploy_verify": ["enabled": true, "endpoint": "127.0.0.1:\(port)", "server_name": serverName],
        ]
    }

    /// - `asksClients`: It takes certificates of clients by the CAs in ``trustPath``, and answers what it thinks of them.
    init(asksClients: Bool = false) async throws {
        directory = try TemporaryDirectory("nginx")
        port = LoopbackPort.unused()
        try FileManager.default.createDirectory(
            at: directory.url.appending(path: "tls"), withIntermediateDirectories: true
        )
        let outcome = try await runProgram(
            "/usr/bin/openssl",
            [
                "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1", "-subj",
                "/CN=placeholder", "-keyout", directory.path("tls/site.key"), "-out", directory.path("tls/site.crt"),
            ],
            logs: directory.url
        )
        try #require(outcome.status == 0, "\(outcome.errors)")
        if asksClients {
            try FileManager.default.copyItem(
                atPath: directory.path("tls/site.crt"), toPath: directory.path("tls/trust.pem"))
        }
        try Self.configuration(port: port, root: directory.url.path, asksClients: asksClients).write(
            toFile: directory.path("nginx.conf"), atomically: true, encoding: .utf8
        )
        process = try ChildProgram(
            "/usr/sbin/nginx", ["-c", directory.path("nginx.conf"), "-p", directory.url.path], logs: directory.url
        )
        let isServing = try await eventually { try await servedFingerprint() != nil }
        try #require(isServing, "nginx does not serve\n\(process.transcript)")
    }

    /// The SHA-256 of the certificate that nginx serves now, in lower-case hex.
    func servedFingerprint(serverName: String = "placeholder") async throws -> String? {
        let connect = try await runProgram(
            "/usr/bin/timeout",
            ["5", "openssl", "s_client", "-connect", "127.0.0.1:\(port)", "-servername", serverName],
            logs: directory.url
        )
        guard let start = connect.output.range(of: "-----BEGIN CERTIFICATE-----"),
            let end = connect.output.range(of: "-----END CERTIFICATE-----")
        else { return nil }
        let file = directory.url.appending(path: "served-\(UUID().uuidString).pem")
        defer { try? FileManager.default.removeItem(at: file) }
        try (connect.output[start.lowerBound..<end.upperBound] + "\n").write(
            to: file, atomically: true, encoding: .utf8)
        let digest = try await runProgram(
            "/usr/bin/openssl", ["x509", "-in", file.path, "-noout", "-fingerprint", "-sha256"], logs: directory.url
        )
        return digest.output.split(separator: "=").last.map {
            $0.replacingOccurrences(of: ":", with: "").trimmingCharacters(in: .whitespacesAndNewlines).lowercased()
        }
    }

    func stop() async { await process.stop(timeout: .seconds(5)) }

    private static func configuration(port: Int, root: String, asksClients: Bool) -> String {
        let clients =
            asksClients
            ? "ssl_client_certificate \(root)/tls/trust.pem; ssl_verify_client optional; ssl_verify_depth 3;" : ""
        return """
            daemon off;
            worker_processes 1;
            pid \(root)/nginx.pid;
            error_log \(root)/error.log;
            events { worker_connections 64; }
            http {
                access_log off;
                client_body_temp_path \(root)/body;
                proxy_temp_path \(root)/proxy;
                fastcgi_temp_path \(root)/fastcgi;
                uwsgi_temp_path \(root)/uwsgi;
                scgi_temp_path \(root)/scgi;
                server {
                    listen 127.0.0.1:\(port) ssl;
                    ssl_certificate \(root)/tls/site.crt;
                    ssl_certificate_key \(root)/tls/site.key;
                    \(clients)
                    location / { return 200 "\(asksClients ? "$ssl_client_verify" : "ok")"; }
                }
            }
            """
    }
}
