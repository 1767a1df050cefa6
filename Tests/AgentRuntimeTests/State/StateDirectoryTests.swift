import Domain
import Encoding
import Foundation
import HostEffects
import TestSupport
import Testing

@testable import AgentRuntime

@Suite("the state directory")
struct StateDirectoryTests {
    let directory: TemporaryDirectory
    let state: StateDirectory
    let identity = AgentIdentity(
        agent: AgentID(stored: "agent-1"), name: "edge", server: "https://plane.test:8443",
        apiKey: Secret("not-for-logs"), enrolledAt: Timestamp(secondsSinceEpoch: 5)
    )

    init() throws {
        directory = try TemporaryDirectory("state")
        state = StateDirectory(
            folder: DurableFolder(directory: directory.path("state"), fileSystem: .live, random: .system)
        )
        try state.prepare()
    }

    private func mode(_ name: String) throws -> Int? {
        try FileManager.default.attributesOfItem(atPath: directory.path("state/\(name)"))[.posixPermissions] as? Int
    }

    @Test("is closed to others, and tightened when it was not")
    func modes() throws {
        for name in ["", "claims", "spool"] { #expect(try mode(name) == 0o700) }
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: directory.path("state"))
        try state.prepare()
        #expect(try mode("") == 0o700)
    }

    @Test("the identity is 0600, comes back whole, and its key prints as nothing")
    func identityFile() throws {
        #expect(try state.identity.load() == nil)
        try state.identity.save(identity)
        let loaded = try #require(try state.identity.load())
        #expect(loaded.agent == identity.agent)
        #expect(loaded.server == identity.server)
        #expect(loaded.apiKey.matches(identity.apiKey))
        #expect(!"\(loaded)".contains("not-for-logs"))
        #expect(try mode("identity.json") == 0o600)
    }

    @Test("a damaged identity is an error that says what to do", arguments: ["", "{}", "{\"agent_id\":\"../x\"}"])
    func damagedIdentity(content: String) throws {
        try content.write(toFile: directory.path("state/identity.json"), atomically: true, encoding: .utf8)
        let file = directory.path("state/identity.json")
        try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: file)
        let refused = #expect(throws: FileError.self) { try state.identity.load() }
        #expect(refused?.isPermissionProblem == true)
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: file)
        let error = #expect(throws: StateFileError.self) { try state.identity.load() }
        #expect(error?.description.contains("enrol again with --force") == true)
    }

    @Test("the retirement marker outlives the process until it is cleared")
    func retirement() throws {
        #expect(try state.retirement.read() == nil)
        try state.retirement.set(reason: "host gone", agent: identity.agent, at: Timestamp(secondsSinceEpoch: 1))
        #expect(try state.retirement.read() == "host gone")
        try state.retirement.clear()
        #expect(try state.retirement.read() == nil)
    }

    @Test("a claim comes back as it was delivered; what is no claim is removed")
    func claims() throws {
        let item: JSONValue = ["id": "job-1", "target_config": ["secret": "s"]]
        try state.claims.record(JobID(stored: "job-1"), item: item)
        #expect(try mode("claims/job-1.json") == 0o600)
        for (name, content) in [("job-2.json", "{"), ("job-3.json", "{\"id\":\"job-4\"}"), ("..x.json", "{}")] {
            try content.write(toFile: directory.path("state/claims/\(name)"), atomically: true, encoding: .utf8)
        }
        let claims = try state.claims.claims()
        #expect(claims.map(\.job.text) == ["job-1"])
        #expect(claims.first?.item == item)
        #expect(try state.claims.folder.names() == ["job-1.json"])
        try state.claims.release(JobID(stored: "job-1"))
        try state.claims.release(JobID(stored: "job-1"))
        #expect(try state.claims.claims().isEmpty)
    }

    @Test(
        "status is alive for three heartbeat intervals, then silent",
        arguments: [(0, 0), (180, 0), (181, 1), (9999, 1)])
    func status(age: Int64, exitStatus: Int32) throws {
        let start = Timestamp(secondsSinceEpoch: 1_800_000_000)
        var record = AgentStatusRecord(
            agent: identity.agent, server: identity.server, version: "1", processID: 7, startedAt: start,
            heartbeatInterval: .seconds(60)
        )
        let output = Transcript()
        let time = TimeSource(now: { start + .seconds(age) }, sleep: { _ in })
        let command = StatusCommand(state: state, time: time, console: output.console)
        try state.status.write(record)
        #expect(command.run(isJSON: true) == 1)
        record.lastHeartbeatAt = start
        record.lastError = "connection refused"
        try state.status.write(record)
        #expect(try state.status.read() == record)
        #expect(command.run(isJSON: false) == exitStatus)
        #expect(output.text.contains("connection refused"))
        #expect(output.text.contains(exitStatus == 0 ? "alive" : "silent"))
    }

    @Test("status tells an agent that never ran from one that was retired")
    func statusWithoutRecord() throws {
        let output = Transcript()
        let command = StatusCommand(state: state, time: .system, console: output.console)
        #expect(command.run(isJSON: false) == 1)
        #expect(output.text.contains("not enrolled"))
        try state.identity.save(identity)
        #expect(command.run(isJSON: false) == 1)
        #expect(output.text.contains("enrolled, never run"))
        try state.retirement.set(reason: "host gone", agent: identity.agent, at: Timestamp(secondsSinceEpoch: 1))
        #expect(command.run(isJSON: true) == 1)
        #expect(output.text.contains("\"host gone\""))
    }
}
