import Lifecycle
import Logging
import ServiceLifecycle
import Telemetry

/// Runs leadership, the background loops and the validation of names until the process stops.
struct SchedulerService: Service {
    let leadership: Leadership
    let runner: LoopRunner
    let validation: ACMEValidationPool?
    let refusals: RefusalAudit
    let exporter: AuditExporter
    let log: Logger

    func run() async throws {
        await cancelWhenGracefulShutdown {
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await leadership.run() }
                group.addTask { await runner.run() }
                if let validation { group.addTask { await validation.run() } }
                await group.waitForAll()
            }
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
}
