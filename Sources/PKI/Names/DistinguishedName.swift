import Encoding

/// A distinguished name (RFC 5280 §4.1.2.4), kept with the octets it came in.
package struct DistinguishedName: Hashable, Sendable, CustomStringConvertible {
    package struct Attribute: Hashable, Sendable {
        package let type: OID
        /// `nil` when the value is not a character string.
        package let value: String?
        let valueDER: [UInt8]
    }

    /// Relative names in the order of the encoding; each has one attribute nearly always.
    package let relativeNames: [[Attribute]]
    /// The encoding as received or built. Two names are equal when these octets are.
    package let der: [UInt8]
    /// Equal exactly for names that match (RFC 5280 §7.1), so that names can be looked up and compared quickly.
    let matchingKey: [Set<String>]

    package static let empty = DistinguishedName(relativeNames: [], der: [0x30, 0x00])

    private init(relativeNames: [[Attribute]], der: [UInt8]) {
        self.relativeNames = relativeNames
        self.der = der
        matchingKey = Self.matchingKey(relativeNames)
    }

    /// A name of one attribute per relative name, in the given order.
    ///
    /// Values must be free of unsafe characters and keep the upper bounds of RFC 5280 appendix A.
    package init(_ attributes: [(type: OID, value: String)]) throws(NameError) {
        var names: [[Attribute]] = []
        for (type, value) in attributes {
            try Self.check(value, of: type)
            names.append([Attribute(type: type, value: value, valueDER: Self.encode(value, of: type))])
        }
        relativeNames = names
        der = Self.encode(names)
        matchingKey = Self.matchingKey(names)
    }

    private static func encode(_ names: [[Attribute]]) -> [UInt8] {
        DERWriter.sequence(
            of: names.map { name in
                DERWriter.set(of: name.map { DERWriter.sequence(DERWriter.oid($0.type), $0.valueDER) })
            })
    }

    package init(commonName: String) throws(NameError) {
        try self.init([(.commonName, commonName)])
    }

    init(_ node: DERNode) throws(DERError) {
        var names: [[Attribute]] = []
        for set in try node.sequence("distinguished name", limit: 64).remaining {
            names.append(try Self.attributes(set.set("relative distinguished name", limit: 16)))
        }
        relativeNames = names
        der = Array(node.encoded)
        matchingKey = Self.matchingKey(names)
    }

    /// The attributes of one relative name.
    static func attributes(_ elements: [DERNode]) throws(DERError) -> [Attribute] {
        var attributes: [Attribute] = []
        for element in elements {
            var fields = try element.sequence("name attribute", limit: 2)
            let type = try fields.next().oid("attribute type")
            let value = try fields.next()
            try fields.end()
            attributes.append(
                Attribute(type: type, value: try DirectoryString.text(of: value), valueDER: Array(value.encoded)))
        }
        guard !attributes.isEmpty else { throw DERError("relative distinguished name is empty") }
        return attributes
    }

    /// This name with one more relative name below it.
    func appending(_ attributes: [Attribute]) -> DistinguishedName {
        let names = relativeNames + [attributes]
        return DistinguishedName(relativeNames: names, der: Self.encode(names))
    }

    package var isEmpty: Bool { relativeNames.isEmpty }

    /// The last (most specific) common name.
    package var commonName: String? { values(of: .commonName).last }

    /// Values of all attributes of `type`, in order.
    package func values(of type: OID) -> [String] {
        relativeNames.joined().filter { $0.type == type }.compactMap(\.value)
    }

    /// RFC 5280 §7.1: case and the amount of white space do not matter, nor does the string type.
    package func matches(_ other: DistinguishedName) -> Bool { matchingKey == other.matchingKey }

    private static func matchingKey(_ names: [[Attribute]]) -> [Set<String>] { names.map { Set($0.map(folded)) } }

    private static func folded(_ attribute: Attribute) -> String {
        guard let value = attribute.value else { return "\(attribute.type)#\(Hex.encode(attribute.valueDER))" }
        let words = value.lowercased().split(separator: " ", omittingEmptySubsequences: true)
        return "\(attribute.type)=\(words.joined(separator: " "))"
    }

    private static let limits: [OID: Int] = [
        .commonName: 64, .organizationName: 64, .organizationalUnitName: 64, .countryName: 2,
        .localityName: 128, .stateOrProvinceName: 128, .serialNumberAttribute: 64, .title: 64,
    ]

    /// Most characters of an attribute (RFC 5280 appendix A.1).
    static func limit(of type: OID) -> Int { limits[type] ?? 256 }

    private static func check(_ value: String, of type: OID) throws(NameError) {
        guard !value.isEmpty else { throw .malformedAttribute("attribute \(type) is empty") }
        try UnicodeSafety.check(value)
        let bound = limit(of: type)
        guard value.unicodeScalars.count <= bound else { throw .tooLong(limit: bound) }
        if type == .countryName {
            guard value.utf8.count == 2, value.utf8.allSatisfy({ (0x41...0x5A).contains($0) }) else {
                throw .malformedAttribute("country must be two upper-case letters")
            }
        }
        if type == .serialNumberAttribute, !DirectoryString.isPrintable(value) {
            throw .malformedAttribute("serialNumber has characters outside PrintableString")
        }
        if type == .emailAddress || type == .domainComponent { try UnicodeSafety.checkASCII(value) }
    }

    private static func encode(_ value: String, of type: OID) -> [UInt8] {
        switch type {
        case .countryName, .serialNumberAttribute: DERWriter.printableString(value)
        case .emailAddress, .domainComponent: DERWriter.ia5String(value)
        default: DERWriter.utf8String(value)
        }
    }
}

extension DistinguishedName {
    /// RFC 4514 text: most specific first, special characters escaped.
    package var description: String {
        relativeNames.reversed().map { name in
            name.map { attribute in
                guard let short = Self.shortNames[attribute.type], let value = attribute.value else {
                    return "\(attribute.type)=#\(Hex.encode(attribute.valueDER))"
                }
                return "\(short)=\(Self.escape(value))"
            }.joined(separator: "+")
        }.joined(separator: ",")
    }

    private static let shortNames: [OID: String] = [
        .commonName: "CN", .countryName: "C", .localityName: "L", .stateOrProvinceName: "ST",
        .streetAddress: "STREET", .organizationName: "O", .organizationalUnitName: "OU", .domainComponent: "DC",
        .userID: "UID", .serialNumberAttribute: "serialNumber", .surname: "SN", .title: "title",
        .emailAddress: "emailAddress",
    ]

    private static func escape(_ value: String) -> String {
        var text = ""
        let scalars = Array(value.unicodeScalars)
        for (index, scalar) in scalars.enumerated() {
            let isEdgeSpace = scalar == " " && (index == 0 || index == scalars.count - 1)
            if scalar.value < 0x20 || scalar.value == 0x7F {
                text += "\\" + Hex.encode([UInt8(scalar.value)])
            } else if "\"+,;<>\\".unicodeScalars.contains(scalar) || isEdgeSpace || (scalar == "#" && index == 0) {
                text += "\\" + String(scalar)
            } else {
                text.unicodeScalars.append(scalar)
            }
        }
        return text
    }
}

/// The string types that names use.
enum DirectoryString {
    /// The text of a string element, `nil` for other types; malformed strings are an error.
    static func text(of node: DERNode) throws(DERError) -> String? {
        if node.has(.utf8String) { return try utf8(node.primitive("UTF8String")) }
        if node.has(.printableString) || node.has(.ia5String) {
            let octets = try node.primitive("string")
            guard octets.allSatisfy({ $0 < 0x80 }) else { throw DERError("string must be ASCII") }
            return String(decoding: octets, as: UTF8.self)
        }
        if node.has(.teletexString) {
            // In practice Latin-1, as every implementation reads it.
            return String(String.UnicodeScalarView(try node.primitive("TeletexString").map { Unicode.Scalar($0) }))
        }
        if node.has(.bmpString) { return try bmp(node.primitive("BMPString")) }
        return nil
    }

    static func isPrintable(_ text: String) -> Bool {
        text.utf8.allSatisfy { octet in
            switch octet {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
            case 0x20, 0x27, 0x28, 0x29, 0x2B, 0x2C, 0x2D, 0x2E, 0x2F, 0x3A, 0x3D, 0x3F: true
            default: false
            }
        }
    }

    private static func utf8(_ octets: ArraySlice<UInt8>) throws(DERError) -> String {
        guard let text = String(validating: octets, as: UTF8.self) else { throw DERError("string is not UTF-8") }
        return text
    }

    private static func bmp(_ octets: ArraySlice<UInt8>) throws(DERError) -> String {
        guard octets.count.isMultiple(of: 2) else { throw DERError("BMPString has an odd length") }
        let units = stride(from: octets.startIndex, to: octets.endIndex, by: 2).map {
            UInt16(octets[$0]) << 8 | UInt16(octets[$0 + 1])
        }
        guard let text = String(validating: units, as: UTF16.self) else { throw DERError("BMPString is not UTF-16") }
        return text
    }
}
