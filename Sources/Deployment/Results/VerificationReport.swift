package import Domain
package import Encoding

/// What the endpoint of a target was seen serving.
package struct VerificationReport: Hashable, Sendable {
    package struct Address: Hashable, Sendable {
        package let address: String
        /// SHA-256 of the leaf, lower-case hexadecimal.
        package let fingerprint: String?
        package let tlsVersion: String?
        package let error: String?

        package init(address: String, fingerprint: String?, tlsVersion: String?, error: String?) {
            self.address = address
            self.fingerprint = fingerprint
            self.tlsVersion = tlsVersion
            self.error = error
        }
    }

    package let status: VerificationStatus
    /// `host:port`; absent when there was nothing to look at.
    package let endpoint: String?
    package let expectedFingerprint: String
    /// What was served at last: the offending one after a mismatch.
    package let actualFingerprint: String?
    /// Why it failed or was skipped.
    package let reason: String?
    package let attempts: Int
    package let addresses: [Address]
    /// DER of what was served at last, leaf first; empty when nothing was.
    package var servedChain: [[UInt8]] = []
    /// The name that was asked for; `nil` when there was none to ask for.
    package var serverName: String?

    package init(
        status: VerificationStatus,
        endpoint: String?,
        expectedFingerprint: String,
        actualFingerprint: String? = nil,
        reason: String? = nil,
        attempts: Int = 0,
        addresses: [Address] = []
    ) {
        self.status = status
        self.endpoint = endpoint
        self.expectedFingerprint = expectedFingerprint
        self.actualFingerprint = actualFingerprint
        self.reason = reason
        self.attempts = attempts
        self.addresses = addresses
    }

    package static func skipped(_ reason: String, expected: String) -> VerificationReport {
        VerificationReport(status: .skipped, endpoint: nil, expectedFingerprint: expected, reason: reason)
    }

    /// ``servedChain`` as text.
    package var servedPEM: String { servedChain.map { PEMBlock(label: "CERTIFICATE", octets: $0).text }.joined() }

    package var json: JSONValue {
        var object: JSONObject = [
            "status": .string(status.rawValue),
            "expected_fingerprint": .string(expectedFingerprint),
            "attempts": JSONValue(attempts),
        ]
        if let endpoint { object["endpoint"] = .string(endpoint) }
        if let actualFingerprint { object["actual_fingerprint"] = .string(actualFingerprint) }
        if let reason { object["reason"] = .string(reason) }
        object["addresses"] = .array(addresses.map(\.json))
        if !servedChain.isEmpty { object["served_pem"] = .string(servedPEM) }
        if let serverName { object["server_name"] = .string(serverName) }
        return .object(object)
    }

    /// Reads what ``json`` wrote; `nil` when a member is missing or of another kind.
    package init?(json: JSONValue) {
        guard let status = json["status"]?.stringValue.flatMap(VerificationStatus.init(rawValue:)),
            let expected = json["expected_fingerprint"]?.stringValue
        else { return nil }
        self.init(
            status: status,
            endpoint: json["endpoint"]?.stringValue,
            expectedFingerprint: expected,
            actualFingerprint: json["actual_fingerprint"]?.stringValue,
            reason: json["reason"]?.stringValue,
            attempts: json["attempts"]?.integerValue.map { Int($0) } ?? 0,
            addresses: (json["addresses"]?.arrayValue ?? []).compactMap(Address.init(json:))
        )
        let served = try? PEMBlock.parse(json["served_pem"]?.stringValue ?? "")
        servedChain = (served ?? []).map(\.octets)
        serverName = json["server_name"]?.stringValue
    }
}

extension VerificationReport.Address {
    var json: JSONValue {
        var object: JSONObject = ["address": .string(address)]
        if let fingerprint { object["fingerprint"] = .string(fingerprint) }
        if let tlsVersion { object["tls_version"] = .string(tlsVersion) }
        if let error { object["error"] = .string(error) }
        return .object(object)
    }

    init?(json: JSONValue) {
        guard let address = json["address"]?.stringValue else { return nil }
        self.init(
            address: address,
            fingerprint: json["fingerprint"]?.stringValue,
            tlsVersion: json["tls_version"]?.stringValue,
            error: json["error"]?.stringValue
        )
    }
}
