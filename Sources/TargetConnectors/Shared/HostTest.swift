import ConnectorKit
import Deployment
import HostEffects

/// The checks of a file target against this host, one finding for each path and command.
struct HostTest: Sendable {
    let host: DeploymentHost

    func run(paths: [String], commands: [(field: String, command: CommandText)]) async -> [TargetCheck] {
        var checks: [TargetCheck] = []
        for path in paths {
            do {
                let destination = try await host.resolve(path: path)
                checks.append(TargetCheck(name: path, isOK: true, detail: "can be written as \(destination)"))
            } catch {
                checks.append(TargetCheck(name: path, isOK: false, detail: "\(error)"))
            }
        }
        for (field, command) in commands {
            do {
                let resolved = try await host.resolve(command: command)
                let note = resolved.isFlagged ? "; no well-known program, and not listed by the host policy" : ""
                checks.append(TargetCheck(name: field, isOK: true, detail: "runs \(resolved.text)\(note)"))
            } catch {
                checks.append(TargetCheck(name: field, isOK: false, detail: "\(error)"))
            }
        }
        return checks
    }
}
