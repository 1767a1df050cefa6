import Domain
import Encoding
package import PKI

/// The SHA-256 fingerprint of a certificate, `sha256:` and 64 hexadecimal digits, given to a machine by hand.
package struct CertificatePin: Hashable, Sendable, CustomStringConvertible {
    /// Lower-case hexadecimal.
    package let fingerprint: String

    /// Accepts either case and colons between the octets, as `openssl x509 -fingerprint` prints them.
    package init?(_ text: String) {
        let prefix = "sha256:"
        guard text.lowercased().hasPrefix(prefix) else { return nil }
        let digits = text.dropFirst(prefix.count).filter { $0 != ":" }
        guard let octets = Hex.decode(digits), octets.count == 32 else { return nil }
        fingerprint = Hex.encode(octets)
    }

    package var description: String { "sha256:\(fingerprint)" }
}

/// Learns a trust anchor from the server itself, believing nothing but a pin.
package enum PinnedFetch {
    /// The certificate with that pin out of the chain that the server presents.
    ///
    /// Use it as the only trust anchor of an ``OutboundHTTP``, which verifies the server's name as always.
    /// - Throws: ``OutboundError``, or ``PinError`` when no presented certificate has the pin.
    package static func anchor(
        of url: HTTPSURL,
        pin: CertificatePin,
        timeout: Duration
    ) async throws -> X509Certificate {
        let endpoint = TLSEndpoint(host: url.host, port: url.port)
        let probed = try await TLSProbe.probe(endpoint, purpose: .controlPlane, timeout: timeout)
        var presented: [String] = []
        var failure: OutboundError?
        for address in probed {
            switch address.outcome {
            case .failure(let error): failure = error
            case .success(let chain):
                for certificate in chain.certificates.compactMap({ try? X509Certificate(der: $0) }) {
                    if certificate.fingerprintSHA256 == pin.fingerprint { return certificate }
                    presented.append(certificate.fingerprintSHA256)
                }
            }
        }
        if presented.isEmpty, let failure { throw failure }
        throw PinError(endpoint: url.authority, pin: pin, presented: presented)
    }
}

/// None of the certificates that a server presents has the expected fingerprint.
package struct PinError: Error, Hashable, Sendable, CustomStringConvertible {
    package let endpoint: String
    package let pin: CertificatePin
    /// Fingerprints of what was presented, for comparison by a person.
    package let presented: [String]

    package init(endpoint: String, pin: CertificatePin, presented: [String]) {
        self.endpoint = endpoint
        self.pin = pin
        self.presented = presented
    }

    package var description: String {
        let found = presented.isEmpty ? "no certificate" : presented.map { "sha256:\($0)" }.joined(separator: ", ")
        return "\(endpoint) presents \(found), and none is the pinned \(pin): wrong server, wrong pin, or somebody "
            + "in between"
    }
}
