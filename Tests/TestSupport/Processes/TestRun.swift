import Foundation

/// What is demanded of the whole run.
package enum TestRun {
    /// Whether what is missing on this machine fails, rather than being left out: `CERTCTL_TEST_COMPLETE=1`, which
    /// `scripts/test` sets.
    package static let isComplete = ProcessInfo.processInfo.environment["CERTCTL_TEST_COMPLETE"] == "1"
}
