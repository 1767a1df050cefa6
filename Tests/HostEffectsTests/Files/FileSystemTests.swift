import Foundation
import HostEffects
import TestSupport
import Testing

@Suite("File access follows no link, keeps to its limits and names its failures")
struct FileSystemTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory("files") }

    @Test("a symbolic link is neither read nor written through")
    func symbolicLinks() throws {
        try FileSystem.live.create(directory.path("target"), [1, 2, 3])
        try FileManager.default.createSymbolicLink(
            atPath: directory.path("link"),
            withDestinationPath: directory.path("target")
        )
        #expect(try FileSystem.live.status(directory.path("link"))?.kind == .symbolicLink)
        #expect(throws: FileError(.read, directory.path("link"), .symbolicLink)) {
            try FileSystem.live.read(directory.path("link"))
        }
        #expect(throws: FileError(.create, directory.path("link"), .alreadyExists)) {
            try FileSystem.live.create(directory.path("link"), [])
        }
    }

    @Test("a file that does not exist is no error, a directory or a pipe in its place is")
    func kinds() throws {
        #expect(try FileSystem.live.read(directory.path("absent")) == nil)
        #expect(try FileSystem.live.status(directory.path("absent")) == nil)
        #expect(try FileSystem.live.list(directory.path("absent")) == [])
        #expect(throws: FileError(.read, directory.url.path, .notARegularFile)) {
            try FileSystem.live.read(directory.url.path)
        }
        mkfifo(directory.path("pipe"), 0o600)
        #expect(throws: FileError(.read, directory.path("pipe"), .notARegularFile)) {
            try FileSystem.live.read(directory.path("pipe"))
        }
    }

    @Test("a file larger than the limit is refused")
    func limit() throws {
        let path = directory.path("big")
        try FileSystem.live.create(path, [UInt8](repeating: 7, count: 1001))
        #expect(try FileSystem.live.read(path, atMost: 1001)?.count == 1001)
        #expect(throws: FileError(.read, path, .tooLarge(limit: 1000))) {
            try FileSystem.live.read(path, atMost: 1000)
        }
    }

    @Test("a new file is private whatever the umask says")
    func creationMode() throws {
        let path = directory.path("private")
        try FileSystem.live.create(path, [])
        #expect(try FileSystem.live.status(path)?.mode == 0o600)
    }

    @Test("private directories are created 0700 with their parents, and tightened")
    func privateDirectories() throws {
        let inner = directory.path("a/b/c")
        try FileSystem.live.makePrivateDirectory(inner)
        for path in [directory.path("a"), directory.path("a/b"), inner] {
            #expect(try FileSystem.live.status(path)?.mode == 0o700)
        }
        try FileSystem.live.changeMode(inner, to: 0o755)
        try FileSystem.live.makePrivateDirectory(inner)
        #expect(try FileSystem.live.status(inner)?.mode == 0o700)
        try FileSystem.live.create(directory.path("file"), [])
        #expect(throws: FileError(.makeDirectory, directory.path("file"), .alreadyExists)) {
            try FileSystem.live.makePrivateDirectory(directory.path("file"))
        }
    }

    @Test("a full disk is named, and the unfinished file is gone", .enabled(if: SmallDisk.isPossible))
    func diskFull() async throws {
        let disk = try await SmallDisk(at: directory.path("disk"), logs: directory.url)
        let path = directory.path("disk/file")
        #expect(throws: FileError(.write, path, .diskFull)) {
            try FileSystem.live.create(path, [UInt8](repeating: 1, count: 1 << 20))
        }
        #expect(try FileSystem.live.status(path) == nil)
        try await disk.unmount()
    }

    @Test("messages say what was tried, on what, and why it failed")
    func messages() {
        #expect(
            FileError(.rename, "/etc/x", .readOnlyFileSystem).description
                == "cannot rename /etc/x: the file system is mounted read-only"
        )
        #expect(
            FileError(.write, "/x", .diskFull).description
                == "cannot write /x: the disk is full or its quota is used up")
    }
}

/// A file system of 64 KiB in memory; needs the privilege to mount.
struct SmallDisk {
    static let isPossible = geteuid() == 0

    let path: String
    let logs: URL

    init(at path: String, logs: URL) async throws {
        self.path = path
        self.logs = logs
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
        let outcome = try await runProgram(
            "/usr/bin/mount",
            ["-t", "tmpfs", "-o", "size=64k,mode=755", "tmpfs", path],
            logs: logs
        )
        try #require(outcome.status == 0, "mount: \(outcome.errors)")
    }

    func unmount() async throws {
        let outcome = try await runProgram("/usr/bin/umount", [path], logs: logs)
        #expect(outcome.status == 0, "umount: \(outcome.errors)")
    }
}
