import ConnectorKit
import Deployment
import Domain
import Encoding
import TargetConnectors
import Testing

@Suite("Targets §4.3: the configuration of an NGINX target")
struct NGINXConfigTests {
    private func problems(_ changes: JSONObject) throws -> [String] {
        var config: JSONObject = ["cert_path": "/etc/nginx/tls/a.pem", "key_path": "/etc/nginx/tls/a.key"]
        for member in changes { config[member.key] = member.value }
        return try TargetCatalog.descriptor(of: .nginx).problems(in: .object(config)).map { "\($0.pointer) \($0.code)" }
    }

    @Test("the example of the specification is accepted")
    func example() throws {
        #expect(
            try problems([
                "reload_command": "systemctl reload nginx", "validate_command": "nginx -t", "cert_file_mode": 420,
                "key_file_mode": "0640", "key_file_owner": "root", "key_file_group": "33", "backup_retention": -1,
                "post_deploy_verify": ["enabled": true, "endpoint": "api.example.com:443", "timeout": 10_000_000_000],
                "post_deploy_verify_backoff": "1s", "chain_path": "/etc/nginx/tls/chain.pem",
            ]) == []
        )
    }

    @Test(
        "what is wrong is named",
        arguments: [
            (["cert_path": nil], "/config/cert_path required"),
            (["cert_path": "a.pem"], "/config/cert_path not_absolute"),
            (["cert_path": "/etc/../x"], "/config/cert_path invalid_path"),
            (["cert_path": "/etc/shadow"], "/config/cert_path protected_path"),
            (["cert_path": "********"], "/config/cert_path redacted_value"),
            (["key_path": "/etc/nginx/tls/a.pem"], "/config/key_path duplicate_path"),
            (["reload_command": "nginx -s reload; id"], "/config/reload_command forbidden_character"),
            (["reload_command": ["nginx", "$(id)"]], "/config/reload_command forbidden_character"),
            (["reload_command": ""], "/config/reload_command required"),
            (["reload_command": 7], "/config/reload_command wrong_type"),
            (["validate_command": "./nginx -t"], "/config/validate_command invalid_program"),
            (["key_file_mode": 640], "/config/key_file_mode invalid_mode"),
            (["key_file_owner": "-rf"], "/config/key_file_owner invalid_account"),
            (["post_deploy_verify": ["endpoint": "no-port"]], "/config/post_deploy_verify/endpoint invalid_endpoint"),
            (["post_deploy_verify": ["timeout": "1d"]], "/config/post_deploy_verify/timeout invalid_duration"),
            (["post_deploy_verify": ["timeout": 10]], "/config/post_deploy_verify/timeout out_of_range"),
            (["post_deploy_verify": ["server_name": "a b"]], "/config/post_deploy_verify/server_name invalid_hostname"),
            (["post_deploy_verify_attempts": 0], "/config/post_deploy_verify_attempts out_of_range"),
            (["backup_retention": -2], "/config/backup_retention out_of_range"),
            (["chain_mode": "all"], "/config/chain_mode unknown_value"),
            (["chain_mode": "separate"], "/config/chain_path required"),
        ] as [(JSONObject, String)])
    func refused(_ changes: JSONObject, _ expected: String) throws { #expect(try problems(changes) == [expected]) }

    @Test("a connector is not made from an invalid configuration")
    func construction() throws {
        let descriptor = try TargetCatalog.descriptor(of: .nginx)
        #expect(throws: TargetConfigError.self) {
            try descriptor.makeConnector(["cert_path": "x"], host: DeploymentHost(stateDirectory: "/nonexistent"))
        }
    }

    @Test("types without a connector say so", arguments: TargetType.allCases.filter { $0 != .nginx })
    func unavailable(_ type: TargetType) {
        #expect(throws: TargetTypeUnavailable(type: type)) { try TargetCatalog.descriptor(of: type) }
    }
}
