import Foundation

/// What one run of the fuzz tests does: how often each decoder is called, and from which seed.
///
/// Without settings every run is the same one. `CERTCTL_FUZZ_SEED` chooses another, `random` one that nobody has seen;
/// the seed is printed, so that what was found can be repeated.
package enum FuzzRun {
    /// Added to the seed of each corpus.
    package static let seed: UInt64 = {
        let wanted = ProcessInfo.processInfo.environment["CERTCTL_FUZZ_SEED"] ?? "0"
        let seed = wanted == "random" ? UInt64.random(in: 1...UInt64.max) : UInt64(wanted) ?? 0
        let line =
            "fuzz: seed \(seed), \(executions) executions for each decoder; repeat with CERTCTL_FUZZ_SEED=\(seed) "
            + "CERTCTL_FUZZ_EXECUTIONS=\(executions)\n"
        FileHandle.standardError.write(Data(line.utf8))
        return seed
    }()

    /// Executions for each decoder; `CERTCTL_FUZZ_EXECUTIONS` asks for more.
    package static let executions =
        ProcessInfo.processInfo.environment["CERTCTL_FUZZ_EXECUTIONS"].flatMap { Int($0) } ?? 4000

    /// The seed of a corpus in this run.
    package static func seed(of corpus: UInt64) -> UInt64 { corpus &+ seed &* 0x9E37_79B9_7F4A_7C15 }
}
