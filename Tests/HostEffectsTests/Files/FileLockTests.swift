import Foundation
import HostEffects
import TestSupport
import Testing

@Suite("A directory and a resource have one holder")
struct FileLockTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory("lock") }

    @Test("a second holder in the same process is refused until the first lets go")
    func exclusion() throws {
        let path = directory.path("a.lock")
        var first = try FileLock(attempting: path, fileSystem: .live)
        #expect(first != nil)
        #expect(try FileLock(attempting: path, fileSystem: .live) == nil)
        first = nil
        #expect(try FileLock(attempting: path, fileSystem: .live) != nil)
    }

    @Test("a second server learns the process id of the first, also from another process")
    func serverLock() async throws {
        let path = directory.path("server.lock")
        let lock = try ProcessLock(path: path)
        #expect(throws: ProcessLockError(path: path, holder: getpid())) { _ = try ProcessLock(path: path) }
        let outcome = try await runProgram("/usr/bin/flock", ["-n", path, "true"], logs: directory.url)
        #expect(outcome.status == 1)
        #expect(try FileSystem.live.status(path)?.mode == 0o600)
        withExtendedLifetime(lock) {}
    }

    @Test("a holder that has not written its process id yet is waited for", arguments: ["", "dead"])
    func holderThatIsStillWriting(content: String) async throws {
        let path = directory.path("server.lock")
        let dead = try await runProgram("/bin/sh", ["-c", "echo $$"], logs: directory.url).output
        try (content.isEmpty ? "" : dead).write(toFile: path, atomically: false, encoding: .utf8)
        let holder = try #require(try FileLock(attempting: path, fileSystem: .live))
        Thread.detachNewThread {
            Thread.sleep(forTimeInterval: 0.05)
            try? holder.write(processID: getpid())
        }
        #expect(throws: ProcessLockError(path: path, holder: getpid())) { _ = try ProcessLock(path: path) }
    }

    @Test("the lock of a dead process is free")
    func deadHolder() async throws {
        let path = directory.path("server.lock")
        let child = try ChildProgram(
            "/usr/bin/flock", ["--no-fork", path, "sleep", "30"], logs: directory.url
        )
        let isHeld = try await eventually { try FileLock(attempting: path, fileSystem: .live) == nil }
        #expect(isHeld)
        await child.killAtOnce()
        _ = try ProcessLock(path: path)
    }
}
