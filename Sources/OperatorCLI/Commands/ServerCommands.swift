import APIContract
package import ArgumentParser
import Domain
import Encoding
import Settings

/// `certctl status`: usable as a probe.
package struct StatusCommand: OperatorCommand {
    package static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Health, readiness and figures of the server; exit 1 when it is not ready."
    )

    @OptionGroup(title: "Global options") package var globals: GlobalOptions

    package init() {}

    package func run(_ session: Session) async throws {
        let health = try await session.client.call("GET", APIPath(absolute: "/health")).json()
        let readiness = await ready(session)
        let figures = try await metrics(session)
        var summary: JSONObject = ["server": .string(session.configuration.serverURL.text)]
        summary["health"] = health["status"]
        summary["ready"] = readiness
        if let figures { summary["metrics"] = figures }
        if [.table, .wide].contains(session.configuration.format) {
            var lines = [
                ("SERVER", session.configuration.serverURL.text), ("HEALTH", health["status"]?.stringValue ?? ""),
                ("READY", readiness["status"]?.stringValue ?? "no"),
                ("DATABASE", readiness["db"]?.stringValue ?? ""), ("STEP", readiness["step"]?.stringValue ?? ""),
            ]
            lines += MetricsCommand.lines(figures ?? .null)
            session.console.output(session.renderer.labelled(lines.map { (label: $0.0, value: $0.1) }))
        } else {
            session.console.output(try session.renderer.item(.object(summary), details: []))
        }
        guard readiness["status"]?.stringValue == "ready" else {
            throw CLIFailure.notReady("the server is not ready")
        }
    }

    /// A server that is not ready says why with 503: that is an answer here, not a failure.
    private func ready(_ session: Session) async -> JSONValue {
        do {
            return try await session.client.call("GET", APIPath(absolute: "/ready")).json()
        } catch {
            guard case .refused(_, let body, _) = error else { return ["status": "unreachable"] }
            return ["status": .string(body.error), "step": body.step.map(JSONValue.string) ?? .null]
        }
    }

    /// Figures need a permission; without one the probe still works.
    private func metrics(_ session: Session) async throws(CLIFailure) -> JSONValue? {
        do {
            return try await session.client.call("GET", APIPath(["metrics"])).json()
        } catch {
            if case .refused(let status, _, _) = error, [401, 403, 503].contains(status) { return nil }
            throw error
        }
    }
}

/// `certctl metrics`.
package struct MetricsCommand: OperatorCommand {
    package static let configuration = CommandConfiguration(
        commandName: "metrics",
        abstract: "Figures of the installation."
    )

    @Flag(help: "Print the Prometheus text format.") var prometheus = false
    @OptionGroup(title: "Global options") package var globals: GlobalOptions

    package init() {}

    package func run(_ session: Session) async throws {
        if prometheus {
            let accept = [(name: "Accept", value: "text/plain")]
            let answer = try await session.client.call("GET", APIPath(["metrics", "prometheus"]), headers: accept)
            session.console.output(TerminalText.block(String(decoding: answer.body, as: UTF8.self)))
            return
        }
        let figures = try await session.client.call("GET", APIPath(["metrics"])).json()
        if [.table, .wide].contains(session.configuration.format) {
            session.console.output(session.renderer.labelled(Self.lines(figures)))
        } else {
            session.console.output(try session.renderer.item(figures, details: []))
        }
    }

    static func lines(_ figures: JSONValue) -> [(label: String, value: String)] {
        let members = ["gauge", "counter"].flatMap { figures[$0]?.objectValue.map(Array.init) ?? [] }
        let uptime = figures["uptime"]?["uptime_seconds"]?.integerValue.map { [("UPTIME SECONDS", String($0))] } ?? []
        return members.map { ($0.key.uppercased().replacing("_", with: " "), $0.value.text) }
            + uptime.map { (label: $0.0, value: $0.1) }
    }
}

/// `certctl version`.
package struct VersionCommand: OperatorCommand {
    package static let configuration = CommandConfiguration(
        commandName: "version",
        abstract: "Version of this program and of the server."
    )

    @Flag(help: "Only this program; asks no server.") var client = false
    @OptionGroup(title: "Global options") package var globals: GlobalOptions

    package init() {}

    package func run(_ session: Session) async throws {
        var versions: JSONObject = ["client": .string(Version.number)]
        if !client {
            do {
                versions["server"] = try await session.client.call("GET", APIPath(["version"])).json()
            } catch {
                // The own version is worth printing when no server answers.
                guard case .unreachable(let reason) = error else { throw error }
                session.progress("warning: \(reason)")
                versions["server"] = .null
            }
        }
        if [.table, .wide].contains(session.configuration.format) {
            let server = versions["server"]
            let lines = [
                ("CLIENT", Version.number), ("SERVER", server?["version"]?.stringValue ?? ""),
                ("COMMIT", server?["commit"]?.stringValue ?? ""),
                ("API", server?["api_versions"]?.arrayValue?.compactMap(\.stringValue).joined(separator: ", ") ?? ""),
                ("SCHEMA", server?["schema_version"]?.stringValue ?? ""),
            ]
            session.console.output(session.renderer.labelled(lines.map { (label: $0.0, value: $0.1) }))
        } else {
            session.console.output(try session.renderer.item(.object(versions), details: []))
        }
    }
}

/// `certctl api METHOD PATH`.
package struct APICommand: OperatorCommand {
    package static let configuration = CommandConfiguration(
        commandName: "api",
        abstract: "Call any operation of the API with your credential.",
        discussion: "PATH begins with / or is taken below /api/v1/."
    )

    @Argument(help: "GET, POST, PUT, PATCH or DELETE.") var method: String
    @Argument(help: "Path, with a query if need be.") var path: String
    @Option(help: ArgumentHelp("Member of the body; repeat it.", valueName: "key=value")) var field: [String] = []
    @Option(help: ArgumentHelp("JSON file with the body; - for standard input.", valueName: "file")) var input: String?
    @OptionGroup(title: "Global options") package var globals: GlobalOptions

    package init() {}

    package func validate() throws {
        guard ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"].contains(method.uppercased()) else {
            throw ValidationError("\(method) is no method")
        }
        guard path.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }), !path.contains("#") else {
            throw ValidationError("the path holds characters that must be percent-encoded")
        }
    }

    package func run(_ session: Session) async throws {
        let absolute = path.hasPrefix("/") ? path : "/api/v1/\(path)"
        var body = try input.map { try RequestBody.json(at: $0, session) }
        if !field.isEmpty {
            var object = body?.objectValue ?? [:]
            for text in field {
                let (key, value) = try RequestBody.field(text)
                object[key] = value
            }
            body = .object(object)
        }
        let answer = try await session.client.call(method.uppercased(), APIPath(absolute: absolute), body: body)
        guard let json = try? JSONValue(parsing: answer.body) else {
            if !answer.body.isEmpty {
                session.console.output(TerminalText.block(String(decoding: answer.body, as: UTF8.self)))
            }
            return
        }
        switch session.configuration.format {
        case .yaml: session.console.output(YAMLText.document(json))
        case .jsonl: session.console.output(TerminalText.escapingInsideStrings(json.text))
        case .table, .wide, .json, .csv, .name: session.console.output(session.renderer.json(json))
        }
    }
}
