import APIContract
import Encoding
import OperatorCLI
import Testing

@Suite("front ends §1.4, §1.6: the command tree")
struct CommandTreeTests {
    static let verbs: [String] = RouteTable.all.compactMap { route in
        if case .verb(let verb) = route.cli { verb } else { nil }
    }

    @Test("every operation of the API has the verb that the route table names", arguments: Set(verbs).sorted())
    func routeVerbs(verb: String) async {
        let outcome = await CLIStage().run(verb.split(separator: " ").map(String.init) + ["--help"])
        #expect(outcome.code == 0)
        #expect(outcome.output.contains("certctl-cli \(verb.split(separator: " ").first ?? "")"))
    }

    @Test(
        "unknown commands, flags and missing arguments are usage errors",
        arguments: [
            ["nothing"], ["certs", "nothing"], ["certs", "get"], ["certs", "list", "--nme", "x"],
            ["certs", "get", "a", "b"],
            ["jobs", "list", "--page", "x"], ["certs", "list", "--page", "0"],
            ["certs", "list", "--page", "2", "--all"],
            ["teams", "create"], ["teams", "update", "t-1"], ["agents", "retire", "a", "--force"],
            ["api", "BREW", "/x"],
            ["certs", "issue", "-bad-", "--save", "/tmp"], ["targets", "create", "--name", "x"],
            ["keys", "update", "a"], ["keys", "update", "a", "--enable", "--disable"],
            ["auth", "roles", "update", "r"],
            ["keys", "assign", "a", "--role", "r", "--issuer", "i", "--profile", "p"], ["keys", "assign", "a"],
            ["auth", "keys", "set-roles", "a", "--role", "r@team:t", "--yes"],
            ["certs", "revoke", "a"], ["certs", "revoke", "--reason", "superseded"], ["certs", "release"],
            ["certs", "revoke", "a", "--reason", "superseded", "--spki-sha256", "b"],
            ["certs", "revoke", "--serial", "1", "--reason", "superseded"],
            ["completion", "powershell"], ["certs", "list", "-o", "xml"], ["certs", "list", "--json", "-o", "yaml"],
        ])
    func usage(arguments: [String]) async {
        let stage = CLIStage()
        #expect(await stage.run(arguments).code == 2)
        #expect(stage.server.calls == [])
    }

    @Test(
        "global options may stand in front of the command",
        arguments: [
            ["-o", "name", "teams", "list"], ["--format=name", "teams", "list"], ["teams", "list", "-o", "name"],
            ["-q", "--server", "https://c.example", "-o", "name", "teams", "list"],
        ])
    func globalOptions(arguments: [String]) async {
        let stage = CLIStage()
        stage.server.on("GET /api/v1/teams", ["data": [["id": "t-1"]]])
        #expect(await stage.run(arguments).output == "t-1")
    }

    @Test(
        "destructive commands ask; without a terminal they need --yes",
        arguments: [
            ["teams", "delete", "t-1"], ["certs", "archive", "t-1"],
            ["certs", "revoke", "t-1", "--reason", "superseded"], ["agents", "retire", "t-1"],
            ["keys", "delete", "t-1"], ["auth", "roles", "delete", "t-1"],
            ["keys", "revoke", "t-1", "--role", "r-viewer"],
            ["keys", "set-roles", "t-1"],
            ["certs", "detach", "t-1", "x"], ["agents", "tokens", "delete", "t-1"],
        ])
    func confirmation(arguments: [String]) async {
        let stage = CLIStage()
        #expect(await stage.run(arguments).code == 2)
        #expect(await stage.run(arguments, input: ["n"], interactive: true).code == 2)
        #expect(stage.server.calls == [])
    }

    @Test("an answer of yes carries it out")
    func confirmed() async {
        let stage = CLIStage()
        stage.server.on("DELETE /api/v1/teams/t-1", FakeServer.Answer(status: 204), FakeServer.Answer(status: 204))
        #expect(await stage.run(["teams", "delete", "t-1"], input: ["y"], interactive: true).code == 0)
        #expect(await stage.run("teams", "delete", "t-1", "--yes").code == 0)
    }

    @Test(
        "roles and grants are sent as the API wants them",
        arguments: [
            (
                ["keys", "assign", "ci", "--role", "r-operator", "--issuer", "iss-a"],
                "POST /api/v1/auth/actors/APIKey/ci/roles",
                #"{"role_id":"r-operator","scope_type":"issuer","scope_id":"iss-a"}"#
            ),
            (
                ["auth", "keys", "set-roles", "ci", "--role", "r-a", "--role", "r-b@profile:p", "--yes"],
                "PUT /api/v1/auth/actors/APIKey/ci/roles",
                #"{"grants":[{"role_id":"r-a"},{"role_id":"r-b","scope_type":"profile","scope_id":"p"}]}"#
            ),
            (
                ["auth", "roles", "allow", "r-a", "cert.read", "--profile", "p"],
                "POST /api/v1/auth/roles/r-a/permissions",
                #"{"permission":"cert.read","scope_type":"profile","scope_id":"p"}"#
            ),
            (
                ["keys", "update", "ci", "--no-expiry", "--allow-from", "10.0.0.0/8", "--enable"],
                "PATCH /api/v1/auth/keys/ci",
                #"{"expires_at":null,"allowed_cidrs":["10.0.0.0/8"],"disabled":false}"#
            ),
            (
                ["keys", "create", "ci-bot", "--role", "r-a", "--issuer", "iss-a"], "POST /api/v1/auth/keys",
                #"{"name":"ci-bot","grants":[{"role_id":"r-a","scope_type":"issuer","scope_id":"iss-a"}]}"#
            ),
        ])
    func grants(arguments: [String], call: String, body: String) async {
        let stage = CLIStage()
        stage.server.on(call, ["id": "x"])
        #expect(await stage.run(arguments).code == 0)
        #expect(stage.server.requests.first?.body.map { String(decoding: $0, as: UTF8.self) } == body)
    }

    @Test("an answer of no about a right exits 5")
    func explained() async {
        let stage = CLIStage()
        stage.server.on(
            "POST /api/v1/auth/explain", ["allowed": false, "because": [], "missing": "cert.read @ global"])
        let outcome = await stage.run("auth", "explain", "cert.read")
        #expect(outcome.code == 5 && outcome.diagnostics.contains("cert.read @ global"))
    }

    @Test("an update is a merge patch of the named members")
    func update() async {
        let stage = CLIStage()
        stage.server.on("PATCH /api/v1/targets/t-1", ["id": "t-1"])
        let config = "{\"cert_path\":\"/x\"}"
        #expect(await stage.run("targets", "update", "t-1", "--enabled", "false", "--config", config).code == 0)
        let body = stage.server.requests.first?.body.map { String(decoding: $0, as: UTF8.self) }
        #expect(body == "{\"config\":{\"cert_path\":\"/x\"},\"enabled\":false}")
    }

    @Test("a blocked retirement shows the counts and the forced form")
    func retireBlocked() async {
        let stage = CLIStage()
        stage.server.on(
            "DELETE /api/v1/agents/a-1",
            .json(409, ["error": "blocked_by_dependencies", "message": "in use", "counts": ["active_targets": 2]])
        )
        let outcome = await stage.run("agents", "retire", "a-1", "--yes")
        #expect(outcome.code == 7)
        #expect(outcome.diagnostics.contains("active_targets: 2"))
        #expect(outcome.diagnostics.contains("certctl agents retire a-1 --force --reason TEXT"))
    }

    @Test("a list is filtered and sorted as it is documented for users")
    func listOptions() async throws {
        let stage = CLIStage()
        stage.server.on("GET /api/v1/certificates", .json(200, ["data": [], "total": 0]))
        let outcome = await stage.run(
            "certs", "list", "--sort", "-expires_at", "--expiring-in", "30d", "--fields", "id,common_name")
        #expect(outcome.code == 0, "\(outcome)")
        let path = try #require(stage.server.requests.first?.path)
        for part in ["sort=-expires_at", "expires_after=2027-01-15T", "expires_before=2027-02-14T", "fields=id"] {
            #expect(path.contains(part), "\(path)")
        }
        #expect(await stage.run("certs", "list", "--expiring-in", "30d", "--expires-before", "2027-01-01").code == 2)
    }

    @Test("api sends what it is told")
    func rawCall() async {
        let stage = CLIStage()
        stage.server.on("POST /api/v1/teams", .json(201, ["id": "t-1"]))
        let outcome = await stage.run("api", "post", "teams", "--field", "name=x", "--field", "description=1 = 1")
        #expect(outcome.output == "{\n  \"id\": \"t-1\"\n}")
    }
}
