import Foundation
import TestSupport
import Testing

/// A real name server on a loopback port (BIND), with a zone that is changed by `nsupdate`. Every name in it that has no
/// records of its own is at 127.0.0.1.
struct NameServer {
    static let zone = "certctl.test"

    let process: ChildProgram
    let port: Int
    let work: TemporaryDirectory

    static func start() async throws -> NameServer {
        let work = try TemporaryDirectory("named")
        let port = LoopbackPort.unused()
        let zone = """
            $TTL 1
            @ IN SOA ns.\(zone). ops.\(zone). 1 60 60 600 1
            @ IN NS ns.\(zone).
            ns IN A 127.0.0.1
            * IN A 127.0.0.1
            inner IN A 10.255.255.1
            inner IN A 127.0.0.1

            """
        let configuration = """
            options {
                directory "\(work.url.path)";
                pid-file "\(work.path("named.pid"))";
                session-keyfile "\(work.path("session.key"))";
                managed-keys-directory "\(work.url.path)";
                listen-on port \(port) { 127.0.0.1; };
                listen-on-v6 { none; };
                recursion no;
                dnssec-validation no;
            };
            controls { };
            zone "test" { type primary; file "\(work.path("above"))"; };
            zone "\(Self.zone)" { type primary; file "\(work.path("zone"))"; allow-update { 127.0.0.1; }; };

            """
        // Whoever asks for CAA records asks above the zone too.
        let above = """
            $TTL 1
            @ IN SOA ns.\(Self.zone). ops.\(Self.zone). 1 60 60 600 1
            @ IN NS ns.\(Self.zone).
            certctl IN NS ns.\(Self.zone).

            """
        try zone.write(toFile: work.path("zone"), atomically: true, encoding: .utf8)
        try above.write(toFile: work.path("above"), atomically: true, encoding: .utf8)
        try configuration.write(toFile: work.path("named.conf"), atomically: true, encoding: .utf8)
        let process = try ChildProgram(
            "/usr/sbin/named", ["-g", "-n", "1", "-c", work.path("named.conf")], logs: work.url)
        let isUp = await eventually(within: .seconds(20)) { process.errors.contains("running") }
        try #require(isUp, "\(process.transcript)")
        return NameServer(process: process, port: port, work: work)
    }

    /// Applies lines of nsupdate(1).
    func update(_ lines: String...) async throws {
        let file = work.path("update-\(UUID().uuidString)")
        let text = (["server 127.0.0.1 \(port)", "zone \(Self.zone)"] + lines + ["send", ""]).joined(separator: "\n")
        try text.write(toFile: file, atomically: true, encoding: .utf8)
        let outcome = try await runProgram("/usr/bin/nsupdate", [file], logs: work.url)
        try #require(outcome.status == 0, "\(outcome.errors)")
    }

    /// A program that a client calls to publish and withdraw a record: `present|cleanup NAME VALUE`, as lego does.
    func hook() throws -> String {
        try script(
            "hook",
            """
            case "$1" in
                present) change="update add $2 1 TXT \\"$3\\"" ;;
                *) change="update delete $2 TXT" ;;
            esac
            """)
    }

    /// The same for certbot, which tells by its environment.
    func certbotHook(_ verb: String) throws -> String {
        try script(
            "certbot-\(verb)",
            verb == "add"
                ? #"change="update add _acme-challenge.$CERTBOT_DOMAIN 1 TXT \"$CERTBOT_VALIDATION\"""#
                : #"change="update delete _acme-challenge.$CERTBOT_DOMAIN TXT""#)
    }

    /// The same for dehydrated, which calls its hook for other occasions too.
    func dehydratedHook() throws -> String {
        try script(
            "dehydrated-hook",
            """
            case "$1" in
                deploy_challenge) change="update add _acme-challenge.$2 1 TXT \\"$4\\"" ;;
                clean_challenge) change="update delete _acme-challenge.$2 TXT" ;;
                *) exit 0 ;;
            esac
            """)
    }

    /// The same for uacme: `begin|done|failed TYPE NAME TOKEN VALUE`; what it refuses is tried another way.
    func uacmeHook() throws -> String {
        try script(
            "uacme-hook",
            """
            case "$1.$2" in
                begin.dns-01) change="update add _acme-challenge.$3 1 TXT \\"$5\\"" ;;
                *.dns-01) change="update delete _acme-challenge.$3 TXT" ;;
                *) exit 1 ;;
            esac
            """)
    }

    private func script(_ name: String, _ change: String) throws -> String {
        let path = work.path(name)
        let text = """
            #!/bin/sh
            set -e
            \(change)
            printf 'server 127.0.0.1 \(port)\\nzone \(Self.zone)\\n%s\\nsend\\n' "$change" | /usr/bin/nsupdate

            """
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: path)
        return path
    }

    func stop() async { await process.stop() }
}

/// A control plane under which names are proved, with a name server of its own.
struct ChallengeStage {
    let acme: ACMEStage
    let names: NameServer
    /// Where proofs by http-01 and by tls-alpn-01 are looked for.
    let webPort: Int
    let tlsPort: Int

    var server: ControlPlane { acme.server }

    static func make(_ engine: EngineUnderTest, _ extra: [String: String] = [:]) async throws -> ChallengeStage {
        let names = try await NameServer.start()
        let (webPort, tlsPort) = (LoopbackPort.unused(), LoopbackPort.unused())
        var environment = [
            "CERTCTL_ACME_SERVER_DNS01_RESOLVER": "127.0.0.1:\(names.port)",
            "CERTCTL_ACME_SERVER_HTTP01_PORT": "\(webPort)", "CERTCTL_ACME_SERVER_TLSALPN01_PORT": "\(tlsPort)",
            "CERTCTL_EGRESS_ALLOW_ACME_VALIDATION": "127.0.0.0/8",
        ]
        environment.merge(extra) { _, given in given }
        let acme = try await ACMEStage.make(engine, environment)
        try Inventory.expect(
            200,
            try await acme.server.client.put(
                "/api/v1/profiles/\(ACMEStage.profile)", ["acme_auth_mode": "challenge"]))
        return ChallengeStage(acme: acme, names: names, webPort: webPort, tlsPort: tlsPort)
    }

    func stop() async {
        await server.stop()
        await names.stop()
    }
}
