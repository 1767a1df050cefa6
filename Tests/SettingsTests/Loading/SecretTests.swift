import Domain
import Settings
import Testing

@Suite("operations §3.2: secrets are never printed")
struct SecretTests {
    private static let secret = "hunter2-hunter2-hunter2-hunter2-XYZ"

    @Test("not in the error that is about the secret")
    func notInErrors() {
        var stage = Stage()
        stage.environment["CERTCTL_CONFIG_ENCRYPTION_KEY"] = "hunter2-short"
        stage.environment["CERTCTL_DATABASE_URL"] = "mysql://u:hunter2@h/db"
        let lines = stage.refusals(ServerConfiguration.self)
        #expect(lines.count == 2)
        #expect(!lines.joined().contains("hunter2"))
    }

    @Test("not in any form of the report, which shows where it came from", arguments: ReportFormat.allCases)
    func notInReports(format: ReportFormat) throws {
        var stage = Stage()
        stage.environment["CERTCTL_CONFIG_ENCRYPTION_KEY"] = Self.secret
        stage.environment["CERTCTL_DATABASE_URL"] = "postgres://u:\(Self.secret)@localhost/db"
        let effective = try stage.load(ServerConfiguration.self).effective
        let report = ConfigurationReport(effective, showsOrigin: true) { _ in "ab12cd34" }.text(format)
        #expect(!report.contains("hunter2"))
        #expect(report.contains("set (sha256:ab12…, source=env:CERTCTL_CONFIG_ENCRYPTION_KEY)"))
    }

    @Test(
        "a secret file open to others is refused with 77", arguments: [0o644, 0o640, 0o660, 0o606, 0o620] as [UInt32])
    func openFile(mode: UInt32) throws {
        var stage = Stage()
        stage.environment["CERTCTL_CONFIG_ENCRYPTION_KEY_FILE"] = "/k"
        stage.file("/k", Self.secret, mode: mode)
        let error = try #require(throws: InvalidConfiguration.self) { try stage.server() }
        #expect(error.exitCode == 77)
        #expect(error.description.contains("chmod 600 /k"))
    }

    @Test("group may read what belongs to root and to a group of the process")
    func orchestratorFile() throws {
        var stage = Stage()
        stage.environment["CERTCTL_CONFIG_ENCRYPTION_KEY_FILE"] = "/k"
        stage.files["/k"] = FileContent(octets: Array(Self.secret.utf8), mode: 0o440, owner: 0, group: 1000)
        #expect(try stage.server().secrets.encryptionKey != nil)
        stage.groups = [7]
        #expect(throws: InvalidConfiguration.self) { try stage.server() }
    }

    @Test(
        "systemd's credentials show an access list as group bits; their directory is the unit's own",
        arguments: [
            (0o440, 0, true), (0o400, 0, true), (0o440, 1000, true), (0o440, 7, false), (0o444, 0, false),
            (0o460, 0, false),
        ] as [(UInt32, UInt32, Bool)])
    func systemdCredential(mode: UInt32, owner: UInt32, isAccepted: Bool) throws {
        var stage = Stage()
        stage.environment["CREDENTIALS_DIRECTORY"] = "/run/credentials/certctl.service"
        stage.environment["CERTCTL_CONFIG_FILE"] = "/run/credentials/certctl.service/settings"
        stage.files["/run/credentials/certctl.service/settings"] = FileContent(
            octets: Array("config.encryption_key = \"\(Self.secret)\"".utf8), mode: mode, owner: owner, group: 0)
        #expect(stage.refusals(ServerConfiguration.self).isEmpty == isAccepted)
        stage.environment["CREDENTIALS_DIRECTORY"] = "/run/credentials/certctl.serv"
        #expect(stage.refusals(ServerConfiguration.self).isEmpty == (mode == 0o400))
        stage.environment["CREDENTIALS_DIRECTORY"] = "/run/credentials/certctl.service"
        let around = "/run/credentials/certctl.service/../../k"
        stage.environment["CERTCTL_CONFIG_FILE"] = around
        stage.files[around] = stage.files["/run/credentials/certctl.service/settings"]
        #expect(stage.refusals(ServerConfiguration.self).isEmpty == (mode == 0o400))
    }

    @Test("a configuration file with a secret must be closed to others as well")
    func secretInFile() {
        var stage = Stage()
        let line = "bootstrap_token = \"0123456789abcdef0123456789abcdef\""
        stage.file("/etc/certctl/certctl.toml", line, mode: 0o644)
        #expect(stage.refusals(ServerConfiguration.self).count == 1)
        stage.file("/etc/certctl/certctl.toml", "bootstrap_token = \"too-short\"", mode: 0o600)
        #expect(stage.refusals(ServerConfiguration.self).count == 1)
        stage.file("/etc/certctl/certctl.toml", "server.port = 1", mode: 0o644)
        #expect(stage.refusals(ServerConfiguration.self) == [])
    }

    @Test("a secret on the command line works and warns; a -file flag does not")
    func flags() throws {
        var stage = Stage()
        stage.file("/k", "key-from-file")
        let shown = try stage.load(AgentConfiguration.self, flags: [flag("api_key", "api-key", "hunter2")])
        #expect(shown.configuration.apiKey?.withText { $0 } == "hunter2")
        #expect(shown.warnings.count == 1)
        #expect(!shown.warnings.joined().contains("hunter2"))
        let hidden = try stage.load(AgentConfiguration.self, flags: [flag("api_key", "api-key-file", "/k", .file)])
        #expect(hidden.configuration.apiKey?.withText { $0 } == "key-from-file")
        #expect(hidden.warnings == [])
    }

    @Test(
        "published sample values are refused",
        arguments: [
            "change-me-32-char-encryption-key", "CHANGE_ME_CHANGE_ME_CHANGE_ME_CHANGE",
            "replace-with-32-random-bytes-please!",
        ])
    func samples(value: String) {
        var stage = Stage()
        stage.environment["CERTCTL_CONFIG_ENCRYPTION_KEY"] = value
        #expect(stage.refusals(ServerConfiguration.self).count == 1)
    }
}
