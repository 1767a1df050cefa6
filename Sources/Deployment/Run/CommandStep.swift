import Domain
import HostEffects

/// Runs a validate or reload command and turns anything but success into a failure with its words.
struct CommandStep: Sendable {
    let host: DeploymentHost
    let timeout: Duration

    func run(
        _ argv: [String]?,
        failingWith code: DeploymentErrorCode,
        at stage: DeploymentStage
    ) async throws(DeploymentFailure) {
        guard let argv else { return }
        let command = argv.joined(separator: " ")
        let outcome: ProcessOutcome
        do { outcome = try await host.run(argv, timeout) } catch {
            throw DeploymentFailure(code, at: stage, "\(command): \(error)")
        }
        guard !outcome.isSuccess else { return }
        let words = Self.redacted(outcome.output)
        throw DeploymentFailure(code, at: stage, "\(command): \(outcome.summary)\(words.isEmpty ? "" : ": \(words)")")
    }

    /// A consumer that prints the file it dislikes must not bring a private key into a report.
    static func redacted(_ output: String) -> String {
        var lines: [Substring] = []
        var isInsideKey = false
        for line in output.split(separator: "\n", omittingEmptySubsequences: false) {
            if line.contains("-----BEGIN "), line.contains("PRIVATE KEY") {
                isInsideKey = true
                lines.append("[private key removed]")
            }
            if !isInsideKey { lines.append(line) }
            if line.contains("-----END "), line.contains("PRIVATE KEY") { isInsideKey = false }
        }
        var text = lines.joined(separator: "\n")[...]
        while let last = text.last, last.isWhitespace { text.removeLast() }
        return String(text)
    }
}
