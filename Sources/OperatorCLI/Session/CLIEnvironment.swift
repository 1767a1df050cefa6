package import Domain
package import HostEffects
package import Settings

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Everything around a command: the process as it runs, or a stage in a test.
package struct CLIEnvironment: Sendable {
    let host: SettingHost
    let console: Console
    let fileSystem: FileSystem
    let time: TimeSource
    let random: RandomSource
    let connect: @Sendable (CLIConfiguration) throws -> Transport

    package init(
        host: SettingHost,
        console: Console,
        fileSystem: FileSystem,
        time: TimeSource,
        random: RandomSource,
        connect: @escaping @Sendable (CLIConfiguration) throws -> Transport
    ) {
        self.host = host
        self.console = console
        self.fileSystem = fileSystem
        self.time = time
        self.random = random
        self.connect = connect
    }

    /// The process.
    package static func process() -> CLIEnvironment {
        let host = SettingHost.current()
        return CLIEnvironment(
            host: host,
            console: .process,
            fileSystem: .live,
            time: .system,
            random: .system,
            connect: { try Transport.network($0, environment: host.environment) }
        )
    }
}

/// Where text comes from and goes to.
package struct Console: Sendable {
    /// One line, or several, for standard output; a line break is added.
    let output: @Sendable (String) -> Void
    /// The same for standard error: progress, warnings, questions.
    let diagnostics: @Sendable (String) -> Void
    /// The next line of standard input; `nil` at its end.
    let readLine: @Sendable () -> String?
    /// Whether a person can be asked.
    let isInteractive: Bool
    /// Columns of the terminal that standard output is; `nil` when it is none.
    let width: Int?

    package init(
        output: @escaping @Sendable (String) -> Void,
        diagnostics: @escaping @Sendable (String) -> Void,
        readLine: @escaping @Sendable () -> String?,
        isInteractive: Bool,
        width: Int?
    ) {
        self.output = output
        self.diagnostics = diagnostics
        self.readLine = readLine
        self.isInteractive = isInteractive
        self.width = width
    }

    /// The console of the process.
    static var process: Console {
        Console(
            output: { Descriptor.write($0 + "\n", to: STDOUT_FILENO) },
            diagnostics: { Descriptor.write($0 + "\n", to: STDERR_FILENO) },
            readLine: { Swift.readLine() },
            isInteractive: isatty(STDIN_FILENO) == 1 && isatty(STDERR_FILENO) == 1,
            width: Descriptor.width(STDOUT_FILENO)
        )
    }
}

/// Raw output: complete lines, no buffering between the two streams.
private enum Descriptor {
    static func write(_ text: String, to descriptor: Int32) {
        var octets = Array(text.utf8)[...]
        while !octets.isEmpty {
            let count = octets.withUnsafeBytes { writeOctets(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return }
            octets = octets.dropFirst(count)
        }
    }

    static func width(_ descriptor: Int32) -> Int? {
        guard isatty(descriptor) == 1 else { return nil }
        var size = winsize()
        guard ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col >= 40 else { return nil }
        return Int(size.ws_col)
    }
}

private func writeOctets(_ descriptor: Int32, _ start: UnsafeRawPointer?, _ count: Int) -> Int {
    write(descriptor, start, count)
}
