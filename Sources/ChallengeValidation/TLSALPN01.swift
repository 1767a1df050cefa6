import Domain
import Outbound
import PKI

/// A TLS handshake for the protocol `acme-tls/1` (RFC 8737; for addresses RFC 8738 §6).
struct TLSALPN01: Sendable {
    static let applicationProtocol = "acme-tls/1"

    let handshake: ProtocolHandshake
    let port: Int

    func validate(_ proof: ChallengeProof, within timeout: Duration) async throws(ChallengeFailure) {
        let host = proof.name.value
        guard let name = try? SubjectAltName(classifying: host) else {
            throw ChallengeFailure(.rejectedIdentifier, "\(host) can't be in a certificate", isTransient: false)
        }
        let seen: NegotiatedChain
        do throws(OutboundError) {
            seen = try await handshake.run(
                Self.applicationProtocol, host: host, port: port, serverName: Self.serverName(of: name),
                timeout: timeout)
        } catch {
            throw ChallengeFailure(error, of: host, isHandshake: true)
        }
        guard seen.applicationProtocol == Self.applicationProtocol else {
            throw ChallengeFailure(.tls, "\(host) does not speak \(Self.applicationProtocol)", isTransient: false)
        }
        let leaf: ProofCertificate
        do throws(CertificateError) {
            leaf = try ProofCertificate(der: seen.certificates[0])
        } catch {
            throw ChallengeFailure(.incorrectResponse, "\(host) presents what is no certificate", reason: "\(error)")
        }
        if let problem = leaf.problem(asProofOf: name, keyAuthorizationSHA256: proof.digest) {
            throw ChallengeFailure(.incorrectResponse, "\(host): \(problem)")
        }
    }

    /// What SNI asks for: the name, or that of an address in the DNS.
    static func serverName(of name: SubjectAltName) -> String {
        guard case .ip(let address) = name else { return name.text }
        guard address.isIPv6 else {
            return address.octets.reversed().map(String.init).joined(separator: ".") + ".in-addr.arpa"
        }
        let digits = address.octets.reversed().flatMap { [$0 & 0x0F, $0 >> 4] }
        return digits.map { String($0, radix: 16) }.joined(separator: ".") + ".ip6.arpa"
    }
}
