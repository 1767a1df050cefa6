import Lifecycle
import Logging
import ServiceLifecycle
import Telemetry

/// Runs leadership, the background loops, the validation of names, the calls to CAs that no request waits for and the
/// self-test of protocols, until the process stops.
struct SchedulerService: Service {
    /// What calls to CAs are given to end when the process stops.
    private static let lastCalls = Duration.seconds(3)

    let leadership: Leadership
    let runner: LoopRunner
    let validation: ACMEValidationPool?
    let desk: ACMEIssuanceDesk
    let selfTest: ProtocolSelfTest
    let refusals: RefusalAudit
    let exporter: AuditExporter
    let log: Logger

    func run() async throws {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await desk.run() }
            await cancelWhenGracefulShutdown { await work() }
            await desk.drain(atMost: Self.lastCalls)
            group.cancelAll()
        }
        await exporter.close()
        do {
            try await refusals.flush()
        } catch {
            log.warn("refused requests of the last minute are missing from the audit trail", .error(error))
        }
        do {
            try await validation?.giveBack()
        } catch {
            log.warn("validations were not given back; other servers take them up within half a minute", .error(error))
        }
        do {
            try await leadership.release()
        } catch {
            log.warn("the leader lease was not given back; it ends by itself", .error(error))
        }
    }

    private func work() async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await leadership.run() }
            group.addTask { await runner.run() }
            group.addTask { await selfTest.run() }
            if let validation { group.addTask { await validation.run() } }
            await group.waitForAll()
        }
    }
}
