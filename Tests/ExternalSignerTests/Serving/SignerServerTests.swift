import Domain
import EmbeddedCA
import Foundation
import HostEffects
import PKI
import Synchronization
import TestSupport
import Testing
import Threads

@testable import ExternalSigner

@Suite("issuers §5: a CA whose key is in a signing process")
struct SignerServerTests {
    @Test(
        "keys of every kind sign root and leaf; the reference stays the key's",
        arguments: [KeySpec.ecdsaP256, .ecdsaP384, .ecdsaP521, .rsa2048, .ed25519, .mlDSA65])
    func life(spec: KeySpec) async throws {
        let stage = try SignerStage()
        let driver = stage.driver()
        #expect(try await driver.examine("signer:ca1") == false)
        let made = try await driver.obtain(spec, at: "signer:ca1", for: .authority)
        #expect(made.isNew && made.ref == "signer:ca1" && made.signer.publicKey.name == spec.rawValue)
        try await made.signer.prove()
        let authority = try await SignerStage.authority(made.signer)
        let leaf = try await SignerStage.leaf(authority)
        #expect(leaf.verifySignature(issuedBy: authority.certificate))
        let loaded = try await stage.driver().load("signer:ca1", for: .authority)
        #expect(loaded.publicKey == made.signer.publicKey && loaded.isExternal)
        let purposes = stage.told.compactMap { if case .signed(let purpose, _) = $0.kind { purpose } else { nil } }
        #expect(purposes == [.test, .ca, .leaf])
        #expect(stage.told.allSatisfy { $0.user == geteuid() && $0.key == "ca1" })
    }

    @Test("the key of a responder signs answers alone and is removed when it is asked; no other key ever is")
    func removal() async throws {
        let stage = try SignerStage()
        let driver = stage.driver()
        let authority = try await driver.obtain(nil, at: "signer:ca1", for: .authority)
        let name = try #require(try driver.neighbour(of: "signer:ca1", named: "ocsp-iss-local-0a1b"))
        #expect(name == "signer:ocsp-iss-local-0a1b")
        let made = try await driver.obtain(.ecdsaP256, at: name, for: .responder)
        #expect(made.isNew && made.signer.purposes == .responder)
        try await made.signer.prove()
        try await driver.discard(name, isOwn: false)
        #expect(try await driver.examine(name) == false)
        #expect(try FileManager.default.contentsOfDirectory(atPath: stage.keys).allSatisfy { !$0.contains("ocsp") })
        await #expect(throws: SignerError.self) { try await made.signer.prove() }
        do {
            try await driver.discard(name, isOwn: true)
            Issue.record("removed twice")
        } catch {
            guard case .keyNotFound = error else {
                Issue.record("\(error)")
                return
            }
        }
        do {
            try await driver.discard("signer:ca1", isOwn: true)
            Issue.record("the key of an authority was removed")
        } catch {
            #expect(error.description.contains("only the operator of the signer removes it"), "\(error)")
        }
        try await authority.signer.prove()
        let again = try await driver.obtain(.ecdsaP256, at: name, for: .responder)
        #expect(again.isNew && again.signer.publicKey != made.signer.publicKey)
        let removed = stage.told.compactMap { if case .removed(let digest) = $0.kind { digest } else { nil } }
        #expect(removed == [made.signer.publicKey.spkiSHA256])
    }

    @Test("the purpose is read from the octets: a key that may sign leaves makes no authority, whatever it is told")
    func disguise() async throws {
        let stage = try SignerStage()
        _ = try await stage.driver().obtain(nil, at: "signer:ca1", for: .authority)
        try stage.write("ca1.policy.json", #"{"purposes": ["leaf", "crl"]}"#)
        let recording = try Recording()
        let authority = try await SignerStage.authority(recording)
        let root = try #require(recording.last()).message
        _ = try await SignerStage.leaf(authority)
        let leaf = try #require(recording.last()).message
        let list = try RevocationListTemplate(
            issuer: authority.certificate.subject, updates: (SignerStage.now, SignerStage.now + .days(7)),
            number: CRLNumber(7), signatureAlgorithm: .ecdsa(.sha256), authorityKeyIdentifier: [1, 2, 3]
        ).tbsCertList().der
        let answer = OCSPResponseTemplate(
            responder: recording.publicKey, producedAt: SignerStage.now,
            responses: [
                OCSPSingleResponse(
                    CertID(.sha256, of: .random(.system), issuer: IssuerIdentity(authority.certificate)), .good,
                    updates: (SignerStage.now, SignerStage.now + .days(1)))
            ]
        ).tbsResponseData().der
        let octets: [(name: String, is: SigningPurpose?, message: [UInt8])] = [
            ("root", .ca, root), ("leaf", .leaf, leaf), ("list", .crl, list), ("answer", .ocsp, answer),
            ("nothing", nil, []), ("text", nil, Array("certctl test of a signing key\nand more".utf8)),
            ("cut", nil, Array(leaf.dropLast())), ("twice", nil, leaf + leaf),
        ]
        for (name, kind, message) in octets {
            for purpose in [SigningPurpose.leaf, .ca, .crl, .ocsp, .test] {
                let permit = try? ReceivedPermit(message, for: purpose, algorithm: .ecdsa(.sha256)).order()
                #expect((permit != nil) == (kind == purpose), "\(name) as \(purpose)")
                let isSigned =
                    (try? await stage.driver().ask(
                        .sign(SignerKeyName("ca1"), purpose: purpose, algorithm: .ecdsa(.sha256), message: message)))
                    != nil
                #expect(isSigned == (kind == purpose && [.leaf, .crl].contains(purpose)), "\(name) as \(purpose)")
            }
        }
        // Neither does another algorithm than the octets name.
        #expect(throws: ReceivedStructureError.self) {
            try ReceivedPermit(leaf, for: .leaf, algorithm: .ecdsa(.sha384)).order()
        }
        #expect(throws: ReceivedStructureError.self) {
            try ReceivedPermit(list, for: .crl, algorithm: .ed25519).order()
        }
        // The server does not even ask for what the policy of the key leaves out.
        let signer = try await stage.driver().load("signer:ca1", for: .authority)
        await #expect(throws: LocalCAError.self) { try await SignerStage.root(signer) }
        await #expect(throws: SignerError.self) { try await stage.driver().load("signer:ca1", for: .responder) }
    }

    @Test("the ceiling of a key holds, says so, and is worth a retry; a policy that is broken stops the key")
    func ceiling() async throws {
        let stage = try SignerStage(signaturesPerMinute: 3)
        let made = try await stage.driver().obtain(nil, at: "signer:ca1", for: .authority)
        for _ in 0..<3 { try await made.signer.prove() }
        await #expect { try await made.signer.prove() } throws: { error in
            guard case .transient(let text) = error as? SignerError else { return false }
            return text.contains("3 signatures")
        }
        try stage.write("ca1.policy.json", #"{"purposes": ["leaf"], "max_signatures_per_minute": 4}"#)
        try await made.signer.prove()
        try stage.write("ca1.policy.json", "{")
        await #expect { try await made.signer.prove() } throws: { "\($0)".contains("policy of the key ca1") }
    }

    @Test("a signer that was started again is used again, and its keys are what they were")
    func restart() async throws {
        let stage = try SignerStage()
        let driver = stage.driver(timeout: .seconds(5))
        let made = try await driver.obtain(nil, at: "signer:ca1", for: .authority)
        stage.stop()
        #expect(await eventually { !FileManager.default.fileExists(atPath: stage.socket) })
        await #expect { try await made.signer.prove() } throws: { error in
            guard case .transient(let text) = error as? SignerError else { return false }
            return text.contains("certctl signer serve")
        }
        try stage.start()
        try await made.signer.prove()
        #expect(try await driver.load("signer:ca1", for: .authority).publicKey == made.signer.publicKey)
        #expect(throws: SignerStartError.self) { try stage.start() }
    }

    @Test(
        "octets of all kinds at the socket: each connection ends, the signer goes on",
        arguments: 0..<12 as Range<UInt64>)
    func malformed(seed: UInt64) async throws {
        let stage = try SignerStage { $0.messageLimit = .milliseconds(300) }
        let made = try await stage.driver().obtain(nil, at: "signer:ca1", for: .authority)
        var input = SeededInput(seed)
        let request = SignerRequest.sign(
            try SignerKeyName("ca1"), purpose: .leaf, algorithm: .ecdsa(.sha256), message: Array(0...200))
        for _ in 0..<15 {
            let body = request.body
            let whole = SignerFrame(.sign, number: 1, length: body.count).header + body
            let socket = try LocalSocket.connect(to: stage.socket)
            let deadline = ContinuousClock.now + .seconds(5)
            try? socket.send(input.damaged(whole), by: deadline)
            // Whatever comes back is a message of the protocol or the end.
            if let header = try? socket.receive(SignerFrame.headerLength, by: deadline) {
                let frame = try SignerFrame(header: header)
                #expect(!frame.kind.isRequest && frame.kind != .signature)
            }
        }
        try await made.signer.prove()
    }

    @Test("connections beyond the bound, and those that say nothing, are ended; others are answered")
    func connections() async throws {
        let stage = try SignerStage { $0.idleLimit = .milliseconds(500) }
        let made = try await stage.driver().obtain(nil, at: "signer:ca1", for: .authority)
        // The kernel refuses those for which the line of the socket is too long.
        let silent = (0..<80).compactMap { _ in try? LocalSocket.connect(to: stage.socket) }
        #expect(await eventually(within: .seconds(20)) { (try? await made.signer.prove()) != nil })
        let deadline = ContinuousClock.now + .seconds(10)
        #expect(silent.count >= 3)
        for socket in silent.prefix(3) { #expect(throws: (any Error).self) { try socket.receive(1000, by: deadline) } }
    }

    @Test("a user who is not named is refused, and says so; so is a signer of another user than the settings name")
    func strangers() async throws {
        let stage = try SignerStage { $0.users = [4_242_424] }
        await #expect { try await stage.driver().examine("signer:ca1") } throws: { error in
            guard case .permission(let text) = error as? SignerError else { return false }
            return text.contains("--allow-user")
        }
        #expect(stage.told.contains { if case .refused = $0.kind { $0.user == geteuid() } else { false } })
        let other = try SignerStage()
        await #expect { try await other.driver(user: 4_242_424).examine("signer:ca1") } throws: { error in
            guard case .permission(let text) = error as? SignerError else { return false }
            return text.contains("CERTCTL_SIGNER_USER")
        }
        #expect(try await other.driver(user: geteuid()).examine("signer:ca1") == false)
        await #expect {
            try await ProcessKeyDriver(socket: nil, user: nil, connections: 1, timeout: .seconds(1)).examine("signer:a")
        } throws: { "\($0)".contains("CERTCTL_SIGNER_SOCKET") }
    }

    @Test("a signer that does not answer is given up in time; one that answers wrongly is not believed")
    func impostors() async throws {
        let stage = try SignerStage()
        let made = try await stage.driver().obtain(nil, at: "signer:ca1", for: .authority)
        let reply = Mutex<(@Sendable (UInt32) -> [UInt8])?>(nil)
        let directory = try TemporaryDirectory("imp")
        let listener = try ListeningSocket(directory.path("s"), group: nil, fileSystem: .live)
        let isDone = Mutex(false)
        defer { isDone.withLock { $0 = true } }
        _ = BlockingThread.start {
            var kept: [LocalSocket] = []
            while !isDone.withLock({ $0 }) {
                guard let socket = listener.accept() else { continue }
                let deadline = ContinuousClock.now + .seconds(10)
                guard let answer = reply.withLock({ $0 }) else {
                    kept.append(socket)
                    continue
                }
                guard let header = try? socket.receive(SignerFrame.headerLength, by: deadline),
                    let frame = try? SignerFrame(header: header)
                else { continue }
                _ = try? socket.receive(frame.length, by: deadline)
                try? socket.send(answer(frame.number), by: deadline)
            }
        }
        func impostor(_ timeout: Duration) throws -> (signer: ProcessKey, driver: ProcessKeyDriver) {
            let driver = ProcessKeyDriver(socket: directory.path("s"), user: nil, connections: 2, timeout: timeout)
            return (
                ProcessKey(
                    name: try SignerKeyName("ca1"), publicKey: made.signer.publicKey, purposes: .authority,
                    driver: driver), driver
            )
        }
        let (silent, driver) = try impostor(.milliseconds(600))
        let signer = try impostor(.seconds(20)).signer
        let took = await ContinuousClock().measure {
            await #expect { try await silent.prove() } throws: {
                if case .transient = $0 as? SignerError { true } else { false }
            }
        }
        #expect(took < .seconds(5))
        #expect(await eventually { driver.executor.busyThreads == 0 })
        func answer(_ kind: SignerFrame.Kind, _ body: [UInt8], shift: UInt32 = 0) {
            reply.withLock { $0 = { SignerFrame(kind, number: $0 + shift, length: body.count).header + body } }
        }
        answer(.signature, SignerFields.encode([Array(repeating: 3, count: 70)]))
        await #expect { try await signer.prove() } throws: {
            if case .wrongSignature = $0 as? SignerError { true } else { false }
        }
        answer(.signature, SignerFields.encode([[1]]), shift: 1)
        await #expect { try await signer.prove() } throws: { "\($0)".contains("another request") }
        answer(.key, [])
        await #expect { try await signer.prove() } throws: { "\($0)".contains("ends early") }
    }
}
