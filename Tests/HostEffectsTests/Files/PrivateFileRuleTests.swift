import Foundation
import HostEffects
import TestSupport
import Testing

@Suite("Operations §3.6: who may read or write a key file")
struct PrivateFileRuleTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory("private") }

    @Test(
        "modes", .enabled(if: geteuid() == 0, "the table is that of a file of root"),
        arguments: [
            (0o600, true), (0o400, true), (0o700, true), (0o640, true), (0o440, true),
            (0o644, false), (0o604, false), (0o660, false), (0o620, false), (0o602, false), (0o666, false),
        ] as [(UInt32, Bool)])
    func modes(_ mode: UInt32, _ isAccepted: Bool) throws {
        let path = directory.path("key")
        try FileSystem.live.create(path, [42])
        try FileSystem.live.changeMode(path, to: mode)
        if isAccepted {
            #expect(try PrivateFileRule.read(path) == [42])
        } else {
            #expect(throws: FileError.self) { try PrivateFileRule.read(path) }
        }
    }

    @Test(
        "a group that is not ours must not read, and nor may that of a file that is not root's",
        .enabled(if: geteuid() == 0), arguments: [(0, 65534), (65534, 0)] as [(UInt32, UInt32)])
    func foreignGroup(_ user: UInt32, _ group: UInt32) throws {
        let path = directory.path("key")
        try FileSystem.live.create(path, [42])
        try FileSystem.live.changeOwner(path, userID: user, groupID: group)
        try FileSystem.live.changeMode(path, to: 0o640)
        #expect(throws: FileError.self) { try PrivateFileRule.read(path) }
        try FileSystem.live.changeMode(path, to: 0o600)
        #expect(try PrivateFileRule.read(path) == [42])
    }

    @Test(
        "a credential of systemd shows an access list as group bits, and nobody else can enter its directory",
        .enabled(if: geteuid() == 0),
        arguments: [(0o440, 0, true), (0o400, 0, true), (0o440, 65534, false), (0o444, 0, false), (0o460, 0, false)]
            as [(UInt32, UInt32, Bool)])
    func credential(_ mode: UInt32, _ user: UInt32, _ isAccepted: Bool) throws {
        let path = directory.path("key")
        try FileSystem.live.create(path, [42])
        try FileSystem.live.changeOwner(path, userID: user, groupID: 65534)
        try FileSystem.live.changeMode(path, to: mode)
        let read = { try PrivateFileRule.read(path, credentials: $0) }
        if isAccepted {
            #expect(try read(directory.url.path) == [42])
        } else {
            #expect(throws: FileError.self) { try read(directory.url.path) }
        }
        if mode & 0o040 != 0 { #expect(throws: FileError.self) { try read("/run/credentials/other.service") } }
    }

    @Test("a mounted secret is a link, and what it leads to counts")
    func linkedSecret() throws {
        try FileSystem.live.create(directory.path("real"), [42])
        try FileManager.default.createSymbolicLink(atPath: directory.path("key"), withDestinationPath: "real")
        #expect(try PrivateFileRule.read(directory.path("key")) == [42])
        try FileSystem.live.changeMode(directory.path("real"), to: 0o644)
        #expect(throws: FileError.self) { try PrivateFileRule.read(directory.path("key")) }
    }

    @Test("a file that is not there is told apart from one that is refused")
    func missing() throws { #expect(try PrivateFileRule.read(directory.path("none")) == nil) }
}
