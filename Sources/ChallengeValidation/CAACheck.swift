package import Domain
package import Outbound

/// What is to be issued, and how control of the name was proved.
package struct CAAQuestion: Sendable {
    /// Without `*.`.
    package let name: ACMEName
    package let isWildcard: Bool
    /// `nil`: the name was not proved at all.
    package let method: ACMEChallengeType?
    /// The names by which CAA records mean this CA.
    package let identities: [String]
    /// Whether an address is that of the account that asks.
    package let isAccount: @Sendable (String) -> Bool

    package init(
        name: ACMEName, isWildcard: Bool, method: ACMEChallengeType?, identities: [String],
        isAccount: @escaping @Sendable (String) -> Bool
    ) {
        self.name = name
        self.isWildcard = isWildcard
        self.method = method
        self.identities = identities
        self.isAccount = isAccount
    }

    /// Whether an address is one of an account's: a whole address, or the path of an https address at any host.
    package static func isOne(of accounts: [String]) -> @Sendable (String) -> Bool {
        { uri in
            if accounts.contains(uri) { return !uri.hasPrefix("/") }
            guard uri.hasPrefix("https://") else { return false }
            let path = uri.dropFirst("https://".count).drop { $0 != "/" }
            return accounts.contains { $0.hasPrefix("/") && $0 == path }
        }
    }
}

/// Asks the holders of a name by whom certificates for it may be issued (RFC 8659, RFC 8657).
package struct CAACheck: Sendable {
    package typealias Lookup = @Sendable (String) async throws(DNSFailure) -> [DNSRecord.Content]

    /// The records of type CAA at a name, after its aliases.
    private let records: Lookup

    package init(records: @escaping Lookup) { self.records = records }

    package init(dns: DNSClient) {
        self.init { name async throws(DNSFailure) in try await dns.records(of: name, .caa) }
    }

    /// Returns when nobody forbids it. Addresses have no such records.
    ///
    /// - Throws: ``ChallengeFailure``: `caa` for what the records forbid, `dns` when they can't be known, which forbids too.
    package func check(_ question: CAAQuestion, within limit: Duration) async throws(ChallengeFailure) {
        guard question.name.kind == .dns else { return }
        let found = try await TimeLimit.run(
            limit, orThrow: ChallengeFailure(.dns, "CAA: no answer in time about \(question.name.value)")
        ) { () async throws(ChallengeFailure) -> Relevant? in
            do throws(DNSFailure) {
                return try await relevant(question.name.value)
            } catch {
                throw ChallengeFailure(.dns, "CAA: \(error)", isTransient: error.kind != .badName)
            }
        }
        guard let found, let reason = CAARules(found.records).objection(to: question) else { return }
        throw ChallengeFailure(.caa, "the CAA records at \(found.owner) \(reason)", isTransient: false)
    }

    private struct Relevant: Sendable {
        let owner: String
        let records: [DNSRecord.Content]
    }

    /// The records of the name, or of the next above it that has any, below the root (RFC 8659 §3).
    private func relevant(_ name: String) async throws(DNSFailure) -> Relevant? {
        var rest = name[...]
        while !rest.isEmpty {
            let found = try await records(String(rest))
            if !found.isEmpty { return Relevant(owner: String(rest), records: found) }
            guard let dot = rest.firstIndex(of: ".") else { return nil }
            rest = rest[rest.index(after: dot)...]
        }
        return nil
    }
}

/// What the CAA records at one name say.
struct CAARules: Sendable {
    /// Properties that are understood; those that do not speak of TLS certificates restrict nothing here (RFC 8659 §4,
    /// RFC 9495, and the contact properties of the CA/Browser Forum).
    private static let known: Set<String> = [
        "issue", "issuewild", "iodef", "issuemail", "contactemail", "contactphone",
    ]

    private var issue: [[UInt8]] = []
    private var issueWild: [[UInt8]] = []
    /// Properties that must be understood and are not.
    private var critical: [String] = []

    init(_ records: [DNSRecord.Content]) {
        for case .caa(let flags, let tag, let value) in records {
            switch tag {
            case "issue": issue.append(value)
            case "issuewild": issueWild.append(value)
            default: if flags & 0x80 != 0, !Self.known.contains(tag) { critical.append(tag) }
            }
        }
    }

    /// Why the certificate must not be issued; `nil` when it may be.
    func objection(to question: CAAQuestion) -> String? {
        if let tag = critical.first {
            return "have a critical property that this CA does not know: \(tag.prefix(32))"
        }
        // RFC 8659 §4.3: properties for wildcards alone count for wildcards.
        let values = question.isWildcard && !issueWild.isEmpty ? issueWild : issue
        guard !values.isEmpty else { return nil }
        let named = values.compactMap { CAAIssueValue($0) }.filter { value in
            question.identities.contains { $0.lowercased() == value.issuer }
        }
        guard !named.isEmpty else { return "do not name this CA" }
        let reasons = named.map { $0.objection(to: question) }
        return reasons.contains(nil) ? nil : reasons.compactMap { $0 }.first
    }
}

/// The value of a property `issue` or `issuewild` (RFC 8659 §4.2).
struct CAAIssueValue: Sendable {
    /// In lower case; empty for nobody.
    let issuer: String
    /// Names in lower case.
    let parameters: [(name: String, value: String)]

    /// `nil` for what does not follow the grammar, which allows nobody anything.
    init?(_ octets: [UInt8]) {
        guard octets.count <= 4096, octets.allSatisfy({ (0x20...0x7E).contains($0) || $0 == 0x09 }) else { return nil }
        let parts = String(decoding: octets, as: UTF8.self)
            .split(separator: ";", maxSplits: 1, omittingEmptySubsequences: false)
        let name = Self.trimmed(parts[0]).lowercased()
        guard name.isEmpty || name.split(separator: ".", omittingEmptySubsequences: false).allSatisfy(Self.isLabel)
        else { return nil }
        issuer = name
        var parameters: [(name: String, value: String)] = []
        let rest = parts.count > 1 ? Self.trimmed(parts[1]) : ""
        if !rest.isEmpty {
            for part in rest.split(separator: ";", omittingEmptySubsequences: false) {
                let sides = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                guard sides.count == 2 else { return nil }
                let (name, value) = (Self.trimmed(sides[0]), Self.trimmed(sides[1]))
                guard Self.isLabel(Substring(name)), !value.utf8.contains(where: { $0 <= 0x20 }) else { return nil }
                parameters.append((name.lowercased(), value))
            }
        }
        self.parameters = parameters
    }

    /// Parameters of RFC 8657; others have no meaning here. One that is there twice, or does not hold together, allows
    /// nothing.
    func objection(to question: CAAQuestion) -> String? {
        let accounts = parameters.filter { $0.name == "accounturi" }
        if let account = accounts.first, accounts.count > 1 || !question.isAccount(account.value) {
            return "allow another account (accounturi)"
        }
        let methods = parameters.filter { $0.name == "validationmethods" }
        if let list = methods.first {
            let labels = list.value.split(separator: ",", omittingEmptySubsequences: false)
            guard methods.count == 1, labels.allSatisfy(Self.isLabel),
                let method = question.method, labels.contains(Substring(method.rawValue))
            else { return "do not allow the way in which the name was proved (validationmethods)" }
        }
        return nil
    }

    /// Letters and digits, and hyphens between them.
    private static func isLabel(_ text: Substring) -> Bool {
        guard let first = text.utf8.first, let last = text.utf8.last, first != 0x2D, last != 0x2D else { return false }
        return text.utf8.allSatisfy { octet in
            (0x30...0x39).contains(octet) || (0x61...0x7A).contains(octet | 0x20) || octet == 0x2D
        }
    }

    private static func trimmed(_ text: some StringProtocol) -> String {
        let isSpace: (Character) -> Bool = { $0 == " " || $0 == "\t" }
        return String(text.drop(while: isSpace).reversed().drop(while: isSpace).reversed())
    }
}
