import Domain
import EmbeddedCA
import Foundation
import HostEffects
import PKI
import TestSupport
import Testing

@testable import ExternalSigner

#if canImport(Glibc)
    import Glibc
#endif

@Suite("Issuers §5.2: keys in files")
struct FileKeyDriverTests {
    private static let passphrase = "quercus-and-tilia-77"

    /// A directory of keys and a place outside of it.
    private struct Stage {
        let directory: TemporaryDirectory
        var root: String { directory.path("keys") }

        init() throws {
            directory = try TemporaryDirectory("keys")
            try FileManager.default.createDirectory(
                atPath: directory.path("keys"), withIntermediateDirectories: true,
                attributes: [.posixPermissions: 0o700])
        }

        func path(_ name: String) -> String { "\(root)/\(name)" }

        func driver(_ passphrase: String? = nil, root: String? = nil, gate: FileSystem.Gate? = nil) -> FileKeyDriver {
            FileKeyDriver(
                directory: root ?? self.root, passphrase: { passphrase.map { Secret($0) } }, iterations: 1000,
                fileSystem: FileSystem(gate: gate), time: .system, random: .system)
        }

        func write(_ text: String, to path: String, mode: Int = 0o600) throws {
            try text.write(toFile: path, atomically: false, encoding: .utf8)
            try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
        }

        func openssl(_ arguments: [String]) async throws {
            let outcome = try await runProgram("/usr/bin/openssl", arguments, logs: directory.url)
            try #require(outcome.status == 0, "\(outcome.errors)")
        }
    }

    private func refusal(_ body: () async throws -> Void) async -> String {
        do {
            try await body()
            return "was done"
        } catch {
            return "\(error)"
        }
    }

    @Test("keys as openssl writes them: PKCS#8, SEC 1 and PKCS#1, and PKCS#8 under a passphrase")
    func formats() async throws {
        let stage = try Stage()
        let pass = ["-passout", "pass:\(Self.passphrase)"]
        let commands: [(name: String, kind: String, arguments: [String])] = [
            ("p8", "ECDSA-P256", ["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]),
            ("sec1", "ECDSA-P384", ["ecparam", "-genkey", "-name", "secp384r1"]),
            ("pkcs1", "RSA-2048", ["genrsa", "-traditional"]), ("ed", "Ed25519", ["genpkey", "-algorithm", "ED25519"]),
            (
                "encrypted", "ECDSA-P521",
                ["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-521", "-aes-256-cbc"]
                    + ["-pass", "pass:\(Self.passphrase)"]
            ),
        ]
        for (name, kind, arguments) in commands {
            let out = ["-out", stage.path(name)]
            // The size of an RSA key is the last word of its command.
            try await stage.openssl(arguments + out + (name == "pkcs1" ? ["2048"] : []))
            try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: stage.path(name))
            let signer = try await stage.driver(Self.passphrase).load(stage.path(name), for: .authority)
            #expect(signer.publicKey.name == kind)
            try await signer.prove()
        }
        // Encrypted the old way, with headers: the way out is told.
        try await stage.openssl(
            ["rsa", "-in", stage.path("pkcs1"), "-traditional", "-aes256", "-out", stage.path("old")] + pass)
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: stage.path("old"))
        #expect(
            await refusal { _ = try await stage.driver(Self.passphrase).load(stage.path("old"), for: .authority) }
                .contains("openssl pkcs8 -topk8"))
        let none = await refusal { _ = try await stage.driver().load(stage.path("encrypted"), for: .authority) }
        #expect(none.contains("CERTCTL_CA_KEY_PASSPHRASE_FILE"), "\(none)")
        let wrong = await refusal {
            _ = try await stage.driver("another").load(stage.path("encrypted"), for: .authority)
        }
        #expect(wrong.contains("does not open the key") && !wrong.contains("another"), "\(wrong)")
        // The passphrase of the issuer goes before that of the settings.
        let own = KeyDriverRegistry([stage.driver("another")]).unlocking(with: Secret(Self.passphrase))
        let key = try await own.load(KeyReference(driver: "file", ref: stage.path("encrypted")))
        #expect(key.publicKey.name == "ECDSA-P521")
    }

    @Test("a key is made once, encrypted when there is a passphrase, and nobody else may open it")
    func making() async throws {
        let stage = try Stage()
        let driver = stage.driver(Self.passphrase)
        let ref = stage.path("root.key")
        let (drivers, key) = (KeyDriverRegistry([driver]), KeyReference(driver: "file", ref: ref))
        #expect(try await !driver.examine(ref))
        #expect(!FileManager.default.fileExists(atPath: ref))
        let made = try await withThrowingTaskGroup(of: ObtainedKey.self) { group in
            for _ in 0..<4 { group.addTask { try await drivers.obtain(.ecdsaP384, at: key) } }
            return try await group.reduce(into: [ObtainedKey]()) { $0.append($1) }
        }
        #expect(made.filter(\.isNew).count == 1 && made.allSatisfy(\.isOwn))
        #expect(Set(made.map(\.signer.publicKey.spkiSHA256)).count == 1)
        let text = try String(contentsOfFile: ref, encoding: .utf8)
        #expect(text.hasPrefix("-----BEGIN ENCRYPTED PRIVATE KEY-----"))
        let mode = try FileManager.default.attributesOfItem(atPath: ref)[.posixPermissions] as? Int
        #expect(mode == 0o600)
        #expect(try FileManager.default.contentsOfDirectory(atPath: stage.root) == ["root.key"])
        // Another process finds it, and did not make it.
        let others = KeyDriverRegistry([stage.driver(Self.passphrase)])
        let found = try await others.obtain(nil, at: key)
        #expect(!found.isNew && !found.isOwn && found.ref == ref)
        let kind = await refusal { _ = try await driver.obtain(.rsa2048, at: ref, for: .authority) }
        #expect(kind.contains("is ECDSA-P384, and not RSA-2048"), "\(kind)")
        #expect(
            await refusal { _ = try await driver.generate(.ecdsaP384, label: ref, for: .authority) }
                .contains("already"))
        // Only who made a key takes it away.
        #expect(
            await refusal { try await others.discard(key) }.contains("not made by this process"))
        try await drivers.unlocking(with: Secret("another")).discard(key)
        #expect(!FileManager.default.fileExists(atPath: ref))
        let plain = try await stage.driver().generate(.ecdsaP256, label: ref, for: .authority)
        #expect(try String(contentsOfFile: ref, encoding: .utf8).hasPrefix("-----BEGIN PRIVATE KEY-----"))
        #expect(try await stage.driver().load(ref, for: .authority).publicKey == plain.signer.publicKey)
    }

    @Test("a file that is there is never written over, whatever it is, nor one that comes while a key is made")
    func existing() async throws {
        let stage = try Stage()
        let ref = stage.path("a.key")
        for text in ["", "what an operator noted", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
            try stage.write(text, to: ref)
            let refused = await refusal { _ = try await stage.driver().obtain(nil, at: ref, for: .authority) }
            #expect(refused.contains("is not a key"), "\(refused)")
            #expect(try String(contentsOfFile: ref, encoding: .utf8) == text)
        }
        try FileManager.default.removeItem(atPath: ref)
        let theirs = try PrivateKey.generate(.ecdsaP256)
        let text = theirs.pkcs8PEM.withText { $0 }
        let late = stage.driver { effect, path throws(FileError) in
            guard effect == .rename, path == ref else { return }
            guard (try? stage.write(text, to: ref)) != nil else { throw FileError(effect, path, .diskFull) }
        }
        let key = try await late.obtain(nil, at: ref, for: .authority)
        #expect(!key.isNew && key.signer.publicKey == theirs.publicKey)
        #expect(try String(contentsOfFile: ref, encoding: .utf8) == text)
        #expect(try FileManager.default.contentsOfDirectory(atPath: stage.root) == ["a.key"])
    }

    @Test("a disk that fails at any step leaves no key and no half of one")
    func faults() async throws {
        for step in FileEffect.allCases where ![.inspect, .read, .list].contains(step) {
            let stage = try Stage()
            let failing = stage.driver { effect, path throws(FileError) in
                if effect == step { throw FileError(effect, path, .diskFull) }
            }
            let said = await refusal { _ = try await failing.obtain(nil, at: stage.path("k"), for: .authority) }
            let left = try FileManager.default.contentsOfDirectory(atPath: stage.root)
            guard said != "was done" else { continue }
            #expect(said.contains("the disk is full"), "\(step): \(said)")
            // What was linked and could not be synced is whole; it is found the next time.
            for name in left where name == "k" {
                #expect(try await stage.driver().load(stage.path(name), for: .authority).publicKey.name == "ECDSA-P256")
            }
        }
    }

    @Test("nothing outside of the directory is opened, by whatever way it is named")
    func confinement() async throws {
        let stage = try Stage()
        let outside = stage.directory.path("outside.key")
        let key = try PrivateKey.generate(.ecdsaP256)
        try stage.write(key.pkcs8PEM.withText { $0 }, to: outside)
        try stage.write(key.pkcs8PEM.withText { $0 }, to: stage.path("inside.key"))
        try FileManager.default.createSymbolicLink(atPath: stage.path("out"), withDestinationPath: outside)
        try FileManager.default.createSymbolicLink(
            atPath: stage.path("folder"), withDestinationPath: stage.directory.url.path)
        try FileManager.default.createSymbolicLink(
            atPath: stage.path("alias"), withDestinationPath: stage.path("inside.key"))
        try FileManager.default.createSymbolicLink(atPath: stage.path("loop"), withDestinationPath: stage.path("loop"))
        try FileManager.default.createSymbolicLink(
            atPath: stage.path("dangling"), withDestinationPath: stage.directory.path("new.key"))
        let cases: [(ref: String, reason: String)] = [
            (outside, "is not in"), (stage.root, "is not in"), ("\(stage.root)-more/k", "is not in"),
            (stage.path("../outside.key"), "\"..\""), (stage.path("./inside.key"), "\".\""),
            ("\(stage.root)//inside.key", "empty steps"), ("inside.key", "absolute"), (stage.path("a\nb"), "control"),
            (stage.path("out"), "leads out of"), (stage.path("folder/outside.key"), "leads out of"),
            (stage.path("folder/new.key"), "leads out of"), (stage.path("alias"), "symbolic link"),
            (stage.path("loop"), "leads out of"), (stage.path("dangling"), "leads out of"),
            (stage.path("absent/k"), "no such file or directory"),
        ]
        let driver = stage.driver()
        for (ref, reason) in cases {
            for said in [
                await refusal { _ = try await driver.load(ref, for: .authority) },
                await refusal { _ = try await driver.obtain(nil, at: ref, for: .authority) },
                await refusal { _ = try await driver.examine(ref) },
            ] { #expect(said.contains(reason), "\(ref): \(said)") }
        }
        #expect(!FileManager.default.fileExists(atPath: stage.directory.path("new.key")))
        // The directory itself may be reached through a link, and is made when it is missing.
        let link = stage.directory.path("link")
        try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: stage.root)
        let through = try await stage.driver(root: link).load("\(link)/inside.key", for: .authority)
        #expect(through.publicKey == key.publicKey)
        let fresh = stage.directory.path("fresh")
        _ = try await stage.driver(root: fresh).obtain(nil, at: "\(fresh)/k", for: .authority)
        #expect(try FileManager.default.attributesOfItem(atPath: fresh)[.posixPermissions] as? Int == 0o700)
        let unset = FileKeyDriver(directory: nil, passphrase: { nil }, time: .system, random: .system)
        #expect(
            await refusal { _ = try await unset.load(outside, for: .authority) }.contains("CERTCTL_CA_KEY_DIRECTORY"))
    }

    @Test("a supplied file may be a link, as orchestrators mount them, but not out of the directory")
    func supplied() async throws {
        let stage = try Stage()
        let key = try PrivateKey.generate(.ecdsaP256)
        for path in [stage.path("real.key"), stage.directory.path("outside.key")] {
            try stage.write(key.pkcs8PEM.withText { $0 }, to: path)
        }
        try FileManager.default.createSymbolicLink(
            atPath: stage.path("mounted.key"), withDestinationPath: stage.path("real.key"))
        try FileManager.default.createSymbolicLink(
            atPath: stage.path("out.key"), withDestinationPath: stage.directory.path("outside.key"))
        let confined = stage.driver()
        #expect(
            try await confined.supplied(stage.path("mounted.key"), passphrase: nil).publicKey == key.publicKey)
        for path in [stage.path("out.key"), stage.directory.path("outside.key")] {
            let said = await refusal { _ = try await confined.supplied(path, passphrase: nil) }
            #expect(said.contains("is not in"), "\(said)")
        }
        let free = FileKeyDriver(directory: nil, passphrase: { nil }, time: .system, random: .system)
        #expect(try await free.supplied(stage.path("out.key"), passphrase: nil).publicKey == key.publicKey)
        #expect(
            await refusal { _ = try await free.supplied(stage.path("no"), passphrase: nil) }.contains("does not exist"))
        try FileManager.default.setAttributes([.posixPermissions: 0o640], ofItemAtPath: stage.path("real.key"))
        if geteuid() != 0 {
            await #expect(throws: FileError.self) {
                try await free.supplied(stage.path("mounted.key"), passphrase: nil)
            }
        }
    }

    @Test(
        "a file that others may open, or that belongs to another user, is refused; so is a directory others write into")
    func modes() async throws {
        let stage = try Stage()
        let ref = stage.path("k")
        let text = try PrivateKey.generate(.ecdsaP256).pkcs8PEM.withText { $0 }
        for mode in [0o644, 0o604, 0o620, 0o602] {
            try stage.write(text, to: ref, mode: mode)
            let said = await refusal { _ = try await stage.driver().load(ref, for: .authority) }
            #expect(said.contains("chmod 600"), "\(String(mode, radix: 8)): \(said)")
            #expect(!said.contains("BEGIN"))
        }
        try stage.write(text, to: ref)
        if geteuid() == 0 {
            try #require(chown(ref, 4711, 4711) == 0)
            let said = await refusal { _ = try await stage.driver().load(ref, for: .authority) }
            #expect(said.contains("uid 4711"), "\(said)")
        }
        try FileManager.default.removeItem(atPath: ref)
        try FileManager.default.createDirectory(atPath: ref, withIntermediateDirectories: false)
        #expect(
            await refusal { _ = try await stage.driver().load(ref, for: .authority) }.contains("not a regular file"))
        let pipe = stage.path("pipe")
        try #require(mkfifo(pipe, 0o600) == 0)
        #expect(
            await refusal { _ = try await stage.driver().load(pipe, for: .authority) }.contains("not a regular file"))
        try FileManager.default.setAttributes([.posixPermissions: 0o777], ofItemAtPath: stage.root)
        for said in [
            await refusal { _ = try await stage.driver().obtain(nil, at: stage.path("n"), for: .authority) },
            await refusal { _ = try await stage.driver().examine(stage.path("n")) },
        ] { #expect(said.contains("chmod 700"), "\(said)") }
        #expect(!FileManager.default.fileExists(atPath: stage.path("n")))
    }
}
