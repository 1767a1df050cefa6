import Domain
import Encoding
import Outbound
import PKI

/// A TXT record that stays and names the account that may have certificates (draft-ietf-acme-dns-persist).
struct DNSPersist01: Sendable {
    let dns: DNSClient
    /// The names by which a record means this CA.
    let issuers: [String]
    let now: Timestamp

    func validate(_ proof: ChallengeProof) async throws(ChallengeFailure) {
        let owner = "_validation-persist.\(proof.name.value)"
        let records = try await dns.texts(of: owner)
        let authority = Set(issuers.map { $0.lowercased() })
        let isProved = records.contains { octets in
            guard let record = PersistentRecord(String(decoding: octets, as: UTF8.self)) else { return false }
            return authority.contains(record.issuer) && record.accountURI == proof.accountURL
                && (record.allowsWildcard || !proof.isWildcard) && record.until.map { now <= $0 } ?? true
        }
        guard isProved else {
            throw ChallengeFailure(
                records.isEmpty ? .unauthorized : .incorrectResponse,
                records.isEmpty
                    ? "there is no TXT record at \(owner)"
                    : "none of the TXT records at \(owner) names this CA and the account \(proof.accountURL)"
                        + (proof.isWildcard ? " with policy=wildcard" : ""))
        }
    }
}

/// What a persistent record says: an issue-value (RFC 8659 §4.2) with parameters of its own.
struct PersistentRecord: Hashable, Sendable {
    /// In lower case.
    let issuer: String
    let accountURI: String
    let allowsWildcard: Bool
    /// After which it means nothing.
    let until: Timestamp?

    /// `nil` for what has another form, a parameter twice, or no account. Parameters and policies that are not known are passed
    /// over.
    init?(_ text: String) {
        guard text.utf8.count <= 4096, text.utf8.allSatisfy({ (0x20...0x7E).contains($0) || $0 == 0x09 }) else {
            return nil
        }
        let parts = text.split(separator: ";", omittingEmptySubsequences: false).map(Self.trimmed)
        guard let first = parts.first, !first.isEmpty, let name = try? DNSName(first), !name.isWildcard else {
            return nil
        }
        var parameters: [String: String] = [:]
        for (place, part) in parts.dropFirst().enumerated() {
            // A semicolon at the end is followed by nothing.
            if part.isEmpty, place == parts.count - 2 { continue }
            guard let sign = part.firstIndex(of: "=") else { return nil }
            let tag = Self.trimmed(part[..<sign])
            let value = Self.trimmed(part[part.index(after: sign)...])
            guard !tag.isEmpty, tag.utf8.allSatisfy(Self.isOfTag), value.utf8.allSatisfy({ $0 > 0x20 }),
                parameters.updateValue(value, forKey: tag.lowercased()) == nil
            else { return nil }
        }
        guard let account = parameters["accounturi"], !account.isEmpty else { return nil }
        var until: Timestamp?
        if let value = parameters["persistuntil"] {
            guard (1...12).contains(value.utf8.count), value.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
                let seconds = Int64(value)
            else { return nil }
            until = Timestamp(secondsSinceEpoch: seconds)
        }
        issuer = name.text
        accountURI = account
        allowsWildcard = parameters["policy"]?.lowercased() == "wildcard"
        self.until = until
    }

    private static func trimmed(_ text: some StringProtocol) -> String {
        let isBlank: (Character) -> Bool = { $0 == " " || $0 == "\t" }
        var rest = Substring(text).drop(while: isBlank)
        while let last = rest.last, isBlank(last) { rest.removeLast() }
        return String(rest)
    }

    private static func isOfTag(_ octet: UInt8) -> Bool {
        (0x30...0x39).contains(octet) || (0x41...0x5A).contains(octet) || (0x61...0x7A).contains(octet) || octet == 0x2D
    }
}
