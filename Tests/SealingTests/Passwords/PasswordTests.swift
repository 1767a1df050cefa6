import Domain
import Encoding
import TestSupport
import Testing

@testable import Sealing

@Suite("security §6: Argon2id, password rules, one-time passwords")
struct PasswordTests {
    static let cheap = Argon2Cost(memoryKiB: 64, passes: 1, lanes: 1)

    @Test("RFC 9106 §5.3: the test vector of Argon2id")
    func vector() throws {
        let digest = try Argon2id.hash(
            [UInt8](repeating: 1, count: 32), salt: [UInt8](repeating: 2, count: 16),
            cost: Argon2Cost(memoryKiB: 32, passes: 3, lanes: 4), secret: [UInt8](repeating: 3, count: 8),
            associatedData: [UInt8](repeating: 4, count: 12)
        )
        #expect(Hex.encode(digest) == "0d640df58d78766c08c037a34a8b53c9d01ef0452d75b65eb52520e96b01e659")
    }

    @Test("the hash is a PHC string of the prescribed cost, and verifies under the password alone")
    func phc() async throws {
        let hasher = PasswordHasher(random: .system, time: .system)
        let hash = try await hasher.hash(Secret("correct horse battery staple"))
        #expect(hash.phc.hasPrefix("$argon2id$v=19$m=65536,t=3,p=4$"))
        let read = try #require(PasswordHash(phc: hash.phc))
        #expect(read == hash && !hasher.isOutdated(read))
        #expect(try await hasher.verify(Secret("correct horse battery staple"), against: read))
        #expect(try await !hasher.verify(Secret("correct horse battery stable"), against: read))
        #expect(try await !hasher.verify(Secret("correct horse battery staple"), against: nil))
        #expect(PasswordHasher(random: .system, time: .system, cost: Self.cheap).isOutdated(read))
    }

    @Test(
        "other forms are no hash",
        arguments: [
            "", "$argon2i$v=19$m=65536,t=3,p=4$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            "$argon2id$v=16$m=65536,t=3,p=4$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            "$argon2id$v=19$m=99999999,t=3,p=4$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            "$argon2id$v=19$m=+65536,t=3,p=4$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            "$argon2id$v=19$m=65536,t=3,p=4$AAAAAAAAAAAAAAAAAAAAAA$AAAA",
        ])
    func otherForms(text: String) { #expect(PasswordHash(phc: text) == nil) }

    @Test("composed and decomposed characters are the same password")
    func normalForm() async throws {
        let hasher = PasswordHasher(random: .system, time: .system, cost: Self.cheap)
        let hash = try await hasher.hash(Secret("caf\u{E9} au lait, s'il vous pla\u{EE}t"))
        #expect(try await hasher.verify(Secret("cafe\u{301} au lait, s'il vous plai\u{302}t"), against: hash))
    }

    @Test("short, repeated, obvious and self-naming passwords are refused; long ones are accepted")
    func rules() {
        func fault(_ text: String, alone: Bool = true) -> String? {
            PasswordForm.fault(of: Secret(text), actor: "bg-ops", isOnlyFactor: alone)
        }
        #expect(fault("tr0ub4dor&3xyz") != nil && fault("tr0ub4dor&3xyz", alone: false) == nil)
        #expect(fault("aaaaaaaaaaaaaaaaaaaa") != nil && fault("Password123456789") != nil)
        #expect(fault("my account bg-ops is mine") != nil)
        #expect(fault("certctl-administrator-password") != nil)
        #expect(fault(String(repeating: "correct horse ", count: 19)) != nil)
        #expect(fault("seven grey herons wade upstream") == nil)
    }

    @Test("a few at a time; who waits too long is refused, and the turn goes on to the next")
    func turns() async throws {
        let hasher = PasswordHasher(
            random: .system, time: .system, cost: Argon2Cost(memoryKiB: 65_536, passes: 16, lanes: 1), concurrency: 1,
            patience: .milliseconds(1))
        let outcomes = await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<6 { group.addTask { (try? await hasher.verify(Secret("x"), against: nil)) != nil } }
            return await group.reduce(into: [Bool]()) { $0.append($1) }
        }
        #expect(outcomes.filter { $0 }.count == 1, "one had its turn, the others were told to come back: \(outcomes)")
        #expect(try await !hasher.verify(Secret("x"), against: nil), "the turn is free again")
        let patient = PasswordHasher(
            random: .system, time: .system, cost: Self.cheap, concurrency: 2, patience: .seconds(60))
        let all = try await withThrowingTaskGroup(of: Bool.self) { group in
            for _ in 0..<40 { group.addTask { try await patient.verify(Secret("x"), against: nil) } }
            return try await group.reduce(into: 0) { count, _ in count += 1 }
        }
        #expect(all == 40)
    }

    @Test("RFC 6238 appendix B, to six digits; a code works once and near its time alone")
    func oneTimePasswords() throws {
        let password = OneTimePassword(secret: Secret("12345678901234567890"))
        for (time, code) in [(59, "287082"), (1_111_111_109, "081804"), (1_234_567_890, "005924")] {
            let now = Timestamp(secondsSinceEpoch: Int64(time))
            let step = try #require(password.step(of: Secret(code), at: now, after: 0))
            #expect(step == Int64(time) / 30)
            #expect(password.step(of: Secret(code), at: now, after: step) == nil, "no replay")
            #expect(password.step(of: Secret(code), at: now + .seconds(120), after: 0) == nil)
        }
        #expect(password.base32.withText { $0 } == "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ")
    }

    @Test("T27: a token of another form, key or session is no token")
    func tokens() throws {
        let key = SessionMACKey(
            id: SessionToken.generateKeyID(random: .system), material: Secret([UInt8](repeating: 9, count: 32)))
        let other = SessionMACKey(id: key.id, material: Secret([UInt8](repeating: 8, count: 32)))
        let token = SessionToken.generate(signedBy: key, random: .system)
        let read = try #require(SessionToken(parsing: token.text))
        #expect(read.isSigned(by: key) && !read.isSigned(by: other) && read.idHash == token.idHash)
        let second = SessionToken.generate(signedBy: key, random: .system)
        let parts = token.text.withText { $0.split(separator: ".").map(String.init) }
        let foreign = second.text.withText { $0.split(separator: ".").map(String.init) }
        let swapped = try #require(SessionToken(parsing: Secret("v1.\(foreign[1]).\(parts[2]).\(parts[3])")))
        #expect(!swapped.isSigned(by: key))
        let broken = [
            "", "v1", "v2.\(parts[1]).\(parts[2]).\(parts[3])", "v1.\(parts[1]).\(parts[2])",
            "v1.\(parts[1]).\(parts[2]).\(parts[3]).x", "v1.\(parts[1]).\(parts[2]).\(parts[3])=",
            "v1.\(parts[2]).\(parts[1]).\(parts[3])", "v1.\(parts[1])A.\(parts[2]).\(parts[3])",
            "v1.\(parts[1]).\(parts[2]).\(parts[3].dropLast())\(parts[3].last == "9" ? "-" : "9")",
            String(repeating: "a", count: 20_000),
        ]
        for text in broken {
            let token = SessionToken(parsing: Secret(text))
            #expect(token == nil || !token!.isSigned(by: key), "\(text)")
        }
        for _ in 0..<2000 {
            var octets = token.text.withBytes { $0 }
            octets[Int.random(in: 0..<octets.count)] ^= UInt8.random(in: 1...127)
            let mutated = SessionToken(parsing: Secret(octets))
            #expect(mutated == nil || !mutated!.isSigned(by: key))
        }
    }
}
