import Foundation
import HostEffects
import TestSupport
import Testing

@Suite("Targets §3: which programs a host runs for a server")
struct ResolvedCommandTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory("commands") }

    private func resolve(_ line: String, allowed: [String]? = nil) throws -> ResolvedCommand {
        try ResolvedCommand(.line(line), policy: HostPolicy(allowedCommands: allowed), fileSystem: .live)
    }

    private func program(_ name: String, mode: UInt32 = 0o755) throws -> String {
        let path = directory.path(name)
        try FileSystem.live.create(path, Array("#!/bin/sh\nexit 0\n".utf8))
        try FileSystem.live.changeMode(path, to: mode)
        return path
    }

    @Test("a bare name is found in the fixed path, whatever PATH says")
    func fixedPath() throws {
        #expect(try resolve("kill -l").argv == ["/usr/bin/kill", "-l"])
        #expect(throws: CommandViolation.programNotFound("certctl-no-such-program")) {
            try resolve("certctl-no-such-program")
        }
        #expect(throws: CommandViolation.programNotFound("/certctl/none")) { try resolve("/certctl/none") }
    }

    @Test(
        "interpreters are refused by name and behind links",
        arguments: [
            "sh", "bash", "/bin/sh", "/usr/bin/env", "find", "perl", "awk", "xargs",
        ])
    func interpreters(_ name: String) {
        #expect(throws: CommandViolation.self) { try resolve("\(name) -c x") }
    }

    @Test(
        "names of interpreters with versions count",
        .enabled(if: geteuid() == 0, "the tools of this test must belong to root"),
        arguments: [
            ("python3.11", true), ("perl5.36.0", true), ("ruby3.1", true), ("nodejs", true), ("nginx", false),
            ("shutdown", false), ("surprise", false), ("envoy", false),
        ])
    func interpreterNames(_ name: String, _ isOne: Bool) throws {
        let path = try program(name)
        if isOne {
            #expect(throws: CommandViolation.interpreter(name)) { try resolve(path) }
        } else {
            #expect(try resolve(path).argv == [path])
        }
    }

    @Test("a link to an interpreter is an interpreter")
    func disguisedInterpreter() throws {
        try FileManager.default.createSymbolicLink(atPath: directory.path("reload"), withDestinationPath: "/bin/sh")
        #expect(throws: CommandViolation.self) { try resolve("\(directory.path("reload")) x") }
    }

    @Test(
        "the host policy may allow an interpreter, and limits everything else",
        .enabled(if: geteuid() == 0, "the tools of this test must belong to root"))
    func policy() throws {
        #expect(try resolve("sh x", allowed: ["sh"]).isFlagged == false)
        let tool = try program("tool")
        #expect(throws: CommandViolation.notAllowed(tool)) { try resolve(tool, allowed: ["other"]) }
        #expect(throws: CommandViolation.notAllowed(tool)) { try resolve(tool, allowed: []) }
        #expect(try resolve(tool, allowed: [tool]).isFlagged == false)
        #expect(try resolve("kill -l", allowed: []).argv == ["/usr/bin/kill", "-l"])
    }

    @Test(
        "a program that is neither well known nor listed is allowed and flagged",
        .enabled(if: geteuid() == 0, "the tools of this test must belong to root"))
    func flagged() throws {
        #expect(try resolve(try program("tool")).isFlagged)
        #expect(try resolve("kill -l").isFlagged == false)
    }

    @Test("a program that others can change is refused", arguments: [0o775, 0o757, 0o777] as [UInt32])
    func writableProgram(_ mode: UInt32) throws {
        let tool = try program("tool", mode: mode)
        #expect(throws: CommandViolation.self) { try resolve(tool) }
    }

    @Test("a program of another user is refused", .enabled(if: geteuid() == 0))
    func foreignProgram() throws {
        let tool = try program("tool")
        try FileSystem.live.changeOwner(tool, userID: 65534, groupID: 65534)
        #expect(throws: CommandViolation.programNotSecure(tool, finding: "belongs to uid 65534, not to root")) {
            try resolve(tool)
        }
    }

    @Test("a file that is not executable is no program")
    func notExecutable() throws {
        let tool = try program("tool", mode: 0o644)
        #expect(throws: CommandViolation.programNotFound(tool)) { try resolve(tool) }
    }
}
