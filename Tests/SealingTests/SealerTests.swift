import Domain
import Sealing
import Testing

@Suite("Security §10: sealed values")
struct SealerTests {
    static let place = SealedPlace(table: "ca_keys", column: "key_sealed", rowID: "dbkey-1")

    static func sealer(_ fill: UInt8 = 1) throws -> Sealer {
        Sealer(masterKey: try MasterKey(generated: Secret([UInt8](repeating: fill, count: 32))))
    }

    @Test("what is sealed opens in its place", arguments: [0, 1, 15, 16, 17, 5000])
    func roundTrip(count: Int) throws {
        let sealer = try Self.sealer()
        let plain = (0..<count).map { UInt8(truncatingIfNeeded: $0) }
        let sealed = sealer.seal(plain, for: Self.place)
        #expect(try sealer.open(sealed, for: Self.place).matches(Secret(plain)))
        #expect(sealed.count == 2 + 8 + 2 + 60 + 12 + count + 16)
        #expect(sealed != sealer.seal(plain, for: Self.place), "keys and nonces are fresh each time")
        #expect(Sealer.keyID(of: sealed) == sealer.keyID)
    }

    @Test(
        "A-22: a value moved to another place does not open",
        arguments: [
            SealedPlace(table: "issuers", column: "key_sealed", rowID: "dbkey-1"),
            SealedPlace(table: "ca_keys", column: "other", rowID: "dbkey-1"),
            SealedPlace(table: "ca_keys", column: "key_sealed", rowID: "dbkey-2"),
        ])
    func moved(place: SealedPlace) throws {
        let sealer = try Self.sealer()
        let sealed = sealer.seal([1, 2, 3], for: Self.place)
        #expect(throws: SealingError.notAuthentic(place)) { try sealer.open(sealed, for: place) }
    }

    @Test("every altered octet and every shortened form is refused")
    func tampered() throws {
        let sealer = try Self.sealer()
        let sealed = sealer.seal(Array("a private key".utf8), for: Self.place)
        for index in sealed.indices {
            var altered = sealed
            altered[index] ^= 0x01
            #expect(throws: SealingError.self, "octet \(index)") { try sealer.open(altered, for: Self.place) }
            #expect(throws: SealingError.self, "prefix \(index)") {
                try sealer.open(Array(sealed[..<index]), for: Self.place)
            }
        }
        #expect(throws: SealingError.self) { try sealer.open(sealed + [0], for: Self.place) }
    }

    @Test("a wrong key is reported as such, by its id")
    func wrongKey() throws {
        let first = try Self.sealer(1)
        let second = try Self.sealer(2)
        let sealed = first.seal([1], for: Self.place)
        #expect(throws: SealingError.wrongKey(Self.place, keyID: first.keyID)) {
            try second.open(sealed, for: Self.place)
        }
        #expect(first.accepts(keyCheckValue: first.keyCheckValue))
        #expect(!second.accepts(keyCheckValue: first.keyCheckValue))
    }

    @Test("errors and descriptions never hold the value")
    func redaction() throws {
        let sealer = try Self.sealer()
        let key = try MasterKey(generated: Secret("0123456789abcdef0123456789abcdef"))
        #expect(String(describing: key) == "***")
        #expect(String(reflecting: key).contains("0123") == false)
        let sealed = sealer.seal(Array("topsecret".utf8), for: Self.place)
        #expect("\(try sealer.open(sealed, for: Self.place))" == "***")
    }

    @Test("root secrets below 32 octets are refused; a passphrase derives the same keys each time")
    func masterKey() throws {
        #expect(throws: MasterKeyError.tooShort(31)) {
            try MasterKey(generated: Secret([UInt8](repeating: 0, count: 31)))
        }
        let phrase = Secret("correct horse battery staple and more")
        let first = Sealer(masterKey: try MasterKey(passphrase: phrase))
        #expect(first.keyID == Sealer(masterKey: try MasterKey(passphrase: phrase)).keyID)
        #expect(first.keyID != Sealer(masterKey: try MasterKey(generated: phrase)).keyID)
    }

    @Test("codes of different purposes differ, and a changed code does not verify")
    func macs() throws {
        let sealer = try Self.sealer()
        let code = sealer.mac(.cursor, [1, 2])
        #expect(code != sealer.mac(.apiKeyPepper, [1, 2]))
        #expect(sealer.isValid(mac: code, .cursor, [1, 2]))
        #expect(!sealer.isValid(mac: code, .cursor, [1, 3]))
        #expect(!sealer.isValid(mac: Array(code.dropLast()), .cursor, [1, 2]))
    }
}
