package import ArgumentParser
import Settings

/// A command of the client: parsed by ArgumentParser, run with a session.
package protocol OperatorCommand: AsyncParsableCommand {
    var globals: GlobalOptions { get }
    func run(_ session: Session) async throws
}

extension OperatorCommand {
    package func run() async throws {
        let code = await perform(in: .process())
        if code != 0 { throw ExitCode(code) }
    }

    /// Runs the command, reports a failure on standard error, and returns the exit code.
    package func perform(in environment: CLIEnvironment) async -> Int32 {
        do {
            let session = try Session.open(globals, in: environment)
            do {
                try await run(session)
                await session.client.transport.close()
                return 0
            } catch {
                await session.client.transport.close()
                return report(error, format: session.configuration.format, environment)
            }
        } catch {
            return report(error, format: globals.formatForErrors, environment)
        }
    }

    private func report(_ error: any Error, format: OutputFormat, _ environment: CLIEnvironment) -> Int32 {
        switch error {
        case let failure as CLIFailure:
            environment.console.diagnostics(failure.report(format))
            return failure.exitCode
        case let invalid as InvalidConfiguration:
            environment.console.diagnostics(CLIFailure.configuration(invalid.description).report(format))
            return invalid.exitCode
        default:
            environment.console.diagnostics(CLIFailure.malformedAnswer("\(error)").report(format))
            return 1
        }
    }
}
