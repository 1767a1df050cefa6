package import Domain

/// Which storage engine, and where.
package enum DatabaseLocation: Sendable {
    case sqlite(path: String)
    case sqliteInMemory
    /// The connection URI for libpq, complete with password and `sslmode`.
    case postgres(Secret)

    /// Reads a database URL; `nil` when it names no engine that exists.
    init?(_ text: String) {
        if text == "sqlite::memory:" {
            self = .sqliteInMemory
        } else if text.hasPrefix("sqlite:"), text.count > 7, !text.contains("\0") {
            let path = text.dropFirst(7)
            self = .sqlite(path: path.hasPrefix("///") ? String(path.dropFirst(2)) : String(path))
        } else if text.hasPrefix("postgres://") || text.hasPrefix("postgresql://") {
            self = .postgres(Secret(text))
        } else {
            return nil
        }
    }
}

/// The transport rules for PostgreSQL (specification, operations §4.3).
struct PostgresURL {
    private let text: String

    init(_ text: String) { self.text = text }

    private static let password = "$(POSTGRES_PASSWORD)"

    /// The URL with the password of the environment in the place that asks for it; `nil` when it is missing.
    static func substitutingPassword(in text: String, _ environment: [String: String]) -> String? {
        guard text.contains(password) else { return text }
        guard let value = environment["POSTGRES_PASSWORD"], !value.isEmpty else { return nil }
        return text.replacing(password, with: percentEncoded(value))
    }

    private static func percentEncoded(_ text: String) -> String {
        let digits = Array("0123456789ABCDEF".utf8)
        var encoded: [UInt8] = []
        for octet in text.utf8 {
            let isUnreserved =
                (0x30...0x39).contains(octet) || (0x41...0x5A).contains(octet) || (0x61...0x7A).contains(octet)
                || octet == 0x2D || octet == 0x2E || octet == 0x5F || octet == 0x7E
            encoded.append(
                contentsOf: isUnreserved ? [octet] : [0x25, digits[Int(octet >> 4)], digits[Int(octet & 15)]])
        }
        return String(decoding: encoded, as: UTF8.self)
    }

    private var authority: Substring {
        text.split(separator: "//", maxSplits: 1).last?.prefix { $0 != "/" && $0 != "?" } ?? ""
    }

    private func parameter(_ name: String) -> String? {
        guard let query = text.firstIndex(of: "?") else { return nil }
        return text[text.index(after: query)...].split(separator: "&").first { $0.hasPrefix("\(name)=") }
            .map { String($0.dropFirst(name.count + 1)) }
    }

    /// Host names of the URL, without ports; empty when libpq takes them from elsewhere.
    var hosts: [String] {
        if let host = parameter("host") { return host.split(separator: ",").map(String.init) }
        let names = authority.split(separator: "@").last ?? ""
        return names.split(separator: ",").map { name in
            if name.hasPrefix("[") { return String(name.dropFirst().prefix { $0 != "]" }) }
            return String(name.prefix { $0 != ":" })
        }.filter { !$0.isEmpty }
    }

    /// Hosts that the connection reaches over a network which others may share.
    var remoteHosts: [String] {
        hosts.filter { host in
            let isLocal =
                host.hasPrefix("/") || host.hasPrefix("%2F") || host.hasPrefix("%2f") || AddressForm.isLoopback(host)
                || host == "postgres" || host == "certctl-postgres" || host.hasSuffix(".svc.cluster.local")
            return !isLocal
        }
    }

    /// The URL's own `sslmode`, else that of the environment.
    func sslMode(_ environment: [String: String]) -> String? {
        parameter("sslmode") ?? environment["PGSSLMODE"].flatMap { $0.isEmpty ? nil : $0 }
    }

    var verifyingFully: String { text + (text.contains("?") ? "&" : "?") + "sslmode=verify-full" }
}
