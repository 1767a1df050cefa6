import Domain
import EmbeddedCA
import Encoding
import Foundation
import HostEffects
import PKI
import Synchronization
import TestSupport
import Testing

@testable import ExternalSigner

@Suite("security §10.5: keys of a signer on its disk")
struct KeyFolderTests {
    @Test("a key is encrypted PKCS#8 that openssl opens with the passphrase and not without; nobody else may read it")
    func format() async throws {
        let stage = try SignerStage()
        let made = try await stage.driver().obtain(.ecdsaP256, at: "signer:ca1", for: .authority)
        let file = "\(stage.keys)/ca1.key"
        for (path, mode) in [(file, 0o600), ("\(stage.keys)/ca1.policy.json", 0o600), (stage.keys, 0o700)] {
            let attributes = try FileManager.default.attributesOfItem(atPath: path)
            #expect((attributes[.posixPermissions] as? Int) == mode, "\(path)")
        }
        let openssl = try OpenSSL()
        let shown = try await openssl.run(
            "pkey", "-in", file, "-passin", "pass:\(SignerStage.passphrase)", "-pubout")
        let block = try PEMBlock.single(shown.output, labels: ["PUBLIC KEY"])
        #expect(block.octets == made.signer.publicKey.spkiDER)
        #expect(try await openssl.run("pkey", "-in", file, "-passin", "pass:wrong", "-pubout").status != 0)
        let parsed = try await openssl.run("asn1parse", "-in", file)
        #expect(parsed.output.contains("aes-256-cbc") && parsed.output.contains("hmacWithSHA256"), "\(parsed.output)")
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: stage.keys).sorted() == ["ca1.key", "ca1.policy.json"])
    }

    @Test("the key of another program is taken when it is encrypted under the passphrase")
    func foreign() async throws {
        let stage = try SignerStage()
        let openssl = try OpenSSL()
        let plain = try openssl.file("plain.pem", "")
        try await openssl.succeed("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", plain)
        let file = "\(stage.keys)/sub.key"
        try await openssl.succeed(
            "pkcs8", "-topk8", "-v2", "aes256", "-v2prf", "hmacWithSHA256", "-in", plain, "-passout",
            "pass:\(SignerStage.passphrase)", "-out", file)
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: file)
        let key = try await stage.driver().obtain(nil, at: "signer:sub", for: .authority)
        #expect(!key.isNew && key.signer.publicKey.name == "RSA-2048")
        try await key.signer.prove()
        await #expect(throws: SignerError.self) {
            try await stage.driver().obtain(.ecdsaP256, at: "signer:sub", for: .authority)
        }
        // The same key in the clear is refused.
        try FileManager.default.copyItem(atPath: plain, toPath: "\(stage.keys)/clear.key")
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: "\(stage.keys)/clear.key")
        await #expect { try await stage.driver().load("signer:clear", for: .authority) } throws: {
            "\($0)".contains("is not encrypted")
        }
    }

    @Test(
        "a file that others may open, a link, a wrong passphrase: refused with what to do, and nothing is written over")
    func refusals() async throws {
        let stage = try SignerStage()
        _ = try await stage.driver().obtain(nil, at: "signer:ca1", for: .authority)
        let good = try String(contentsOfFile: "\(stage.keys)/ca1.key", encoding: .utf8)
        try stage.write("open.key", good, mode: 0o640)
        try FileManager.default.createSymbolicLink(atPath: "\(stage.keys)/link.key", withDestinationPath: "ca1.key")
        try stage.write("junk.key", "junk")
        for (name, reason) in [("open", "chmod 600"), ("link", "symbolic link"), ("junk", "cannot be read")] {
            await #expect { try await stage.driver().obtain(nil, at: "signer:\(name)", for: .authority) } throws: {
                "\($0)".contains(reason)
            }
        }
        #expect(try String(contentsOfFile: "\(stage.keys)/open.key", encoding: .utf8) == good)
        #expect(throws: SignerStartError.self) { try stage.folder("short") }
        #expect { try stage.folder("another passphrase").check() } throws: {
            "\($0)".contains("passphrase does not open")
        }
        #expect(try stage.folder().check() >= 1)
    }

    @Test("of many that ask for one name at once all get one key, and one of them is told that it made it")
    func together() async throws {
        let stage = try SignerStage()
        let drivers = [stage.driver(), stage.driver()]
        var keys: [ReachedKey] = []
        try await withThrowingTaskGroup(of: ReachedKey.self) { group in
            for number in 0..<12 {
                group.addTask { try await drivers[number % 2].obtain(nil, at: "signer:same", for: .authority) }
            }
            for try await key in group { keys.append(key) }
        }
        #expect(Set(keys.map(\.signer.publicKey)).count == 1 && keys.filter(\.isNew).count == 1)
    }

    @Test("whatever effect fails while a key is made: there is no key, or the whole key, and asking again gives one")
    func faults() throws {
        let name = try SignerKeyName("k")
        var failures = 0
        for fault in 0..<64 {
            let directory = try TemporaryDirectory("keys")
            let count = Mutex(-1)
            let gate = FileSystem { effect, path throws(FileError) in
                // Counts from when it is armed, at the making of the key.
                let index = count.withLock { count in
                    if count >= 0 { count += 1 }
                    return count
                }
                if index == fault + 1 { throw FileError(effect, path, .diskFull) }
            }
            let folder = try KeyFolder(
                directory.path("keys"), passphrase: Secret(SignerStage.passphrase), iterations: 10, fileSystem: gate,
                time: .system, random: .system)
            count.withLock { $0 = 0 }
            let made = try? folder.obtain(name, nil, .authority, mayMake: true).key.publicKey
            let isBeyond = count.withLock { $0 } <= fault
            if made == nil { failures += 1 }
            let again = try KeyFolder(
                directory.path("keys"), passphrase: Secret(SignerStage.passphrase), iterations: 10, time: .system,
                random: .system)
            _ = try again.check()
            let after = try again.obtain(name, nil, .authority, mayMake: true)
            if let made { #expect(after.key.publicKey == made && !after.isNew) }
            #expect(try again.policy(name).purposes == .authority)
            if isBeyond { break }
        }
        #expect(failures > 5)
    }

    @Test(
        "a policy that is not understood allows nothing",
        arguments: [
            "", "[]", "{}", #"{"purposes":[]}"#, #"{"purposes":["leaf","ocsp"]}"#, #"{"purposes":["test"]}"#,
            #"{"purposes":["leaf"],"max_signature_per_minute":5}"#, #"{"purposes":"leaf"}"#,
            #"{"purposes":["leaf",1]}"#,
            #"{"purposes":["leaf"],"max_signatures_per_minute":0}"#,
            #"{"purposes":["leaf"],"max_signatures_per_minute":"5"}"#,
            #"{"purposes":["leaf"],"leaf":[]}"#, #"{"purposes":["leaf"],"leaf":{"a":null}}"#,
            #"{"purposes":["leaf"],"leaf":{"":{}}}"#, #"{"purposes":["leaf"],"profiles":{}}"#,
            #"{"purposes":["leaf"],"leaf":{"a":{"max_validty":"90d"}}}"#,
            #"{"purposes":["leaf"],"leaf":{"a":{"max_validity":90}}}"#,
            #"{"purposes":["leaf"],"leaf":{"a":{"max_validity":"0d"}}}"#,
            #"{"purposes":["leaf"],"leaf":{"a":{"max_validity":"-1d"}}}"#,
            #"{"purposes":["leaf"],"leaf":{"a":{"max_validity":"1y"}}}"#,
            #"{"purposes":["leaf"],"leaf":{"a":{"max_validity":"99999d"}}}"#,
            #"{"purposes":["leaf"],"leaf":{"a":{"max_path_length":0}}}"#,
            #"{"purposes":["ca"],"ca":{"a":{"max_path_length":-1}}}"#,
            #"{"purposes":["leaf"],"leaf":{"a":{"ekus":[]}}}"#,
            #"{"purposes":["leaf"],"leaf":{"a":{"ekus":["server"]}}}"#,
            #"{"purposes":["leaf"],"leaf":{"a":{"ekus":"serverAuth"}}}"#,
            #"{"purposes":["leaf"],"leaf":{"a":{"permitted":{}}}}"#,
            #"{"purposes":["leaf"],"leaf":{"a":{"permitted":{"dns":[]}}}}"#,
            #"{"purposes":["leaf"],"leaf":{"a":{"permitted":["corp.example"]}}}"#,
            #"{"purposes":["leaf"],"leaf":{"a":{"permitted":{"host":["corp.example"]}}}}"#,
            #"{"purposes":["leaf"],"leaf":{"a":{"permitted":{"dns":["*.corp.example"]}}}}"#,
            #"{"purposes":["leaf"],"leaf":{"a":{"permitted":{"ip":["10.0.0.1/8"]}}}}"#,
            #"{"purposes":["leaf"],"leaf":{"a":{"excluded":{"dns":[7]}}}}"#,
            #"{"purposes":["crl"],"crl":{}}"#, #"{"purposes":["crl"],"crl":{"max_validity":"7"}}"#,
            #"{"purposes":["ocsp"],"ocsp":"7d"}"#, #"{"purposes":["leaf"],"purposes":["ca"]}"#,
        ])
    func policies(text: String) {
        #expect(throws: KeyPolicyError.self) { try KeyPolicy(parsing: Array(text.utf8)) }
    }

    @Test("a policy is read as it was written")
    func policy() throws {
        for policy in [
            KeyPolicy(purposes: .authority, signaturesPerMinute: 7),
            KeyPolicy(purposes: .responder, signaturesPerMinute: nil),
        ] {
            #expect(try KeyPolicy(parsing: Array(policy.text.utf8)) == policy)
        }
    }

    @Test("no sixty seconds have more signatures than the ceiling", arguments: 0..<10 as Range<UInt64>)
    func ceiling(seed: UInt64) {
        var (input, ceiling) = (SeededInput(seed), SignatureCeiling())
        var (admitted, second): ([Int64], Int64) = ([], 0)
        for _ in 0..<3000 {
            second += Int64([0, 0, 0, 1, 2, 30, 61][input.below(7)])
            let recent = admitted.filter { $0 > second - 60 }.count
            let isAdmitted = ceiling.admit(at: second, limit: 20)
            #expect(isAdmitted == (recent < 20))
            if isAdmitted { admitted.append(second) }
        }
    }
}
