import Foundation
import TestSupport
import Testing

@Suite("security §10.7, §15.1: where the encryption key comes from", .tags(.slow, .security))
struct KeySourceTests {
    private static let key = "CERTCTL_CONFIG_ENCRYPTION_KEY"
    private static let value = "an-encryption-key-of-exactly-forty-chars"

    private static func write(_ text: String, _ path: String, mode: Int = 0o600) throws {
        let folder = URL(filePath: path).deletingLastPathComponent()
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try Data(text.utf8).write(to: URL(filePath: path))
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
    }

    @Test(
        "one key from the environment, a file and a credential: the database opens with each, and nothing else is allowed"
    )
    func provider() async throws {
        let keys = try TemporaryDirectory("keys")
        try Self.write(Self.value + "\n", keys.path("config"))
        try Self.write(Self.value + "\n", keys.path("credentials/certctl-config-encryption-key"), mode: 0o440)
        let server = try await ControlPlane.start(environment: [Self.key: Self.value])
        try await server.becomeAdministrator()
        let sources: [(provider: String, settings: [String: String])] = [
            ("env", [:]), ("file", [Self.key: "", "\(Self.key)_FILE": keys.path("config")]),
            ("systemd-creds", [Self.key: "", "CREDENTIALS_DIRECTORY": keys.path("credentials")]),
            (
                "systemd-creds",
                [
                    Self.key: "", "\(Self.key)_FILE": "certctl-config-encryption-key",
                    "CREDENTIALS_DIRECTORY": keys.path("credentials"),
                ]
            ),
        ]
        for (provider, settings) in sources {
            await server.stop()
            try await server.startAgain(extra: settings.merging(["CERTCTL_KEK_PROVIDER": provider]) { $1 })
            let status = try await server.client.get("/api/v1/auth/crypto/status")
            #expect(status.text("kek_provider") == provider, "\(status.body)")
        }
        await server.stop()
        for (found, settings) in sources {
            let wanted = found == "env" ? "file" : "env"
            let environment = server.environment.merging(settings) { $1 }.merging(["CERTCTL_KEK_PROVIDER": wanted]) {
                $1
            }
            let refused = try await ControlPlane.refusal(environment, logs: server.directory.url).outcome
            #expect(refused.status == 78 && refused.errors.contains("CERTCTL_KEK_PROVIDER"), "\(refused)")
        }
    }

    @Test("both forms at once, a trivial key, a short earlier key, a file open to others: refused, never shown")
    func refusals() async throws {
        let keys = try TemporaryDirectory("keys")
        try Self.write(Self.value, keys.path("config"))
        try Self.write(Self.value, keys.path("open"), mode: 0o644)
        let cases: [([String: String], Int32, String)] = [
            ([Self.key: Self.value, "\(Self.key)_FILE": keys.path("config")], 78, "set only one"),
            ([Self.key: String(repeating: "ab", count: 20)], 78, "different characters"),
            ([Self.key: "0123456789abcdef"], 78, "32"),
            ([Self.key: Self.value, "\(Self.key)_PREVIOUS": "\(Self.value)x, too-short-to-be-a-key"], 78, "entry 2"),
            (["\(Self.key)_FILE": keys.path("open")], 77, "open to others"),
            ([Self.key: Self.value, "\(Self.key)_PREVIOUS_FILE": keys.path("open")], 77, "open to others"),
        ]
        for (settings, status, reason) in cases {
            let place = try TemporaryDirectory("refused")
            let refused = try await ControlPlane.refusal(
                ControlPlane.environment(in: place, settings), logs: place.url
            ).outcome
            #expect(refused.status == status && refused.errors.contains(reason), "\(refused)")
            for secret in [Self.value, "too-short-to-be-a-key", "0123456789abcdef"] {
                #expect(!refused.errors.contains(secret), "\(refused.errors)")
            }
        }
    }

    @Test("the generated key file open to others is refused (77)")
    func generatedFile() async throws {
        let server = try await ControlPlane.start()
        await server.stop()
        let file = server.dataDirectory.appending(path: "keys/config.key").path
        try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: file)
        let refused = try await ControlPlane.refusal(server.environment, logs: server.directory.url).outcome
        #expect(refused.status == 77 && refused.errors.contains("config.key"), "\(refused)")
    }

    @Test("a supplied key takes the place of a generated one, whose file is named as the earlier key")
    func fromGeneratedToSupplied() async throws {
        let server = try await ControlPlane.start()
        try await server.becomeAdministrator()
        await server.stop()
        let file = server.dataDirectory.appending(path: "keys/config.key").path
        try await server.startAgain(extra: [Self.key: Self.value, "\(Self.key)_PREVIOUS_FILE": file])
        let outcome = try await server.cli(["admin", "rotate-key", "--yes"])
        #expect(outcome.status == 0 && outcome.output.contains("everything is sealed"), "\(outcome)")
        await server.stop()
        try FileManager.default.removeItem(atPath: file)
        try await server.startAgain(extra: [Self.key: Self.value])
        #expect(try await server.client.get("/api/v1/auth/check").status == 200)
        await server.stop()
    }

    @Test("an issuer whose configuration does not open is unavailable; everything else serves")
    func unavailableIssuer() async throws {
        let server = try await ControlPlane.start()
        try await server.becomeAdministrator()
        try await Inventory.create(on: server)
        await server.stop()
        let database = server.dataDirectory.appending(path: "certctl.db").path
        let damage = """
            from sqlite3 import connect
            from sys import argv
            db = connect(argv[1])
            sealed = db.execute("SELECT pkcs8_encrypted FROM ca_keys").fetchone()[0]
            db.execute("INSERT INTO issuers (id, name, type, config, encrypted_config) VALUES ('iss-bad', 'bad', 'GenericCA', '{}', ?)", (sealed,))
            db.commit()
            """
        let outcome = try await runProgram("/usr/bin/python3", ["-c", damage, database], logs: server.directory.url)
        #expect(outcome.status == 0, "\(outcome)")
        try await server.startAgain()
        let log = server.process.output
        #expect(log.contains("issuer does not load") && log.contains("issuers.encrypted_config of iss-bad"), "\(log)")
        try Inventory.expect(
            201,
            try await server.client.post(
                "/api/v1/certificates", Inventory.certificate("mc-good", name: "good.certctl.test")))
        let csr = try await makeCSR("good.certctl.test", in: server.directory)
        try Inventory.expect(201, try await server.client.post("/api/v1/certificates/mc-good/csr", ["csr_pem": csr]))
        let test = try await server.client.post("/api/v1/issuers/iss-bad/test")
        #expect(test.body.contains("iss-bad is unavailable"), "\(test.status) \(test.body)")
        await server.stop()
    }
}
