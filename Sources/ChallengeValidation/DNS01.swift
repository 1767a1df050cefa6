import Crypto
import Domain
import Encoding
import Outbound

/// A TXT record with the digest of the key authorization (RFC 8555 §8.4).
struct DNS01: Sendable {
    let dns: DNSClient
    /// Below which the record is, in front of the name.
    let label: String

    /// The labels for one account, so that several can prove a name at a time (draft-ietf-acme-dns-account-label §3.2).
    static func label(of accountURL: String) -> String {
        let digest = SHA256.hash(data: Array(accountURL.utf8))
        return "_\(base32(Array(digest.prefix(10))))._acme-challenge"
    }

    /// RFC 4648 §6 in lower case; of whole groups of five octets alone.
    private static func base32(_ octets: [UInt8]) -> String {
        let alphabet = Array("abcdefghijklmnopqrstuvwxyz234567".utf8)
        var text: [UInt8] = []
        for start in stride(from: 0, to: octets.count, by: 5) {
            let group = octets[start..<start + 5].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
            for shift in stride(from: 35, through: 0, by: -5) {
                text.append(alphabet[Int(group >> UInt64(shift) & 31)])
            }
        }
        return String(decoding: text, as: UTF8.self)
    }

    func validate(_ proof: ChallengeProof) async throws(ChallengeFailure) {
        let owner = "\(label).\(proof.name.value)"
        let (records, isAuthenticated) = try await dns.textsAndStanding(of: owner)
        let wanted = Array(Base64URL.encode(proof.digest).utf8)
        if records.contains(wanted) { return }
        // What resolvers remember may be old. What they validated is not to be outdone by an answer that nobody validates.
        let held = isAuthenticated ? nil : try? await dns.recordsAtAuthorities(of: owner, .txt)
        guard DNSClient.texts(in: held ?? []).contains(wanted) else {
            throw ChallengeFailure(
                records.isEmpty ? .unauthorized : .incorrectResponse,
                records.isEmpty
                    ? "there is no TXT record at \(owner)"
                    : "none of the TXT records at \(owner) holds the digest of the key authorization")
        }
    }
}

extension DNSClient {
    /// The TXT records of a name, the strings of each in one.
    func texts(of owner: String) async throws(ChallengeFailure) -> [[UInt8]] {
        try await textsAndStanding(of: owner).texts
    }

    /// The same, and whether resolvers validated it.
    func textsAndStanding(
        of owner: String
    ) async throws(ChallengeFailure) -> (texts: [[UInt8]], isAuthenticated: Bool) {
        let found: DNSLookup
        do throws(DNSFailure) {
            found = try await lookUp(owner, .txt)
        } catch {
            throw ChallengeFailure(
                .dns, "\(error)", isTransient: error.kind != .badName && error.kind != .tooManyAliases)
        }
        return (Self.texts(in: found.records), found.isAuthenticated)
    }

    static func texts(in records: [DNSRecord.Content]) -> [[UInt8]] {
        records.compactMap { if case .text(let octets) = $0 { octets } else { nil } }
    }
}
