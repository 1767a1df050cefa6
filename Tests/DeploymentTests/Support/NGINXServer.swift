import ConnectorKit
import Deployment
import Domain
import Encoding
import Foundation
import HostEffects
import TargetConnectors
import TestSupport
import Testing

/// The distribution's nginx under a prefix and on ports of its own; never the system's service.
final class NGINXServer: Sendable {
    static let program = "/usr/sbin/nginx"

    let directory: TemporaryDirectory
    let port: Int
    /// A second virtual host, which serves a certificate that nobody deploys.
    let otherPort: Int
    private let process: ChildProgram

    /// Starts with `initial` in place.
    init(_ initial: OpenSSLAuthority.Issued, other: OpenSSLAuthority.Issued) async throws {
        directory = try TemporaryDirectory("nginx")
        port = LoopbackPort.unused()
        otherPort = LoopbackPort.unused()
        for name in ["tls", "logs", "www"] { try FileSystem.live.makePrivateDirectory(directory.path(name)) }
        chmod(directory.path("www"), 0o755)
        try Self.write(initial.fullChain, directory.path("tls/cert.pem"))
        try Self.write(initial.key, directory.path("tls/key.pem"))
        try Self.write(other.fullChain, directory.path("tls/other.pem"))
        try Self.write(other.key, directory.path("tls/other.key"))
        try Self.write(String(repeating: "x", count: 256 << 10), directory.path("www/slow"))
        chmod(directory.path("www/slow"), 0o644)
        try Self.write(Self.configuration(directory, port, otherPort), directory.path("nginx.conf"))
        process = try ChildProgram(Self.program, Self.arguments(directory), logs: directory.url)
        let pid = directory.path("nginx.pid")
        let isUp = await eventually { Self.workers(pid).count == 2 }
        try #require(isUp, "nginx: \(process.transcript)")
    }

    private static func write(_ text: String, _ path: String) throws {
        try AtomicFile.replace(path, with: Array(text.utf8), stamp: 1, fileSystem: .live)
    }

    private static func arguments(_ directory: TemporaryDirectory) -> [String] {
        ["-p", directory.url.path, "-c", directory.path("nginx.conf"), "-e", directory.path("logs/error.log")]
    }

    private static func configuration(_ directory: TemporaryDirectory, _ port: Int, _ otherPort: Int) -> String {
        let root = directory.url.path
        return """
            daemon off;
            worker_processes 2;
            pid \(root)/nginx.pid;
            error_log \(root)/logs/error.log;
            events { worker_connections 512; }
            http {
                access_log off;
                ssl_protocols TLSv1.2 TLSv1.3;
                client_body_temp_path \(root)/logs/body;
                proxy_temp_path \(root)/logs/proxy;
                fastcgi_temp_path \(root)/logs/fastcgi;
                uwsgi_temp_path \(root)/logs/uwsgi;
                scgi_temp_path \(root)/logs/scgi;
                server {
                    listen 127.0.0.1:\(port) ssl;
                    ssl_certificate \(root)/tls/cert.pem;
                    ssl_certificate_key \(root)/tls/key.pem;
                    root \(root)/www;
                    location /slow { limit_rate 192k; }
                }
                server {
                    listen 127.0.0.1:\(otherPort) ssl;
                    ssl_certificate \(root)/tls/other.pem;
                    ssl_certificate_key \(root)/tls/other.key;
                }
            }

            """
    }

    /// Makes the configuration unusable, for every reader from now on.
    func breakConfiguration() throws {
        let text = try String(contentsOfFile: directory.path("nginx.conf"), encoding: .utf8)
        try Self.write(text + "certctl_no_such_directive on;\n", directory.path("nginx.conf"))
    }

    private static func workers(_ pidFile: String) -> [String] {
        guard let pid = try? String(contentsOfFile: pidFile, encoding: .utf8).trimmingCharacters(in: .newlines),
            let text = try? String(contentsOfFile: "/proc/\(pid)/task/\(pid)/children", encoding: .utf8)
        else { return [] }
        return text.split(separator: " ").map(String.init).sorted()
    }

    /// Process ids of the workers: a reload replaces them.
    var workers: [String] { Self.workers(directory.path("nginx.pid")) }

    func text(_ name: String) throws -> String { try String(contentsOfFile: directory.path(name), encoding: .utf8) }

    /// A target configuration for this server; `changes` replace or add members.
    func config(_ changes: JSONObject = [:]) -> JSONObject {
        let arguments = Self.arguments(directory)
        var config: JSONObject = [
            "cert_path": .string(directory.path("tls/cert.pem")),
            "key_path": .string(directory.path("tls/key.pem")),
            "validate_command": JSONValue([Self.program, "-t", "-q"] + arguments),
            "reload_command": JSONValue([Self.program, "-s", "reload"] + arguments),
            "post_deploy_verify": ["endpoint": "127.0.0.1:\(port)", "server_name": "web.test", "timeout": "5s"],
            "post_deploy_verify_attempts": 6,
            "post_deploy_verify_backoff": "50ms",
            "post_deploy_verify_max_backoff": "400ms",
            "command_timeout": "10s",
        ]
        for member in changes { config[member.key] = member.value }
        return config
    }

    func connector(_ changes: JSONObject = [:], host: DeploymentHost? = nil) throws -> any TargetConnector {
        try TargetCatalog.descriptor(of: .nginx).makeConnector(
            config(changes),
            host: host ?? DeploymentHost(stateDirectory: directory.path("state"))
        )
    }

    func deploy(_ issued: OpenSSLAuthority.Issued, _ changes: JSONObject = [:]) async throws -> DeploymentResult {
        try await connector(changes).deploy(
            issued.material(),
            job: try JobID("job-\(UUID().uuidString)"),
            target: try TargetID("target-nginx"),
            isForced: false
        )
    }

    func stop() async { await process.stop() }
}
