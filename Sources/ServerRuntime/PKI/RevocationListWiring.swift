import Lifecycle

/// What makes revocation lists, and where they are served from.
struct RevocationListWiring: Sendable {
    let shelf: RevocationListShelf
    let publisher: RevocationListPublisher

    init(
        _ context: LifecycleContext, registry: IssuerRegistry, leadership: Leadership,
        plan: @autoclosure @escaping @Sendable () -> RevocationListPlan
    ) {
        shelf = RevocationListShelf(database: context.database, time: context.time)
        publisher = RevocationListPublisher(
            context, registry: registry, leadership: leadership, shelf: shelf, plan: plan())
    }
}
