import Domain
import Encoding
package import Logging
import Synchronization

/// The two forms of a log line (specification, operations §11).
package enum LogFormat: String, Sendable, CaseIterable { case json, text }

/// The levels that settings and operators speak of.
package enum LogThreshold: String, Sendable, CaseIterable {
    case debug, info, warn, error

    var level: Logger.Level {
        switch self {
        case .debug: .debug
        case .info: .info
        case .warn: .warning
        case .error: .error
        }
    }
}

/// Levels by component, changed while the program runs.
package final class LogLevels: Sendable {
    private struct State {
        var base: Logger.Level
        var components: [String: Logger.Level]
    }

    private let state: Mutex<State>

    package init(_ base: LogThreshold = .info, components: [String: LogThreshold] = [:]) {
        state = Mutex(State(base: base.level, components: components.mapValues(\.level)))
    }

    package func set(_ base: LogThreshold) { state.withLock { $0.base = base.level } }

    /// All of them at once.
    package func replace(_ base: LogThreshold, components: [String: LogThreshold]) {
        state.withLock { $0 = State(base: base.level, components: components.mapValues(\.level)) }
    }

    /// `nil` lets the component follow the process again.
    package func set(_ threshold: LogThreshold?, for component: String) {
        state.withLock { $0.components[component] = threshold?.level }
    }

    package func level(of component: String) -> Logger.Level {
        state.withLock { $0.components[component] ?? $0.base }
    }
}

/// What every line of a process carries, and its form, which changes while the program runs.
final class LogIdentity: Sendable {
    let instance: String
    let version: String
    let time: TimeSource
    private let currentFormat: Mutex<LogFormat>

    init(instance: String, version: String, format: LogFormat, time: TimeSource) {
        self.instance = instance
        self.version = version
        self.time = time
        currentFormat = Mutex(format)
    }

    var format: LogFormat {
        get { currentFormat.withLock { $0 } }
        set { currentFormat.withLock { $0 = newValue } }
    }
}

/// Makes one line for each event. The label of the logger is the component.
struct LineLogHandler: LogHandler {
    let component: String
    let identity: LogIdentity
    let levels: LogLevels
    let sink: LogSink
    var metadata: Logger.Metadata = [:]

    /// Set on one logger, it wins over the levels of the process.
    private var ownLevel: Logger.Level?

    init(component: String, identity: LogIdentity, levels: LogLevels, sink: LogSink) {
        self.component = component
        self.identity = identity
        self.levels = levels
        self.sink = sink
    }

    var logLevel: Logger.Level {
        get { ownLevel ?? levels.level(of: component) }
        set { ownLevel = newValue }
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        var fields = metadata
        if let own = event.metadata { fields.merge(own) { _, new in new } }
        let message = event.message.description
        switch identity.format {
        case .json: sink.write(json(event.level, message, fields))
        case .text: sink.write(text(event.level, message, fields))
        }
    }

    private func json(_ level: Logger.Level, _ message: String, _ fields: Logger.Metadata) -> [UInt8] {
        var object = JSONObject()
        object["time"] = .string(identity.time.now.rfc3339Milliseconds)
        object["level"] = .string(Self.name(of: level))
        object["msg"] = .string(message)
        object["component"] = .string(component)
        object["instance"] = .string(identity.instance)
        object["version"] = .string(identity.version)
        for key in fields.keys.sorted() { object[key] = fields[key].map(Self.value) }
        return JSONValue.object(object).octets + [UInt8(ascii: "\n")]
    }

    private func text(_ level: Logger.Level, _ message: String, _ fields: Logger.Metadata) -> [UInt8] {
        var line = "\(identity.time.now.rfc3339Milliseconds) \(Self.name(of: level)) \(component) \(message)"
        for key in fields.keys.sorted() {
            guard let value = fields[key].map(Self.value) else { continue }
            if case .string(let word) = value, Self.isBare(word) {
                line += " \(key)=\(word)"
            } else {
                line += " \(key)=\(value.text)"
            }
        }
        return Array(line.utf8) + [UInt8(ascii: "\n")]
    }

    private static func isBare(_ word: String) -> Bool {
        !word.isEmpty && word.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != 0x22 && $0 != 0x3D && $0 != 0x5C }
    }

    private static func name(of level: Logger.Level) -> String {
        switch level {
        case .trace, .debug: "DEBUG"
        case .info, .notice: "INFO"
        case .warning: "WARN"
        case .error, .critical: "ERROR"
        }
    }

    private static func value(_ value: Logger.MetadataValue) -> JSONValue {
        switch value {
        case .string(let text): .string(text)
        case .stringConvertible(let number as Int): .integer(Int64(number))
        case .stringConvertible(let number as Double): .number(number)
        case .stringConvertible(let flag as Bool): .bool(flag)
        case .stringConvertible(let other): .string(other.description)
        case .array(let elements): .array(elements.map(Self.value))
        case .dictionary(let members):
            .object(
                JSONObject(
                    members.sorted { $0.key < $1.key }.map { .init(key: $0.key, value: Self.value($0.value)) }
                )
            )
        }
    }
}

extension Timestamp {
    /// RFC 3339 in UTC with always three fractional digits.
    fileprivate var rfc3339Milliseconds: String {
        let milliseconds = (microsecondsSinceEpoch - secondsSinceEpoch * 1_000_000) / 1000
        let digits = String(1000 + milliseconds).dropFirst()
        return "\(Timestamp(secondsSinceEpoch: secondsSinceEpoch).rfc3339.dropLast()).\(digits)Z"
    }
}
