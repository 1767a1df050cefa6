import Foundation
import HostEffects
import TestSupport
import Testing

@Suite("Targets §2.2 step 3: explicit, then existing, then plan default, then process")
struct OwnershipTests {
    private static let existing = FileAttributes(mode: 0o604, userID: 11, groupID: 12)
    private static let defaults = Ownership(mode: 0o640, owner: "21", group: "22")

    @Test(
        "mode, owner and group are chosen each on its own",
        arguments: [
            (Ownership(), FileAttributes(mode: 0o604, userID: 11, groupID: 12)),
            (Ownership(mode: 0o600), FileAttributes(mode: 0o600, userID: 11, groupID: 12)),
            (Ownership(owner: "31"), FileAttributes(mode: 0o604, userID: 31, groupID: 12)),
            (Ownership(group: "32"), FileAttributes(mode: 0o604, userID: 11, groupID: 32)),
            (Ownership(mode: 0o400, owner: "root", group: "root"), FileAttributes(mode: 0o400, userID: 0, groupID: 0)),
        ])
    func existingFile(_ ownership: Ownership, _ expected: FileAttributes) throws {
        let resolved = try ownership.resolve(existing: Self.existing, defaults: Self.defaults, path: "/x")
        #expect(resolved == expected)
    }

    @Test("a new file gets the defaults of the plan, then those of the process")
    func newFile() throws {
        let planned = try Ownership().resolve(existing: nil, defaults: Self.defaults, path: "/x")
        #expect(planned == FileAttributes(mode: 0o640, userID: 21, groupID: 22))
        let bare = try Ownership().resolve(existing: nil, defaults: .unspecified, path: "/x")
        #expect(bare == FileAttributes(mode: 0o600, userID: geteuid(), groupID: getegid()))
    }

    @Test("a name that does not exist is an error that names it")
    func unknownName() {
        let ownership = Ownership(owner: "certctl-no-such-user")
        #expect(throws: FileError(.changeOwner, "/x", .unknownAccount(name: "certctl-no-such-user"))) {
            try ownership.resolve(existing: nil, defaults: .unspecified, path: "/x")
        }
    }

    @Test("as root the owner of a staged file is set before it becomes current", .enabled(if: geteuid() == 0))
    func applied() throws {
        let directory = try TemporaryDirectory("owner")
        let file = AtomicFile(destination: directory.path("key"), stamp: 1)
        let attributes = FileAttributes(mode: 0o640, userID: 65534, groupID: 65534)
        try file.stage([1], attributes: attributes, fileSystem: .live)
        #expect(try FileSystem.live.status(file.temporary)?.attributes == attributes)
        try file.commit(fileSystem: .live)
        #expect(try FileSystem.live.status(directory.path("key"))?.attributes == attributes)
    }
}
