import ArgumentParser
import Domain
import ServerRuntime
import Settings

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// `certctl db down`.
struct DBDown: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "down",
        abstract: "Take back the newest migrations, with the data that only they have room for.",
        discussion: """
            For tests, and for going back when no backup exists: restoring the backup made before the upgrade is the \
            safe way. Says what is lost and asks; without a terminal it wants --yes. Stop every server first.
            """
    )

    @Argument(help: "How many.") var count: Int
    @Flag(help: "Do not ask: what it loses may be lost.") var yes = false
    @OptionGroup var options: DatabaseOptions

    func run() async throws {
        let (count, yes) = (count, yes)
        let status = await DatabaseVerb.perform(for: .exclusive, flags: options.flags, host: .current()) { schema in
            for line in try await schema.revertNotice(count) { StandardError.write(line) }
            guard yes || Self.isConfirmed(count) else {
                StandardError.write("certctl: nothing was changed; --yes goes on without asking")
                return .usage
            }
            for version in try await schema.revert(count) { StandardOutput.write("taken back \(version)") }
            return .success
        }
        throw ExitCode(status)
    }

    /// Asks a person, and nobody else.
    private static func isConfirmed(_ count: Int) -> Bool {
        guard isatty(STDIN_FILENO) == 1 else { return false }
        StandardError.write("Type 'down \(count)' to go on:")
        return readLine() == "down \(count)"
    }
}
