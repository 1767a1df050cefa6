import ArgumentParser
import Settings

/// `--wait[=DURATION]`: block until the jobs have ended.
package struct WaitOption: ParsableArguments {
    /// What a bare `--wait` means.
    package static let usual = "10m"

    @Option(
        help: ArgumentHelp("Wait for the jobs to end, with progress; \(usual) unless given.", valueName: "duration"))
    var wait: String?

    package init() {}

    package func validate() throws {
        if let wait, DurationText.duration(wait) == nil {
            throw ValidationError("--wait=\(wait) is not a duration such as 30s or 5m")
        }
    }

    /// `nil` when nobody waits.
    var limit: Duration? { wait.flatMap(DurationText.duration) }
}
