import Domain
import HostEffects
import Settings
import TestSupport
import Testing

@testable import AgentRuntime

@Suite("targets §1.2: the command line of the agent")
struct AgentInvocationTests {
    @Test(
        "commands",
        arguments: [
            ([], .run), (["run"], .run), (["enroll"], .enroll), (["enroll", "--force"], .enroll),
            (["status", "-json"], .status), (["version"], .version), (["--version"], .version), (["-h"], .help),
            (["enroll", "--help"], .help),
        ] as [([String], AgentInvocation.Verb)]
    )
    func commands(arguments: [String], verb: AgentInvocation.Verb) throws {
        #expect(try AgentInvocation(arguments).verb == verb)
    }

    @Test(
        "what makes no sense is usage, with a hint",
        arguments: [
            (["enrol"], "did you mean enroll"), (["run", "enroll"], "unexpected argument"), (["--servr=x"], "--server"),
            (["run", "--force"], "belongs to enroll"), (["--json"], "belongs to status"), (["-x"], "unknown flag"),
        ]
    )
    func nonsense(arguments: [String], hint: String) {
        let error = #expect(throws: AgentInvocation.UsageError.self) { try AgentInvocation(arguments) }
        #expect(error?.description.contains(hint) == true, "\(error?.description ?? "")")
    }

    private func run(_ arguments: [String], environment: [String: String] = [:]) async -> (Int32, String) {
        let output = Transcript()
        let host = SettingHost(environment: environment, files: FileAccess { _ in .failure(.missing) })
        let status = await AgentProgram.run(arguments, host: host, console: output.console)
        return (status, output.text)
    }

    @Test("exit 2 for usage, 78 for a configuration, with every fault at once")
    func exitStatus() async {
        #expect(await run(["--no-such-flag"]).0 == 2)
        #expect(await run(["-server"]).0 == 2)
        let (status, text) = await run(["-server", "http://plane.test", "-agent-id=../x", "status"])
        #expect(status == 78)
        #expect(text.contains("CERTCTL_SERVER_URL"))
        #expect(text.contains("CERTCTL_AGENT_ID"))
    }

    @Test("a second agent on the same state directory ends with 69, and one whose files are open to others with 77")
    func heldStateDirectory() {
        #expect(AgentAssembly.exitStatus(of: ProcessLockError(path: "/state/lock", holder: 1)) == 69)
        #expect(AgentAssembly.exitStatus(of: FileError(.read, "/state/key", .insecure("open"))) == 77)
        #expect(AgentAssembly.exitStatus(of: FileError(.read, "/state/key", .diskFull)) == 1)
    }

    @Test("version and help need no configuration")
    func withoutConfiguration() async {
        let broken = ["CERTCTL_SERVER_URL": "http://plane.test"]
        let version = await run(["version"], environment: broken)
        #expect(version.0 == 0)
        #expect(version.1.contains(Version.number))
        let help = await run(["--help"], environment: broken)
        #expect(help.0 == 0)
        for word in ["enroll", "--state-dir", "--ca-fingerprint", "75"] { #expect(help.1.contains(word), "\(word)") }
    }

    @Test("enrolment without a token is usage, and enrolment that reaches nobody is 75")
    func enrolment() async throws {
        let directory = try TemporaryDirectory("agent-program")
        let arguments = [
            "-server", "https://127.0.0.1:\(LoopbackPort.unused())", "-state-dir", directory.path("state"), "enroll",
        ]
        #expect(await run(arguments).0 == 2)
        let (status, text) = await run(arguments, environment: ["CERTCTL_AGENT_ENROLL_TOKEN": "ce_secret-token"])
        #expect(status == 75)
        #expect(text.contains("cannot be reached"))
        #expect(!text.contains("ce_secret-token"))
    }

    @Test("a retired agent ends at once and successfully, however often it is started")
    func retired() async throws {
        let directory = try TemporaryDirectory("agent-program")
        let folder = DurableFolder(directory: directory.path("state"), fileSystem: .live, random: .system)
        let state = StateDirectory(folder: folder)
        try state.prepare()
        try state.retirement.set(reason: "gone", agent: FakeControlPlane.agent, at: Timestamp(secondsSinceEpoch: 1))
        let environment = ["CERTCTL_AGENT_ENROLL_TOKEN": "ce_token", "CERTCTL_LOG_LEVEL": "error"]
        #expect(await run(["-state-dir", directory.path("state")], environment: environment).0 == 0)
    }

    @Test("without identity and token the agent says how to get one, with 78")
    func noIdentity() async throws {
        let directory = try TemporaryDirectory("agent-program")
        #expect(await run(["--state-dir", directory.path("state"), "run"]).0 == 78)
    }
}
