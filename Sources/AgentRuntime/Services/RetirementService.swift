import ServiceLifecycle

/// Ends when the control plane retires the agent, which stops the other services in their order.
struct RetirementService: Service, CustomStringConvertible {
    let session: AgentSession

    var description: String { "retirement" }

    func run() async throws {
        let announced = session.retirement.announced
        await session.unlessStopping { await announced.wait() }
    }
}
