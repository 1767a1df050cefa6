#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Runs a program directly, never through a shell (specification, targets §3).
///
/// The child gets exactly the environment passed in, `/dev/null` as standard input, its own process group
/// and none of this process's other descriptors.
package enum ChildProcess {
    /// How much of the output is kept: the last 8 KiB.
    package static let outputLimit = 8 << 10

    /// `PATH`, `LANG` and `HOME` and nothing else: what operator-supplied commands see.
    package static var cleanEnvironment: [String: String] {
        ["PATH": CommandRules.searchPath.joined(separator: ":"), "LANG": "C.UTF-8", "HOME": homeDirectory()]
    }

    /// Runs `argv[0]`, an absolute path, to its end or to `timeout`, when its process group is killed.
    ///
    /// Cancelling the task does not stop the child: a reload that has begun ends by itself or by `timeout`.
    /// - Throws: ``ProcessStartError`` when there is nothing to run.
    package static func run(
        argv: [String],
        environment: [String: String] = cleanEnvironment,
        timeout: Duration
    ) async throws -> ProcessOutcome {
        try await BlockingWork.run { try runBlocking(argv: argv, environment: environment, timeout: timeout) }
    }

    private static func runBlocking(
        argv: [String],
        environment: [String: String],
        timeout: Duration
    ) throws -> ProcessOutcome {
        let program = argv.first ?? ""
        guard program.hasPrefix("/") else { throw ProcessStartError(program: program, systemError: ENOENT) }
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw ProcessStartError(program: program, systemError: errno) }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        _ = fcntl(ends[0], F_SETFL, O_NONBLOCK)
        let readEnd = ends[0]
        defer { close(readEnd) }
        let child: pid_t
        do {
            defer { close(ends[1]) }
            child = try spawn(argv: argv, environment: environment, output: ends[1])
        }
        var tail = OutputTail(limit: outputLimit)
        let ending = supervise(child, readEnd: readEnd, timeout: timeout, tail: &tail)
        return ProcessOutcome(ending: ending, output: tail.text)
    }

    /// Collects output until the child has ended. Descendants that keep the pipe open are not waited for.
    private static func supervise(
        _ child: pid_t,
        readEnd: Int32,
        timeout: Duration,
        tail: inout OutputTail
    ) -> ProcessOutcome.Ending {
        let clock = ContinuousClock()
        let deadline = clock.now + timeout
        var isOpen = true
        while true {
            if let status = reap(child) {
                tail.drain(readEnd)
                return ending(of: status)
            }
            if clock.now >= deadline {
                kill(-child, SIGKILL)
                var status: Int32 = 0
                while waitpid(child, &status, 0) < 0, errno == EINTR {}
                tail.drain(readEnd)
                return .timedOut(after: timeout)
            }
            let tick: Int32 = isOpen ? 20 : 5
            var waiting = pollfd(fd: isOpen ? readEnd : -1, events: Int16(POLLIN), revents: 0)
            if poll(&waiting, 1, tick) > 0 { isOpen = tail.drain(readEnd) }
        }
    }

    private static func reap(_ child: pid_t) -> Int32? {
        var status: Int32 = 0
        return waitpid(child, &status, WNOHANG) == child ? status : nil
    }

    private static func ending(of status: Int32) -> ProcessOutcome.Ending {
        let signal = status & 0x7F
        return signal == 0 ? .exited((status >> 8) & 0xFF) : .killed(signal: signal)
    }

    private static func homeDirectory() -> String {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 16 << 10) { buffer in
            var entry = passwd()
            var found: UnsafeMutablePointer<passwd>?
            guard let start = buffer.baseAddress,
                getpwuid_r(geteuid(), &entry, start, buffer.count, &found) == 0, found != nil,
                let directory = entry.pw_dir
            else { return "/" }
            return String(cString: directory)
        }
    }
}

/// The last octets of a stream.
private struct OutputTail {
    let limit: Int
    private var octets: [UInt8] = []

    init(limit: Int) { self.limit = limit }

    var text: String { String(decoding: octets.suffix(limit), as: UTF8.self) }

    /// Takes what is there now; `false` at the end of the stream.
    @discardableResult
    mutating func drain(_ descriptor: Int32) -> Bool {
        var chunk = [UInt8](repeating: 0, count: 16 << 10)
        // Bounded, so that a child that prints without pause cannot outlive its time limit.
        for _ in 0..<64 {
            let count = chunk.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
            if count == 0 { return false }
            if count < 0 {
                if errno == EINTR { continue }
                return errno == EAGAIN
            }
            octets.append(contentsOf: chunk.prefix(count))
            if octets.count > 2 * limit { octets.removeFirst(octets.count - limit) }
        }
        return true
    }
}
