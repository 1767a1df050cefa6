import Domain
import Encoding

/// A stored password, as a PHC string: `$argon2id$v=19$m=65536,t=3,p=4$<salt>$<digest>`.
package struct PasswordHash: Hashable, Sendable {
    package static let saltLength = 16
    package static let digestLength = 32

    package let cost: Argon2Cost
    let salt: [UInt8]
    let digest: [UInt8]

    init(cost: Argon2Cost, salt: [UInt8], digest: [UInt8]) {
        self.cost = cost
        self.salt = salt
        self.digest = digest
    }

    /// `nil` for anything but the one form, in its canonical spelling.
    package init?(phc text: String) {
        let parts = text.split(separator: "$", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 6, parts[0].isEmpty, parts[1] == "argon2id", parts[2] == "v=19" else { return nil }
        let costs = parts[3].split(separator: ",", omittingEmptySubsequences: false)
        guard costs.count == 3, let memory = Self.number("m=", costs[0]), let passes = Self.number("t=", costs[1]),
            let lanes = Self.number("p=", costs[2]), let salt = Self.octets(parts[4]),
            let digest = Self.octets(parts[5])
        else { return nil }
        cost = Argon2Cost(memoryKiB: memory, passes: passes, lanes: lanes)
        guard cost.isBearable, (8...64).contains(salt.count), digest.count == Self.digestLength else { return nil }
        self.salt = salt
        self.digest = digest
        guard phc == text else { return nil }
    }

    package var phc: String {
        let costs = "m=\(cost.memoryKiB),t=\(cost.passes),p=\(cost.lanes)"
        return "$argon2id$v=19$\(costs)$\(Self.text(salt))$\(Self.text(digest))"
    }

    private static func number(_ name: String, _ text: Substring) -> Int? {
        text.hasPrefix(name) && text.utf8.count <= 10 ? Int(text.dropFirst(name.count)) : nil
    }

    /// Base64 without padding.
    private static func text(_ octets: [UInt8]) -> String { String(Base64.encode(octets).prefix { $0 != "=" }) }

    private static func octets(_ text: String) -> [UInt8]? {
        guard text.utf8.count <= 128, !text.contains("=") else { return nil }
        return Base64.decode(text + String(repeating: "=", count: (4 - text.utf8.count % 4) % 4))
    }
}
