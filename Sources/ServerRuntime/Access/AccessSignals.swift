import Access
import Query
import ServiceLifecycle

/// Lets this replica forget what it remembers about principals, and read the keys of sessions again, as soon as any
/// replica changes a key, grant or role.
struct AccessSignals: Service {
    let database: any Database
    let authenticator: Authenticator
    let sessionKeys: SessionKeyFlow

    func run() async throws {
        await cancelWhenGracefulShutdown {
            for await _ in database.signals(on: .access) {
                authenticator.invalidate()
                sessionKeys.noteChange()
            }
        }
    }
}
