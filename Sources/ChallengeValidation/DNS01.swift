import Domain
import Encoding
import Outbound

/// A TXT record (RFC 8555 §8.4).
struct DNS01: Sendable {
    let dns: DNSClient

    func validate(_ proof: ChallengeProof) async throws(ChallengeFailure) {
        let owner = "_acme-challenge.\(proof.name.value)"
        let records: [DNSRecord.Content]
        do throws(DNSFailure) {
            records = try await dns.records(of: owner, .txt)
        } catch {
            throw ChallengeFailure(
                .dns, "\(error)", isTransient: error.kind != .badName && error.kind != .tooManyAliases)
        }
        let wanted = Array(Base64URL.encode(proof.digest).utf8)
        guard records.contains(.text(wanted)) else {
            throw ChallengeFailure(
                records.isEmpty ? .unauthorized : .incorrectResponse,
                records.isEmpty
                    ? "there is no TXT record at \(owner)"
                    : "none of the TXT records at \(owner) holds the digest of the key authorization")
        }
    }
}
