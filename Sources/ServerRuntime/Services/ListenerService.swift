import HTTPServing
import ServiceLifecycle

/// The listeners of the process as one service: they hear of a shutdown together and drain at the same time, so that two
/// of them take no longer than one, and what answers requests ends after both.
struct ListenerService: Service {
    let listeners: [HTTPListener]

    func run() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for listener in listeners { group.addTask { try await listener.run() } }
            try await group.waitForAll()
        }
    }
}
