import Domain
import Sealing
import Testing

@Suite("Security §10.3: several keys at once")
struct KeyRingTests {
    private static let place = SealedPlace(table: "issuers", column: "encrypted_config", rowID: "iss-1")

    private static func key(_ fill: UInt8) throws -> MasterKey {
        try MasterKey(generated: Secret([UInt8](repeating: fill, count: 32)))
    }

    @Test("A-22: values of both keys open, the active one seals, and sealing again changes the key and nothing else")
    func rotation() throws {
        let (old, new) = (try Self.key(1), try Self.key(2))
        let ring = KeyRing(new, others: [old])
        let sealer = Sealer(ring: ring)
        let (oldID, newID) = (KeyEncryptionKey(old).id, KeyEncryptionKey(new).id)
        #expect(ring.activate(oldID) && sealer.keyID == oldID)
        let sealed = sealer.seal(Array("secret".utf8), for: Self.place)
        #expect(Sealer.keyID(of: sealed) == oldID)
        #expect(try sealer.resealed(sealed, for: Self.place) == nil)
        #expect(ring.activate(newID))
        let again = try #require(try sealer.resealed(sealed, for: Self.place))
        #expect(Sealer.keyID(of: again) == newID)
        for value in [sealed, again] { #expect(try sealer.open(value, for: Self.place).matches(Secret("secret"))) }
        let alone = Sealer(masterKey: new)
        #expect(try alone.open(again, for: Self.place).matches(Secret("secret")))
        #expect(throws: SealingError.wrongKey(Self.place, keyID: oldID)) { try alone.open(sealed, for: Self.place) }
        #expect(!ring.activate("0000000000000000") && ring.active.id == newID)
    }

    @Test("A-22: a value whose key id is changed does not open: the id is part of what is authenticated")
    func keyIDIsBound() throws {
        let (one, two) = (try Self.key(1), try Self.key(2))
        let sealer = Sealer(ring: KeyRing(one, others: [two]))
        var sealed = sealer.seal([1, 2, 3], for: Self.place)
        let other = Sealer(masterKey: two).seal([1], for: Self.place)
        sealed.replaceSubrange(2..<10, with: other[2..<10])
        #expect(throws: SealingError.notAuthentic(Self.place)) { try sealer.open(sealed, for: Self.place) }
    }

    @Test("codes stay valid when the root is replaced")
    func codeKeys() throws {
        let (old, new) = (try Self.key(1), try Self.key(2))
        let before = Sealer(masterKey: old)
        let code = before.mac(.apiKeyPepper, [1, 2])
        let ring = KeyRing(new, others: [old])
        #expect(Sealer(ring: ring).mac(.apiKeyPepper, [1, 2]) != code)
        ring.use(codeKeys: KeyEncryptionKey(old).codeKeys)
        #expect(Sealer(ring: ring).mac(.apiKeyPepper, [1, 2]) == code)
    }

    @Test("keys, rings and roots show nothing of themselves")
    func redaction() throws {
        let key = try MasterKey(passphrase: Secret("a passphrase that nobody may ever see here"))
        let shown = [
            String(describing: key), String(reflecting: key), String(reflecting: KeyEncryptionKey(key)),
            String(reflecting: KeyRing(key)), String(reflecting: Sealer(masterKey: key)),
        ]
        for text in shown { #expect(!text.contains("nobody may"), "\(text)") }
        var dumped = ""
        dump(KeyEncryptionKey(key), to: &dumped)
        dump(Sealer(masterKey: key), to: &dumped)
        #expect(!dumped.contains("nobody may"))
    }
}
