package import Domain

/// An API key that the environment declares.
package struct DeclaredKey: Sendable {
    package enum Value: Sendable {
        case plain(Secret)
        /// Sixty-four hexadecimal digits: the environment never holds the key itself.
        case sha256(String)
    }

    package let name: String
    /// One, or two during a rotation.
    package var values: [Value]
    package let roleID: String
}

/// Keys and roles that the operator's settings decide about.
package struct AccessConfiguration: Sendable {
    package let declaredKeys: [DeclaredKey]
    /// The keys come from the deprecated variable.
    package let hasLegacyKeys: Bool
    /// `nil`: keys may live for ever.
    package let longestKeyLifetime: Duration?
    /// How long a key may stay unused; `nil`: as long as it likes.
    package let unusedKeysAfter: Duration?
    package let disablesUnusedKeys: Bool
    package let sharedAgentKeys: SharedAgentKeys
    package let allowsAuditorOverlap: Bool
    package let adminGrantApproval: SecondPersonSetting
    package let bulkRevocationApproval: SecondPersonSetting
    package let ceremonyApproval: SecondPersonSetting
    package let bypassesApprovals: Bool

    /// - `isDemonstration`: The end of four-eyes control is acknowledged.
    init(reading reader: inout SettingReader, isDemonstration: Bool) {
        let named = reader.read(ServerSettings.namedKeys)
        let legacy = reader.read(ServerSettings.legacyKeys)
        var keys = DeclaredKeyList()
        if let named {
            named.withText { keys.addNamed($0) }
            if let fault = keys.fault { reader.reject(ServerSettings.namedKeys, because: fault) }
        } else if let legacy {
            legacy.withText { keys.addLegacy($0) }
            if let fault = keys.fault { reader.reject(ServerSettings.legacyKeys, because: fault) }
        }
        declaredKeys = keys.keys
        hasLegacyKeys = named == nil && legacy != nil
        let longest = reader.read(ServerSettings.longestKeyLifetime)
        longestKeyLifetime = longest == .zero ? nil : longest
        let unused = reader.read(ServerSettings.unusedKeys)
        unusedKeysAfter = unused == .zero ? nil : unused
        disablesUnusedKeys = reader.read(ServerSettings.unusedKeysEnforced)
        if unused > .zero, unused < .hours(1) {
            reader.reject(ServerSettings.unusedKeys, because: "must be 0 or at least 1h: uses are noted by the minute")
        }
        sharedAgentKeys = reader.read(ServerSettings.sharedAgentKeys)
        allowsAuditorOverlap = reader.read(ServerSettings.auditorOverlap)
        adminGrantApproval = reader.read(ServerSettings.adminGrantApproval)
        bulkRevocationApproval = reader.read(ServerSettings.bulkRevocationApproval)
        ceremonyApproval = reader.read(ServerSettings.ceremonyApproval)
        bypassesApprovals = reader.read(ServerSettings.approvalBypass)
        if bypassesApprovals, !isDemonstration {
            reader.reject(
                ServerSettings.approvalBypass,
                because:
                    "true ends four-eyes control, which only a demonstration may; remove it, or acknowledge one with "
                    + "CERTCTL_DEMO_MODE_ACK=true and CERTCTL_DEMO_MODE_ACK_TS=$(date +%s)")
        }
    }
}

/// Reads the two forms of key lists. A fault names the entry, never the key.
struct DeclaredKeyList {
    private static let shortestKey = 32
    private static let hashPrefix = "sha256-"

    private(set) var keys: [DeclaredKey] = []
    private(set) var fault: String?
    private var seen: Set<String> = []

    /// `name:key[:role]`, separated by commas.
    mutating func addNamed(_ text: String) {
        for (index, entry) in Self.entries(text).enumerated() {
            let parts = entry.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
            guard parts.count == 2 || parts.count == 3 else {
                return note("entry \(index + 1) is not name:key or name:key:role")
            }
            guard IdentifierForm.accepts(parts[0]), !parts[0].contains(".") else {
                return note("the name of entry \(index + 1) must be letters, digits, _ and -, at most 128")
            }
            let role = parts.count == 2 ? "r-viewer" : parts[2] == "admin" ? "r-admin" : parts[2]
            guard IdentifierForm.accepts(role) else {
                return note("the third part of \(parts[0]) must be admin or the id of a role, such as r-operator")
            }
            add(parts[1], to: parts[0], role: role)
            if fault != nil { return }
        }
    }

    /// Keys alone, separated by commas; they become `legacy-key-0`, `legacy-key-1` and so on.
    mutating func addLegacy(_ text: String) {
        for (index, entry) in Self.entries(text).enumerated() where fault == nil {
            add(entry, to: "legacy-key-\(index)", role: "r-viewer")
        }
    }

    private static func entries(_ text: String) -> [String] {
        text.split(separator: ",").map { entry in
            String(entry.drop { $0 == " " }.reversed().drop { $0 == " " || $0 == "\n" }.reversed())
        }.filter { !$0.isEmpty }
    }

    private mutating func add(_ key: String, to name: String, role: String) {
        guard let value = value(key, of: name) else { return }
        guard seen.insert(key).inserted else { return note("the key of \(name) is declared twice") }
        guard let index = keys.firstIndex(where: { $0.name == name }) else {
            keys.append(DeclaredKey(name: name, values: [value], roleID: role))
            return
        }
        guard keys[index].roleID == role else {
            return note("\(name) is declared twice with different roles; a rotation keeps the role")
        }
        guard keys[index].values.count == 1 else {
            return note("\(name) is declared more than twice; a rotation has an old and a new key")
        }
        keys[index].values.append(value)
    }

    private mutating func value(_ key: String, of name: String) -> DeclaredKey.Value? {
        if key.hasPrefix(Self.hashPrefix) {
            let digest = key.dropFirst(Self.hashPrefix.count)
            let isHash = digest.utf8.count == 64 && digest.utf8.allSatisfy(Self.isLowerHexadecimal)
            if !isHash { note("the key of \(name) must be sha256- and 64 lower-case hexadecimal digits") }
            return isHash ? .sha256(String(digest)) : nil
        }
        guard key.utf8.count >= Self.shortestKey else {
            note("the key of \(name) has fewer than \(Self.shortestKey) characters; make one: openssl rand -hex 32")
            return nil
        }
        guard !ServerSecrets.isTrivial(key) else {
            note("the key of \(name) is a sample or trivial value; make one: openssl rand -hex 32")
            return nil
        }
        return .plain(Secret(key))
    }

    private static func isLowerHexadecimal(_ octet: UInt8) -> Bool {
        (0x30...0x39).contains(octet) || (0x61...0x66).contains(octet)
    }

    private mutating func note(_ text: String) { if fault == nil { fault = text } }
}
