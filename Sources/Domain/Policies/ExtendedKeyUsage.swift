/// A purpose of a key: one with a name of the API (protocol-servers §8.5), or any other by its object identifier
/// (RFC 5280 §4.2.1.12).
package struct ExtendedKeyUsage: RawRepresentable, Hashable, Sendable, CaseIterable {
    /// The name, or the dotted identifier where there is no name.
    package let rawValue: String
    /// The object identifier in dotted decimal.
    package let dotted: String

    private init(_ name: String, _ dotted: String) {
        rawValue = name
        self.dotted = dotted
    }

    /// Reads a name or a dotted identifier; the identifier of a purpose with a name is that purpose.
    package init?(rawValue text: String) {
        if let known = Self.byText[text] {
            self = known
        } else if Self.isIdentifier(text) {
            self.init(text, text)
        } else {
            return nil
        }
    }

    package static let serverAuth = Self("serverAuth", "1.3.6.1.5.5.7.3.1")
    package static let clientAuth = Self("clientAuth", "1.3.6.1.5.5.7.3.2")
    package static let codeSigning = Self("codeSigning", "1.3.6.1.5.5.7.3.3")
    package static let emailProtection = Self("emailProtection", "1.3.6.1.5.5.7.3.4")
    package static let timeStamping = Self("timeStamping", "1.3.6.1.5.5.7.3.8")
    package static let ocspSigning = Self("ocspSigning", "1.3.6.1.5.5.7.3.9")
    package static let machineEAP = Self("machineEAP", "1.3.6.1.5.5.7.3.13")
    package static let eapOverLAN = Self("eapOverLAN", "1.3.6.1.5.5.7.3.14")
    package static let ipsecIKE = Self("ipsecIKE", "1.3.6.1.5.5.7.3.17")
    package static let cmcRA = Self("cmcRA", "1.3.6.1.5.5.7.3.28")
    package static let kerberosClientAuth = Self("kerberosClientAuth", "1.3.6.1.5.2.3.4")
    package static let kerberosKeyDistribution = Self("kerberosKeyDistribution", "1.3.6.1.5.2.3.5")
    package static let smartCardLogon = Self("smartCardLogon", "1.3.6.1.4.1.311.20.2.2")
    package static let documentSigning = Self("documentSigning", "1.3.6.1.4.1.311.10.3.12")
    package static let encryptingFileSystem = Self("encryptingFileSystem", "1.3.6.1.4.1.311.10.3.4")
    package static let keyRecoveryAgent = Self("keyRecoveryAgent", "1.3.6.1.4.1.311.21.6")
    package static let anyExtendedKeyUsage = Self("anyExtendedKeyUsage", "2.5.29.37.0")

    /// Document signing as RFC 9336 has it, which has no name of its own here.
    package static let documentSigningRFC9336 = Self("1.3.6.1.5.5.7.3.36", "1.3.6.1.5.5.7.3.36")

    /// Those with a name.
    package static let allCases = [
        serverAuth, clientAuth, codeSigning, emailProtection, timeStamping, ocspSigning, machineEAP, eapOverLAN,
        ipsecIKE, cmcRA, kerberosClientAuth, kerberosKeyDistribution, smartCardLogon, documentSigning,
        encryptingFileSystem, keyRecoveryAgent, anyExtendedKeyUsage,
    ]

    private static let byText: [String: Self] = {
        var texts = ["eapOverPPP": machineEAP]
        for usage in allCases {
            texts[usage.rawValue] = usage
            texts[usage.dotted] = usage
        }
        return texts
    }()

    /// In the order in which they are written into certificates, so that equal sets give equal octets.
    package static func ordered(_ usages: Set<Self>) -> [Self] {
        allCases.filter(usages.contains)
            + usages.filter { byText[$0.rawValue] == nil }.sorted { $0.dotted < $1.dotted }
    }

    /// Dotted decimal of at least two arcs, without leading zeros, each below 2^62 (X.660).
    package static func isIdentifier(_ text: String) -> Bool {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard (2...32).contains(parts.count), text.utf8.count <= 128 else { return false }
        var arcs: [UInt64] = []
        for part in parts {
            guard !part.isEmpty, part.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
                part.utf8.count == 1 || part.utf8.first != 0x30, let arc = UInt64(part), arc < 1 << 62
            else { return false }
            arcs.append(arc)
        }
        return arcs[0] <= 2 && (arcs[0] == 2 || arcs[1] < 40)
    }
}
