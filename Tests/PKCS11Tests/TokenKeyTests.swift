import Domain
import EmbeddedCA
import Foundation
import PKCS11
import PKI
import Synchronization
import TestSupport
import Testing

@Suite("Issuers §5.2: keys in a PKCS#11 token, with SoftHSM 2", .serialized)
struct TokenKeyTests {
    @Test(
        "a key is made in the token, signs certificates that openssl accepts, and cannot be taken out",
        arguments: [KeySpec.ecdsaP256, .ecdsaP384, .ecdsaP521, .rsa2048, .rsa4096])
    func generated(spec: KeySpec) async throws {
        let stage = try await TokenStage.shared.value
        let ref = TokenStage.ref("made")
        let made = try await stage.driver().obtain(spec, at: ref, for: .authority)
        #expect(made.isNew && made.signer.isExternal && made.signer.publicKey.name == spec.rawValue)
        #expect(made.ref.hasPrefix(ref + ";id=%"), "\(made.ref)")
        let root = try await TokenStage.root(made.signer)
        let authority = try LocalCA(
            certificateChain: [root], signer: made.signer, settings: LocalCASettings(), now: TokenStage.now)
        let csr = try CertificationRequestBuilder.makeCSR(
            commonName: "", subjectAltNames: [try SubjectAltName(classifying: "a.example")], key: .generate(.ecdsaP256))
        let leaf = try await authority.issue(
            LocalIssuance(
                serial: RecordedSerial(alreadyRecorded: .random(.system)),
                request: try VerifiedCertificationRequest(csr), commonName: "a.example",
                names: [try SubjectAltName(classifying: "a.example")], now: TokenStage.now))
        let openssl = try OpenSSL()
        try await openssl.succeed(
            "verify", "-x509_strict", "-attime", "1780000100", "-CAfile", openssl.file("root.pem", root.pem),
            openssl.file("leaf.pem", leaf.certificate.pem))
        let told = try await stage.softHSM.p11tool(["--list-all", "\(made.ref)"])
        #expect(told.contains("CKA_SENSITIVE") && told.contains("CKA_NEVER_EXTRACTABLE"), "\(told)")
    }

    @Test("whoever asks again gets the same key; a key of another kind than wanted is refused; a key may be removed")
    func again() async throws {
        let stage = try await TokenStage.shared.value
        let (driver, ref) = (stage.driver(), TokenStage.ref("again"))
        #expect(try await !driver.examine(ref))
        let made = try await driver.obtain(.ecdsaP256, at: ref, for: .authority)
        let again = try await driver.obtain(nil, at: ref, for: .authority)
        #expect(!again.isNew && again.ref == made.ref && again.signer.publicKey == made.signer.publicKey)
        for name in [
            ref, made.ref,
            made.ref.replacing(try #require(PKCS11URI(ref).object), with: "x").replacing("object=x;", with: ""),
        ] {
            let loaded = try await driver.load(name, for: .authority)
            #expect(loaded.publicKey == made.signer.publicKey, "\(name)")
            try await loaded.prove()
        }
        await #expect {
            try await driver.obtain(.rsa2048, at: ref, for: .authority)
        } throws: { "\($0)".contains("is ECDSA-P256, and not RSA-2048") }
        await #expect { try await driver.generate(.ecdsaP256, label: ref, for: .authority) } throws: { error in
            if case .permission = error as? SignerError { true } else { false }
        }
        await #expect(throws: SignerError.self) { try await driver.discard(ref, isOwn: true) }
        try await driver.discard(made.ref, isOwn: true)
        #expect(try await !driver.examine(ref))
        await #expect { try await driver.load(ref, for: .authority) } throws: { error in
            if case .keyNotFound = error as? SignerError { true } else { false }
        }
    }

    @Test("of many that want the same new key at once one makes it, and all get it")
    func together() async throws {
        let stage = try await TokenStage.shared.value
        let drivers = KeyDriverRegistry([stage.driver()])
        let key = KeyReference(driver: "pkcs11", ref: TokenStage.ref("together"))
        let keys = try await withThrowingTaskGroup(of: ObtainedKey.self) { group in
            for _ in 0..<12 { group.addTask { try await drivers.obtain(.ecdsaP256, at: key) } }
            return try await group.reduce(into: [ObtainedKey]()) { $0.append($1) }
        }
        #expect(Set(keys.map(\.ref)).count == 1 && keys.filter(\.isNew).count == 1 && keys.allSatisfy(\.isOwn))
    }

    @Test("a key that another program made is used; two of one name are not guessed between")
    func adopted() async throws {
        let stage = try await TokenStage.shared.value
        let label = "theirs-\(UUID().uuidString.prefix(8))"
        for (id, kind) in [("0101", "rsa"), ("0202", "rsa")] {
            try await stage.softHSM.p11tool([
                "--generate-privkey", kind, "--bits", "2048", "--label", label, "--id", id, "--outfile",
                stage.softHSM.directory.path("pub"), "pkcs11:token=other",
            ])
        }
        let driver = stage.driver()
        let signer = try await driver.load("pkcs11:token=other;object=\(label);id=%02%02", for: .authority)
        #expect(signer.publicKey.name == "RSA-2048")
        try await signer.prove()
        await #expect { try await driver.load("pkcs11:token=other;object=\(label)", for: .authority) } throws: {
            "\($0)".contains("several keys match")
        }
        await #expect { try await driver.load("pkcs11:token=twin;object=\(label)", for: .authority) } throws: {
            "\($0)".contains("2 tokens match token \"twin\"")
        }
    }

    @Test("RSASSA-PSS is made by the token as X.509 has it")
    func pss() async throws {
        let stage = try await TokenStage.shared.value
        let made = try await stage.driver().obtain(.rsa2048, at: TokenStage.ref("pss"), for: .authority)
        for hash in SignatureAlgorithm.Hash.allCases {
            let template = RevocationListTemplate(
                issuer: try DistinguishedName(commonName: "PSS"), updates: (TokenStage.now, TokenStage.now + .days(1)),
                number: CRLNumber(1), signatureAlgorithm: .rsaPSS(hash),
                authorityKeyIdentifier: made.signer.publicKey.keyIdentifier)
            let frame = try template.frame(entryOctets: 0)
            let signature = try await made.signer.sign(frame.permit(RevocationListBlocks()))
            let (head, tail) = frame.closed(signature: signature)
            #expect(try CertificateRevocationList(der: head + tail).verifySignature(with: made.signer.publicKey))
        }
    }

    @Test("a wrong PIN is said, tried once, and corrected without a restart")
    func wrongPIN() async throws {
        let stage = try await TokenStage.shared.value
        let pin = Mutex<String?>(nil)
        let module = stage.module
        let driver = TokenKeyDriver(
            module: module, sessions: 2, timeout: .seconds(20), pin: { pin.withLock { $0.map { Secret($0) } } })
        // Logged in is the process: this token is nobody else's.
        let ref = TokenStage.ref("pin", token: "pin")
        await #expect { try await driver.obtain(nil, at: ref, for: .authority) } throws: {
            "\($0)".contains("CERTCTL_PKCS11_PIN_FILE")
        }
        pin.withLock { $0 = "not-the-pin" }
        for attempt in ["CKR_PIN_INCORRECT", "wrong before", "wrong before", "wrong before", "wrong before"] {
            await #expect { try await driver.obtain(nil, at: ref, for: .authority) } throws: {
                "\($0)".contains(attempt) && "\($0)".contains("token \"pin\"") && !"\($0)".contains("not-the-pin")
            }
        }
        pin.withLock { $0 = SoftHSM.pin }
        try await driver.obtain(nil, at: ref, for: .authority).signer.prove()
    }

    @Test(
        "a module that is none is said, with its path",
        arguments: [
            ("/nonexistent/module.so", "cannot open"), ("/etc/hostname", "too short"),
            ("/usr/lib/x86_64-linux-gnu/libz.so.1", "no PKCS#11 module"),
        ])
    func notAModule(path: String, reason: String) async throws {
        let driver = TokenKeyDriver(
            module: TokenModule(path: path), sessions: 1, timeout: .seconds(20), pin: { nil })
        await #expect { try await driver.examine("pkcs11:token=certctl;object=x") } throws: { error in
            guard case .unsupported(let text) = error as? SignerError else { return false }
            return text.contains(path) && text.contains(reason)
        }
        let none = TokenKeyDriver(module: nil, sessions: 1, timeout: .seconds(20), pin: { nil })
        await #expect { try await none.examine("pkcs11:token=certctl;object=x") } throws: {
            "\($0)".contains("CERTCTL_PKCS11_MODULE")
        }
    }

    @Test("many signatures at once, over few sessions")
    func storm() async throws {
        let stage = try await TokenStage.shared.value
        let driver = stage.driver(sessions: 3)
        let signers = try await [TokenStage.ref("storm"), TokenStage.ref("storm")].asyncMap {
            try await driver.obtain(.ecdsaP256, at: $0, for: .authority).signer
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for index in 0..<200 { group.addTask { try await signers[index % 2].prove() } }
            try await group.waitForAll()
        }
        #expect(driver.executor.queueLength == 0)
    }

    @Test("a token that is away fails what needs it as worth a retry; when it is back, the same signer signs again")
    func away() async throws {
        let stage = try await TokenStage.shared.value
        let signer = try await stage.driver().obtain(.ecdsaP256, at: TokenStage.ref("away"), for: .authority).signer
        try await signer.prove()
        try stage.softHSM.takeAway()
        for _ in 0..<3 {
            await #expect { try await signer.prove() } throws: { error in
                if case .transient = error as? SignerError { true } else { false }
            }
        }
        try stage.softHSM.putBack()
        let isBack = await eventually(within: .seconds(20), every: .milliseconds(100)) {
            (try? await signer.prove()) != nil
        }
        #expect(isBack)
    }

    @Test("a token that stalls holds its own threads, nobody waits longer than the deadline, and it recovers")
    func stalled() async throws {
        let stage = try await TokenStage.shared.value
        let driver = stage.driver(sessions: 2, timeout: .milliseconds(700))
        let signer = try await driver.obtain(.ecdsaP256, at: TokenStage.ref("stall"), for: .authority).signer
        let holder = try await stage.softHSM.stall()
        let clock = ContinuousClock()
        let took = try await clock.measure {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<20 {
                    group.addTask {
                        await #expect { try await signer.prove() } throws: { error in
                            guard case .transient(let text) = error as? SignerError else { return false }
                            return text.contains("did not answer within")
                        }
                    }
                }
                try await group.waitForAll()
            }
        }
        #expect(took < .seconds(5), "\(took)")
        #expect(driver.executor.busyThreads == 2 && driver.executor.queueLength == 0)
        // Other keys sign meanwhile.
        let other = InProcessSigner(key: try .generate(.rsa2048))
        #expect(try await clock.measure { try await other.prove() } < .seconds(2))
        await holder.killAtOnce()
        let isBack = await eventually(within: .seconds(20), every: .milliseconds(100)) {
            (try? await signer.prove()) != nil
        }
        #expect(isBack)
        #expect(await eventually { driver.executor.busyThreads == 0 })
    }
}

extension Sequence {
    fileprivate func asyncMap<Result>(_ transform: (Element) async throws -> Result) async rethrows -> [Result] {
        var results: [Result] = []
        for element in self { results.append(try await transform(element)) }
        return results
    }
}
