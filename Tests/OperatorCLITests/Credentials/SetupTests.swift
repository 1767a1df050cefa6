import Domain
import Encoding
import Foundation
import HostEffects
import Settings
import Testing

@Suite("certctl setup and contexts")
struct SetupTests {
    private static let answer: JSONValue = [
        "actor_id": "admin", "api_key_id": "ak-1", "key_value": "ctk_secret\"x", "created_at": "2026-01-01T00:00:00Z",
        "message": "keep it",
    ]

    private func withDirectory(_ body: (String) async throws -> Void) async throws {
        let directory = "/tmp/certctl-cli-\(RandomSource.system.bytes(8).map { String($0, radix: 16) }.joined())"
        try FileSystem.live.makePrivateDirectory(directory)
        defer { try? FileManager.default.removeItem(atPath: directory) }
        try await body(directory)
    }

    @Test("the key is stored 0600 in a context that the next command uses")
    func storesKey() async throws {
        try await withDirectory { directory in
            let path = "\(directory)/credentials.toml"
            let stage = CLIStage()
            stage.server.on("POST /api/v1/auth/bootstrap", .json(201, Self.answer))
            let variables = ["HOME": "/home/ada", "CERTCTL_CONFIG": path]
            let outcome = await stage.run(
                ["setup", "--token", "t-1", "--url", "https://c.example:8443", "--quiet"],
                environment: variables
            )
            #expect(outcome.code == 0)
            #expect(!outcome.output.contains("ctk_secret"))
            #expect(try FileSystem.live.status(path)?.mode == 0o600)
            let host = SettingHost(environment: variables, files: .system, effectiveUserID: 1000, groups: [])
            let loaded = try SettingsLoader.load(CLIConfiguration.self, host: host).configuration
            #expect(loaded.serverURL.text == "https://c.example:8443")
            #expect(loaded.apiKey?.withText { $0 } == "ctk_secret\"x")
            let list = await stage.run(["contexts", "list"], environment: variables, files: .system)
            #expect(list.output.contains("default  https://c.example:8443  yes      yes"))
        }
    }

    @Test("a place that cannot be written is found before the token is spent")
    func unwritable() async {
        let stage = CLIStage()
        let outcome = await stage.run(
            ["setup", "--token", "t-1"],
            environment: ["HOME": "/h", "CERTCTL_CONFIG": "/proc/none/credentials.toml"]
        )
        #expect(outcome.code != 0)
        #expect(stage.server.calls == [])
    }

    @Test(
        "the token comes from exactly one place",
        arguments: [[], ["--token", "a", "--token-file", "/b"]] as [[String]])
    func tokenSource(options: [String]) async {
        #expect(await CLIStage().run(["setup"] + options).code == 2)
    }
}
