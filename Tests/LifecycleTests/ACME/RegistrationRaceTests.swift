import DatabaseTestSupport
import Domain
import Encoding
import Query
import Sealing
import Store
import Testing

@testable import Lifecycle

@Suite("RFC 8555 §7.3.1, §7.3.4: a client that asks twice at the same moment has one account")
struct RegistrationRaceTests {
    private static let keyID = EABKeyID(stored: "eab-race")

    private static func used(_ stage: ValidationStage) async throws -> Int? {
        try await stage.world.database.read { tx in
            try tx.row("SELECT used_count AS n FROM acme_eab_keys WHERE id = \(keyID)")?.int("n")
        }
    }

    @Test(
        "with an external account binding too, whose key counts once, also when it opens no other account",
        arguments: Engine.available)
    func once(engine: Engine) async throws {
        try await ValidationStage.with(engine) { stage async throws in
            let world = stage.world
            let accounts = ACMEAccountFlow(world.context, sealer: world.sealer, plan: ValidationStage.plan())
            let profile = try #require(try await accounts.profile(ValidationStage.profile, with: nil).profile)
            let limits: [Int?] = [nil, 8, 1]
            for (round, most) in limits.enumerated() {
                try await world.database.write { tx in
                    try tx.execute("DELETE FROM acme_accounts")
                    try tx.execute("DELETE FROM acme_eab_keys")
                    let sealed = world.sealer.seal(
                        Secret("secret"),
                        for: SealedPlace(
                            table: EABKeyStore.table, column: EABKeyStore.column, rowID: Self.keyID.text))
                    var new = NewEABKey(id: Self.keyID, label: "race", sealedKey: sealed, createdBy: "tests")
                    new.maxAccounts = most
                    _ = try EABKeyStore().insert(new, in: tx)
                }
                var request = ACMERegistration()
                request.binding = ACMEBinding(keyID: Self.keyID.text, json: ["kid": "x"]) { _ in true }
                let asked = request
                let key = ACMEAccountKey(thumbprint: "thumb-\(round)", jwk: ["kty": "EC"], spkiSHA256: "spki-\(round)")
                let opened = try await withThrowingTaskGroup(of: (ACMEAccountID, Bool).self) {
                    group -> [(ACMEAccountID, Bool)] in
                    for _ in 0..<6 {
                        group.addTask {
                            let made = try await accounts.register(key, asked, under: profile, from: world.origin)
                            return (made.account.id, made.isNew)
                        }
                    }
                    var opened: [(ACMEAccountID, Bool)] = []
                    for try await one in group { opened.append(one) }
                    return opened
                }
                #expect(Set(opened.map(\.0)).count == 1, "round \(round)")
                #expect(opened.filter(\.1).count == 1, "round \(round)")
                #expect(try await Self.used(stage) == 1, "round \(round)")
            }
            #expect(try await stage.audited("acme_account_created") == 3)
            // Another key finds the binding used up.
            let other = ACMEAccountKey(thumbprint: "thumb-other", jwk: ["kty": "EC"], spkiSHA256: "spki-other")
            var late = ACMERegistration()
            late.binding = ACMEBinding(keyID: Self.keyID.text, json: ["kid": "x"]) { _ in true }
            let bound = late
            let refusal = await #expect(throws: ACMEProblem.self) {
                try await accounts.register(other, bound, under: profile, from: world.origin)
            }
            #expect(refusal?.kind == .unauthorized && refusal?.status == 403)
            #expect(try await Self.used(stage) == 1)
        }
    }
}
