import Domain
import HostEffects
import ServiceLifecycle

/// Gives back what starting up, and any busy time since, has left mapped: an agent waits for most of its life, on
/// hosts where others need the memory.
struct TidyingService: Service, CustomStringConvertible {
    /// After it the agent has asked for work for the first time.
    static let firstDelay = Duration.seconds(5)
    /// About as often as the agent calls, which maps again what a call needs.
    static let interval = Duration.minutes(1)

    let session: AgentSession

    var description: String { "tidying" }

    func run() async throws {
        await session.pause(Self.firstDelay)
        while !Task.isShuttingDownGracefully, !Task.isCancelled {
            ResidentCode.release()
            await session.pause(Self.interval)
        }
    }
}
