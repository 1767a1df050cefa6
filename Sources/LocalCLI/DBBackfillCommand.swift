import ArgumentParser
import Domain
import ServerRuntime
import Settings

/// `certctl db backfill`.
struct DBBackfill: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backfill",
        abstract: "Fill what earlier releases did not know, to the end.",
        discussion: """
            The servers do the same by themselves, batch by batch, while they serve; this is for a hook or a person that \
            does not want to wait. It may run beside them on PostgreSQL and goes on where they are; SQLite needs the \
            server stopped. Interrupt it at any time. Exits 0 when nothing is left, 1 while something is paused, 69 when \
            migrations are pending.
            """
    )

    @OptionGroup var options: DatabaseOptions
    @Flag(help: "Keep servers and this command from going on until --resume.") var pause = false
    @Flag(help: "Let them go on, and do it to the end.") var resume = false

    func validate() throws {
        guard !(pause && resume) else { throw ValidationError("--pause and --resume exclude each other.") }
    }

    func run() async throws {
        let (pause, resume) = (pause, resume)
        let status = await DatabaseVerb.perform(for: .exclusive, flags: options.flags, host: .current()) { schema in
            if pause || resume { try await schema.setBackfillsPaused(pause) }
            if !pause { try await schema.backfill() }
            let lines = try await schema.backfillLines()
            for line in lines.text { StandardOutput.write(line) }
            return lines.isPaused && !pause ? .failure : .success
        }
        throw ExitCode(status)
    }
}
