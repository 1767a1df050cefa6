import Domain

/// The phases of one run as they happen. Belongs to one task.
final class PhaseLog {
    private let time: TimeSource
    private(set) var phases: [DeploymentResult.Phase] = []

    init(time: TimeSource) { self.time = time }

    /// Runs one step and notes how it went.
    func step<Value>(
        _ stage: DeploymentStage,
        _ body: () async throws(DeploymentFailure) -> Value
    ) async throws(DeploymentFailure) -> Value {
        let start = time.now
        do {
            let value = try await body()
            note(stage, since: start, "ok")
            return value
        } catch {
            note(stage, since: start, "failed")
            throw error
        }
    }

    func note(_ stage: DeploymentStage, since start: Timestamp, _ outcome: String) {
        let milliseconds = Int((time.now - start).wholeMicroseconds / 1000)
        phases.append(.init(stage: stage, start: start, milliseconds: milliseconds, outcome: outcome))
    }
}
