import Domain
import Foundation
import HostEffects
import PKI
import TestSupport
import Testing

@testable import AgentRuntime

@Suite("targets §1.8: a working private key is never destroyed")
struct KeySlotTests {
    static let certificate = CertificateID(stored: "cert-web")

    let directory: TemporaryDirectory
    let host = MortalHost()

    init() throws { directory = try TemporaryDirectory("keys") }

    private func slot(_ fileSystem: FileSystem = .live, history: Int = 2) -> KeySlot {
        let root = DurableFolder(directory: directory.path("keys"), fileSystem: fileSystem, random: .system)
        return KeySlot(
            folder: root.folder(Self.certificate.text), history: history,
            generate: { spec in try PrivateKey.generate(spec) }
        )
    }

    private func version(_ number: Int) -> VersionID { VersionID(stored: "certver-\(number)") }

    private func files() -> [String] {
        let path = directory.path("keys/cert-web")
        return ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).sorted()
    }

    @Test("a request that is repeated carries the same key")
    func pendingIsReused() throws {
        let first = try slot().pendingKey(for: .ecdsaP256)
        #expect(try slot().pendingKey(for: .ecdsaP256).publicKey == first.publicKey)
    }

    @Test("files are 0600, directories 0700, keys PKCS#8")
    func modes() throws {
        _ = try slot().pendingKey(for: .ecdsaP256)
        let manager = FileManager.default
        let file = directory.path("keys/cert-web/pending.key")
        for (path, mode) in [(file, 0o600), (directory.path("keys/cert-web"), 0o700), (directory.path("keys"), 0o700)] {
            #expect(try manager.attributesOfItem(atPath: path)[.posixPermissions] as? Int == mode)
        }
        #expect(try String(contentsOfFile: file, encoding: .utf8).hasPrefix("-----BEGIN PRIVATE KEY-----"))
    }

    @Test("a waiting key of another kind is put aside and still found by its certificate")
    func otherSpec() throws {
        let first = try slot().pendingKey(for: .ecdsaP256)
        let second = try slot().pendingKey(for: .ecdsaP384)
        #expect(second.publicKey.name == "ECDSA-P384")
        #expect(try slot().key(matching: first.publicKey, version: version(1))?.publicKey == first.publicKey)
        #expect(files().contains("certver-1.key"))
        #expect(try slot().pendingKey(for: .ecdsaP384).publicKey == second.publicKey)
    }

    @Test("a pinned key leaves pending, and pinning again changes nothing")
    func pin() throws {
        let key = try slot().pendingKey(for: .ecdsaP256)
        try slot().pin(key, to: version(1))
        try slot().pin(key, to: version(1))
        #expect(files() == ["certver-1.key", "slot.json"])
        #expect(try slot().currentVersion() == nil)
    }

    @Test("one version never gets two keys")
    func versionTaken() throws {
        try slot().pin(try PrivateKey.generate(.ecdsaP256), to: version(1))
        let other = try slot().pendingKey(for: .ecdsaP256)
        #expect(throws: KeySlotError.versionTaken(version(1))) { try slot().pin(other, to: version(1)) }
        #expect(try slot().pendingKey(for: .ecdsaP256).publicKey == other.publicKey)
    }

    @Test("identifiers that would take the place of other files are refused", arguments: ["pending", "unused-1"])
    func reserved(text: String) throws {
        let version = try VersionID(text)
        let key = try slot().pendingKey(for: .ecdsaP256)
        #expect(throws: KeySlotError.reservedVersion(version)) { try slot().pin(key, to: version) }
    }

    @Test("current follows proven versions, keeps two older ones and overwrites the rest")
    func history() throws {
        for number in 1...4 {
            try slot().pin(try slot().pendingKey(for: .ecdsaP256), to: version(number))
            try slot().promote(version(number))
            #expect(try slot().currentVersion() == version(number))
        }
        #expect(files() == ["certver-2.key", "certver-3.key", "certver-4.key", "current", "slot.json"])
        let link = try FileManager.default.destinationOfSymbolicLink(atPath: directory.path("keys/cert-web/current"))
        #expect(link == "certver-4.key")
    }

    @Test("a late deployment of an older version does not turn current back")
    func lateDeployment() throws {
        for number in 1...2 { try slot().pin(try slot().pendingKey(for: .ecdsaP256), to: version(number)) }
        try slot().promote(version(2))
        try slot().promote(version(1))
        #expect(try slot().currentVersion() == version(2))
        #expect(files().contains("certver-1.key"))
    }

    @Test("the key of an unproven newer version survives the proof of an older one")
    func unprovenSurvives() throws {
        for number in 1...5 { try slot().pin(try slot().pendingKey(for: .ecdsaP256), to: version(number)) }
        try slot().promote(version(4))
        #expect(
            files() == ["certver-2.key", "certver-3.key", "certver-4.key", "certver-5.key", "current", "slot.json"])
    }

    @Test("a version without a key cannot become current")
    func unknownVersion() throws {
        _ = try slot().pendingKey(for: .ecdsaP256)
        #expect(throws: KeySlotError.unknownVersion(version(9))) { try slot().promote(version(9)) }
    }

    @Test("a foreign public key finds nothing, whatever version it claims")
    func foreignKey() throws {
        let key = try slot().pendingKey(for: .ecdsaP256)
        try slot().pin(key, to: version(1))
        let foreign = try PrivateKey.generate(.ecdsaP256).publicKey
        #expect(try slot().key(matching: foreign, version: version(1)) == nil)
        #expect(try slot().key(matching: key.publicKey, version: nil)?.publicKey == key.publicKey)
    }

    @Test("a symbolic link in place of a slot is refused")
    func linkedSlot() throws {
        let elsewhere = directory.path("elsewhere")
        try FileManager.default.createDirectory(atPath: elsewhere, withIntermediateDirectories: true)
        try FileManager.default.createDirectory(atPath: directory.path("keys"), withIntermediateDirectories: true)
        try FileManager.default.createSymbolicLink(
            atPath: directory.path("keys/cert-web"), withDestinationPath: elsewhere
        )
        #expect(throws: FileError.self) { try slot().pendingKey(for: .ecdsaP256) }
        #expect(try FileManager.default.contentsOfDirectory(atPath: elsewhere).isEmpty)
    }

    @Test("death at any effect of a key's life: afterwards the same key goes on, and nothing proven is lost")
    func crashAtEveryEffect() throws {
        try slot().pin(try slot().pendingKey(for: .ecdsaP256), to: version(1))
        try slot().promote(version(1))
        let proven = try #require(try slot().key(matching: publicKey(of: "certver-1.key"), version: version(1)))
        var number = 0
        var isComplete = false
        while !isComplete {
            try? FileManager.default.removeItem(atPath: directory.path("keys/cert-web/pending.key"))
            let before = files().filter { $0.hasSuffix(".key") }.count
            host.die(at: number)
            let next = version(number + 2)
            let submitted = try? lifeOfKey(next)
            isComplete = !host.isDead
            let slot = slot()
            #expect(try slot.key(matching: proven.publicKey, version: version(1)) != nil, "died at \(number)")
            let resumed = try slot.key(matching: submitted ?? slot.pendingKey(for: .ecdsaP256).publicKey, version: next)
            #expect(resumed != nil, "died at \(number)")
            try slot.promote(next)
            #expect(try slot.currentVersion() == next, "died at \(number)")
            #expect(try publicKey(of: "\(next).key") == resumed?.publicKey)
            #expect(files().filter { $0.hasSuffix(".key") }.count <= max(before + 1, 3), "died at \(number)")
            // Put the proven version back in front, as the next renewal would find it.
            try FileManager.default.removeItem(atPath: directory.path("keys/cert-web"))
            try self.slot().pin(proven, to: version(1))
            try self.slot().promote(version(1))
            number += 1
        }
        #expect(number > 10)
    }

    /// From the making of a key to its proof. The public key counts as submitted once the first step returned.
    private func lifeOfKey(_ version: VersionID) throws -> SubjectPublicKey? {
        let slot = slot(host.fileSystem)
        let key = try slot.pendingKey(for: .ecdsaP256)
        do {
            try slot.pin(key, to: version)
            try slot.promote(version)
        } catch {
            return key.publicKey
        }
        return key.publicKey
    }

    private func publicKey(of name: String) throws -> SubjectPublicKey {
        let pem = try String(contentsOfFile: directory.path("keys/cert-web/\(name)"), encoding: .utf8)
        return try PrivateKey(pem: pem).publicKey
    }
}
