import Domain
import Sealing
import Testing

/// Vectors made with Python (hashlib.pbkdf2_hmac and cryptography's AESGCM) from the layouts of security §10.2.
@Suite("Security §10.2: values of earlier programs")
struct LegacySealTests {
    static let passphrase = Secret("correct horse battery staple 2026")
    static let plaintext = #"{"api_token":"fixture-token"}"#
    static let place = SealedPlace(table: "issuers", column: "encrypted_config", rowID: "iss-old")
    static let vectors = [
        (
            "v1",
            "676b8bb84ce7267dd520deca5e7644dcbc354b962348d567d4eed75cc0db7a6a46c303e601036aef9b70e8ad6803afded309"
                + "c40b21cfc8a78e"
        ),
        (
            "v2",
            "02ad328846aa18b32a335816374511cac10480a93d2e9b094b89e08e01ab458414a3bf66892f24d218b03486e1214ee40246"
                + "130c88239a57e750ac8e25d73863fd358557b98009ecdbe9"
        ),
        (
            "v3",
            "0341242b9fae56fad4e6e77dfe33cb18d18721d664ef60096aa559e1aacc9d45b712404b2b7b8f806671de9195d49450f554"
                + "a9f1bd7ccda29510427d2a9c9f81987f8220085f1253aff6"
        ),
        (
            "v1 that looks like v3",
            "0388450b082ec4df2fdccd3a7d907c4abaed4cf936dee2ef47725a3c4103291128a9936586904264af0cd42fe84ce149afc0"
                + "8866357a9e788a"
        ),
        (
            "v1 that looks like v2",
            "024a8456f10e37689778cef51c027269627abc54680dbce9cc9e60a295b8543cf7b0df7ba127e4d5dbe3dd1e4b956f2beb3d"
                + "005f90f36f1d6b"
        ),
    ]

    @Test("T42: v1, v2 and v3 open, whatever the first octet of a v1 value is", arguments: vectors)
    func opens(name: String, hex: String) throws {
        let sealed = try #require(Self.octets(hex))
        let other = Secret("another passphrase of before, unused")
        let opened = try LegacySeal.open(sealed, passphrases: [other, Self.passphrase], for: Self.place)
        #expect(opened.matches(Secret(Self.plaintext)))
    }

    @Test("a wrong passphrase, an altered and a shortened value are errors that name the row and nothing else")
    func refuses() throws {
        let sealed = try #require(Self.octets(Self.vectors[2].1))
        var altered = sealed
        altered[altered.count - 1] ^= 1
        for (octets, phrase) in [
            (sealed, Secret("a wrong passphrase of enough length")), (altered, Self.passphrase),
            (Array(sealed.prefix(20)), Self.passphrase), ([], Self.passphrase),
        ] {
            #expect(throws: SealingError.notAuthentic(Self.place)) {
                try LegacySeal.open(octets, passphrases: [phrase], for: Self.place)
            }
        }
        #expect(throws: SealingError.needsPassphrase(Self.place)) {
            try LegacySeal.open(sealed, passphrases: [], for: Self.place)
        }
        #expect(SealingError.notAuthentic(Self.place).description.contains("issuers.encrypted_config of iss-old"))
    }

    @Test("A-22: the reader of v4 takes no value of an earlier format", arguments: vectors)
    func notByAccident(name: String, hex: String) throws {
        let sealer = Sealer(masterKey: try MasterKey(passphrase: Self.passphrase))
        let sealed = try #require(Self.octets(hex))
        #expect(throws: SealingError.unknownFormat(Self.place)) { try sealer.open(sealed, for: Self.place) }
    }

    static func octets(_ hex: String) -> [UInt8]? {
        var octets: [UInt8] = []
        var rest = hex[...]
        while !rest.isEmpty {
            guard let octet = UInt8(rest.prefix(2), radix: 16) else { return nil }
            octets.append(octet)
            rest = rest.dropFirst(2)
        }
        return octets
    }
}
