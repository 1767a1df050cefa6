import Foundation
import TestSupport

/// The wall clock of one program under test, which the test sets forward.
///
/// A library that the program loads first answers `clock_gettime(CLOCK_REALTIME)` with the host's time and as many
/// seconds more as a file says. Sleeps and time-outs, which go by the monotonic clock, are as ever.
struct SteppedClock: Sendable {
    private let directory: TemporaryDirectory
    /// What the program needs in its environment.
    let environment: [String: String]

    struct Failure: Error { let message: String }

    private static let compilers = ["clang", "cc", "gcc"]

    private static let source = """
        #define _GNU_SOURCE
        #include <fcntl.h>
        #include <stdlib.h>
        #include <sys/syscall.h>
        #include <time.h>
        #include <unistd.h>

        int clock_gettime(clockid_t clock, struct timespec *time) {
            int status = (int)syscall(SYS_clock_gettime, clock, time);
            const char *path = getenv("STEPPED_CLOCK");
            if (status != 0 || clock != CLOCK_REALTIME || path == NULL) return status;
            char text[32] = {0};
            int file = open(path, O_RDONLY | O_CLOEXEC);
            if (file < 0) return status;
            if (read(file, text, sizeof text - 1) > 0) time->tv_sec += atol(text);
            close(file);
            return status;
        }
        """

    init() async throws {
        directory = try TemporaryDirectory("clock")
        let (library, offset) = (directory.path("clock.so"), directory.path("offset"))
        try Self.source.write(toFile: directory.path("clock.c"), atomically: true, encoding: .utf8)
        try "0".write(toFile: offset, atomically: true, encoding: .utf8)
        let places = (ProcessInfo.processInfo.environment["PATH"] ?? ChildProgram.searchPath).split(separator: ":")
        let candidates = Self.compilers.flatMap { name in places.map { "\($0)/\(name)" } }
        guard let compiler = candidates.first(where: { FileManager.default.isExecutableFile(atPath: $0) }) else {
            throw Failure(message: "none of \(Self.compilers) is in PATH")
        }
        let built = try await runProgram(
            compiler, ["-shared", "-fPIC", "-O1", "-o", library, directory.path("clock.c")], logs: directory.url)
        guard built.status == 0 else { throw Failure(message: built.errors) }
        environment = ["LD_PRELOAD": library, "STEPPED_CLOCK": offset]
    }

    /// The program's clock is this far ahead of the host's from now on.
    func set(ahead seconds: Int) throws {
        try "\(seconds)".write(toFile: directory.path("offset"), atomically: true, encoding: .utf8)
    }
}
