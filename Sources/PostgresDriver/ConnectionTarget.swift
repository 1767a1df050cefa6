import CLibPQ
import Domain
import Query

/// Where and how to connect: the parameters of a connection URL with ours added.
struct ConnectionTarget: Sendable {
    /// libpq keywords with their values; holds the password, so it is never printed.
    private let parameters: [String: Secret]
    /// The host as it is shown to people.
    let place: String
    let applicationName: String
    /// A transaction-pooling proxy is between: no prepared statements and no session state.
    let isPooled: Bool
    let connectTimeout: Duration
    /// Settings of every connection, or of every transaction behind a pooling proxy.
    let sessionSettings: [(name: String, value: String)]

    init(_ configuration: PostgresConfiguration) throws(DatabaseError) {
        let (url, isPooled) = configuration.url.withText { PoolerMark.split($0) }
        var parameters = try Self.parse(url)
        try Self.checkPorts(Self.text(parameters["port"]))
        let fallback = Self.libpqDefaults()
        let hosts = Self.text(parameters["host"] ?? parameters["hostaddr"]) ?? fallback.host ?? ""
        let mode = try TransportRule.sslMode(
            hosts: hosts,
            named: Self.text(parameters["sslmode"]) ?? fallback.sslMode,
            acceptsInsecure: configuration.acceptsInsecureTransport
        )
        if let mode { parameters["sslmode"] = Secret(mode) }
        sessionSettings = [
            ("timezone", "UTC"),
            ("statement_timeout", String(configuration.statementTimeout.wholeMicroseconds / 1000)),
            ("idle_in_transaction_session_timeout", "60000"),
            ("lock_timeout", "10000"),
        ]
        if !isPooled {
            let ours = sessionSettings.map { "-c \($0.name)=\($0.value)" }.joined(separator: " ")
            let theirs = Self.text(parameters["options"]).map { " " + $0 } ?? ""
            parameters["options"] = Secret(ours + theirs)
        }
        applicationName = Self.text(parameters["application_name"]) ?? configuration.applicationName
        parameters["application_name"] = Secret(applicationName)
        parameters["client_encoding"] = Secret("UTF8")
        self.parameters = parameters
        self.isPooled = isPooled
        connectTimeout = configuration.connectTimeout
        place = hosts.isEmpty ? "the local socket" : hosts
    }

    /// A copy for work of its own kind: `certctl/migrate`, without the time limits of requests.
    func variant(applicationName: String, options: String) -> ConnectionTarget {
        var parameters = parameters
        parameters["application_name"] = Secret(applicationName)
        if !isPooled {
            let present = Self.text(parameters["options"]) ?? ""
            parameters["options"] = Secret(present + " " + options)
        }
        return ConnectionTarget(parameters: parameters, applicationName: applicationName, like: self)
    }

    private init(parameters: [String: Secret], applicationName: String, like other: ConnectionTarget) {
        self.parameters = parameters
        self.applicationName = applicationName
        place = other.place
        isPooled = other.isPooled
        connectTimeout = other.connectTimeout
        sessionSettings = other.sessionSettings
    }

    /// The settings for one transaction, behind a proxy that lends a session for no longer.
    var localSettings: String {
        sessionSettings.map { "SET LOCAL \($0.name) = '\($0.value)'; " }.joined()
    }

    /// Starts a connection; the caller polls it until it is established.
    func startConnecting() -> OpaquePointer? {
        var keywords: [String] = []
        var values: [String] = []
        for (keyword, value) in parameters {
            keywords.append(keyword)
            value.withText { values.append($0) }
        }
        return CStrings.with(keywords) { keywords in
            CStrings.with(values) { values in PQconnectStartParams(keywords, values, 0) }
        }
    }

    /// Reads a URL with libpq's own parser. Its message quotes the URL with the password, so ours replaces it.
    private static func parse(_ url: String) throws(DatabaseError) -> [String: Secret] {
        guard let options = PQconninfoParse(url, nil) else { throw unreadable }
        defer { PQconninfoFree(options) }
        var parameters: [String: Secret] = [:]
        var option = options
        while let keyword = option.pointee.keyword {
            if let value = option.pointee.val { parameters[String(cString: keyword)] = Secret(String(cString: value)) }
            option += 1
        }
        return parameters
    }

    /// A password with an unencoded `/` is read as host and port, and libpq would show that "port" in its message.
    private static func checkPorts(_ ports: String?) throws(DatabaseError) {
        for port in ports?.split(separator: ",") ?? [] where UInt16(port) == nil { throw unreadable }
    }

    private static let unreadable = DatabaseError(
        kind: .statement,
        sqlState: "08001",
        message: "the database URL is not one that libpq understands; write it as "
            + "postgres://user:password@host:5432/name and percent-encode special characters in each part"
    )

    /// What libpq takes from its environment and its service file.
    private static func libpqDefaults() -> (host: String?, sslMode: String?) {
        guard let options = PQconndefaults() else { return (nil, nil) }
        defer { PQconninfoFree(options) }
        var host: String?
        var sslMode: String?
        var option = options
        while let keyword = option.pointee.keyword {
            let value = option.pointee.val.map { String(cString: $0) }
            let compiled = option.pointee.compiled.map { String(cString: $0) }
            switch String(cString: keyword) {
            case "host": host = value
            case "sslmode": sslMode = value == compiled ? nil : value
            default: break
            }
            option += 1
        }
        return (host, sslMode)
    }

    private static func text(_ secret: Secret?) -> String? { secret?.withText { $0 } }
}

/// The parameter of ours in a connection URL, which libpq would refuse.
package enum PoolerMark {
    /// The URL without `certctl_pgbouncer`, and whether it was set to 1.
    package static func split(_ url: String) -> (url: String, isPooled: Bool) {
        guard let question = url.firstIndex(of: "?") else { return (url, false) }
        let parameters = url[url.index(after: question)...].split(separator: "&")
        let kept = parameters.filter { !$0.hasPrefix("certctl_pgbouncer=") }
        guard kept.count < parameters.count else { return (url, false) }
        let base = url[..<question]
        let rest = kept.isEmpty ? String(base) : base + "?" + kept.joined(separator: "&")
        return (rest, parameters.contains("certctl_pgbouncer=1"))
    }
}

/// Arrays of C strings that end with a null pointer.
enum CStrings {
    static func with<Result>(
        _ strings: [String],
        _ body: (UnsafePointer<UnsafePointer<CChar>?>?) -> Result
    ) -> Result {
        let octets = strings.map { Array($0.utf8CString) }
        let joined = octets.flatMap(\.self)
        return joined.withUnsafeBufferPointer { buffer in
            var pointers: [UnsafePointer<CChar>?] = []
            var offset = 0
            for string in octets {
                pointers.append(buffer.baseAddress.map { $0 + offset })
                offset += string.count
            }
            pointers.append(nil)
            return pointers.withUnsafeBufferPointer { body($0.baseAddress) }
        }
    }
}
