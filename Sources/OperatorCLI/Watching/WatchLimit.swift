import ArgumentParser
import Settings

/// A duration on the command line.
struct WatchLimit: ExpressibleByArgument {
    let duration: Duration

    init?(argument: String) {
        guard let duration = DurationText.duration(argument) else { return nil }
        self.duration = duration
    }
}
