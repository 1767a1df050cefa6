import Domain
import Encoding
import Foundation
import HostEffects
import Testing

@Suite("certs issue")
struct IssueTests {
    @Test("on an empty server owner and team are made; an agent's key needs no files")
    func emptyServer() async {
        let stage = CLIStage()
        stage.server.on("GET /api/v1/certificates", ["data": []])
        stage.server.on("GET /api/v1/owners", ["data": []])
        stage.server.on("GET /api/v1/auth/me", ["actor_id": "admin"])
        stage.server.on("POST /api/v1/teams", .json(201, ["id": "team-1"]))
        stage.server.on("POST /api/v1/owners", .json(201, ["id": "owner-1"]))
        stage.server.on("POST /api/v1/certificates", .json(201, ["id": "mc-1", "job_id": "j-1"]))
        let outcome = await stage.run("certs", "issue", "app.example.test")
        #expect(outcome.code == 0)
        #expect(outcome.output.contains("Job ID: j-1"))
        #expect(stage.server.unused == [])
    }

    @Test("several owners: the command asks for one instead of guessing")
    func severalOwners() async {
        let stage = CLIStage()
        stage.server.on("GET /api/v1/certificates", ["data": []])
        stage.server.on("GET /api/v1/owners", ["data": [["id": "a", "team_id": "t"], ["id": "b", "team_id": "t"]]])
        #expect(await stage.run("certs", "issue", "app.example.test").code == 2)
    }

    @Test("a directory that does not exist is found before anything is issued")
    func missingDirectory() async {
        let stage = CLIStage()
        #expect(await stage.run("certs", "issue", "app.example.test", "--save", "/nonexistent/certctl").code == 1)
        #expect(stage.server.calls == [])
    }

    @Test("a certificate for another key is not written")
    func foreignCertificate() async throws {
        let directory = "/tmp/certctl-issue-\(RandomSource.system.bytes(8).map { String($0, radix: 16) }.joined())"
        try FileSystem.live.makePrivateDirectory(directory)
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let stage = CLIStage()
        stage.server.on("GET /api/v1/certificates", ["data": [["id": "mc-1", "name": "app.example.test"]]])
        stage.server.on("POST /api/v1/certificates/mc-1/csr", .json(201, ["id": "v-1", "pem_chain": "no certificate"]))
        #expect(await stage.run("certs", "issue", "app.example.test", "--save", directory).code == 1)
        #expect(try FileSystem.live.list(directory) == [])
    }
}
