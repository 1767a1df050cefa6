import DatabaseTestSupport
import Domain
import Lifecycle
import Query
import Sealing
import Store
import Testing

@Suite("Security §10.3: the encryption key is replaced while everybody works")
struct RekeyTests {
    @Test(
        "T42: a key that the database was not sealed with is a wrong key, before anything is read",
        arguments: Engine.available)
    func wrongKey(engine: Engine) async throws {
        try await SealingStage.with(engine) { stage in
            let old = try SealingStage.id(1)
            let first = try await stage.server("a", 1).keeper.admit()
            #expect(first.activeID == old && !first.isWaiting)
            _ = try await stage.server("a", 1).keeper.admit()
            let wrong = try stage.server("b", 2)
            let refusal = await #expect(throws: KeyFailure.self) { try await wrong.keeper.admit() }
            #expect(refusal == .wrongKey(activeID: old))
            #expect("\(try #require(refusal))".contains("wrong encryption key"))
            let waiting = try await stage.server("b", 2, others: [1]).keeper.admit()
            #expect(waiting.isWaiting && waiting.activeID == old)
        }
    }

    @Test(
        "A-22: distribute, activate, seal again, give up: two servers, and no value is unreadable at any time",
        arguments: Engine.available)
    func twoServers(engine: Engine) async throws {
        try await SealingStage.with(engine) { stage in
            let (old, new) = (try SealingStage.id(1), try SealingStage.id(2))
            let (a1, b1) = (try stage.server("a1", 1), try stage.server("b1", 1))
            _ = try await a1.keeper.admit()
            _ = try await b1.keeper.admit()
            for number in 0..<130 {
                let id = "iss-\(number)"
                try await stage.insertIssuer(id, a1.sealer.seal(Array(id.utf8), for: SealingStage.place(id)))
            }
            let code = a1.sealer.mac(.apiKeyPepper, [1])

            // One server restarted: it knows both keys and seals with the old one.
            try await a1.keeper.leave()
            let a2 = try stage.server("a2", 2, others: [1])
            #expect(try await a2.keeper.admit().isWaiting && a2.sealer.keyID == old)
            let early = await #expect(throws: ServiceError.self) {
                try await a2.flow.rotate(rehearsing: false, by: stage.author)
            }
            #expect(
                early?.code == .invalidState && early?.detail.contains("b1") == true, "\(String(describing: early))")
            #expect(try await a2.flow.status().serversWithoutNext == ["b1"])

            try await b1.keeper.leave()
            let b2 = try stage.server("b2", 2, others: [1])
            _ = try await b2.keeper.admit()
            let rehearsed = try await a2.flow.rotate(rehearsing: true, by: stage.author)
            #expect(rehearsed.activeID == old && rehearsed.nextID == new && a2.sealer.keyID == old)
            let started = try await a2.flow.rotate(rehearsing: false, by: stage.author)
            #expect(started.activeID == new && started.previousIDs == [old] && a2.sealer.keyID == new)
            #expect(started.remaining >= 130)
            // The other server was not told yet: both read what either wrote.
            #expect(b2.sealer.keyID == old)
            let place = SealingStage.place("iss-x")
            #expect(try b2.sealer.open(a2.sealer.seal([1], for: place), for: place).matches(Secret([1])))
            #expect(try a2.sealer.open(b2.sealer.seal([2], for: place), for: place).matches(Secret([2])))

            // Everything is sealed again, and the old key stays while a server may still write with it.
            #expect(try await a2.flow.advance().retired.isEmpty)
            #expect(try await a2.flow.status().remaining == 0)
            try await b2.keeper.refresh()
            #expect(b2.sealer.keyID == new)
            #expect(try await a2.flow.advance().retired == [old])
            #expect(try await !a2.flow.isUnfinished())
            #expect(try await stage.actions() == ["crypto.rekey_started", "crypto.rekey_finished"])

            // The old key is not needed any more: not for values, and not for API keys.
            let alone = try stage.server("c", 2)
            _ = try await alone.keeper.admit()
            for number in 0..<130 {
                let id = "iss-\(number)"
                let value = try alone.sealer.open(try await stage.issuer(id), for: SealingStage.place(id))
                #expect(value.matches(Secret(id)))
            }
            #expect(alone.sealer.mac(.apiKeyPepper, [1]) == code)
            await #expect(throws: KeyFailure.self) { try await stage.server("d", 1).keeper.admit() }
        }
    }

    @Test("while values are under the old key, a start without it is refused", arguments: Engine.available)
    func missingPrevious(engine: Engine) async throws {
        try await SealingStage.with(engine) { stage in
            _ = try await stage.server("a", 1).keeper.admit()
            try await stage.server("a", 1).keeper.leave()
            let both = try stage.server("b", 2, others: [1])
            _ = try await both.keeper.admit()
            _ = try await both.flow.rotate(rehearsing: false, by: stage.author)
            let refusal = await #expect(throws: KeyFailure.self) { try await stage.server("c", 2).keeper.admit() }
            #expect(refusal == .missingPrevious([try SealingStage.id(1)]))
        }
    }

    @Test("a server that was cut off while the key was replaced says so", arguments: Engine.available)
    func lostKey(engine: Engine) async throws {
        try await SealingStage.with(engine) { stage in
            let lost = try stage.server("a", 1)
            _ = try await lost.keeper.admit()
            try await lost.keeper.leave()
            let other = try stage.server("b", 2, others: [1])
            _ = try await other.keeper.admit()
            _ = try await other.flow.rotate(rehearsing: false, by: stage.author)
            await #expect(throws: KeyFailure.lostKey(activeID: try SealingStage.id(2))) {
                try await lost.keeper.refresh()
            }
        }
    }

    @Test("T42: a pass that dies at any write is taken up where it ended", arguments: Engine.available)
    func interrupted(engine: Engine) async throws {
        try await SealingStage.with(engine) { stage in
            let first = try stage.server("a", 1)
            _ = try await first.keeper.admit()
            for number in 0..<120 {
                let id = "iss-\(number)"
                try await stage.insertIssuer(id, first.sealer.seal(Array(id.utf8), for: SealingStage.place(id)))
            }
            try await first.keeper.leave()
            let server = try stage.server("b", 2, others: [1])
            _ = try await server.keeper.admit()
            _ = try await server.flow.rotate(rehearsing: false, by: stage.author)
            var remaining: [Int] = []
            for write in 1...4 {
                stage.database.dieAtWrite(write)
                _ = try? await server.flow.advance()
                remaining.append(try await server.flow.status().remaining)
            }
            #expect(remaining == remaining.sorted(by: >) && (remaining.last ?? 0) < 120, "\(remaining)")
            stage.database.dieAtWrite(1_000_000)
            #expect(try await server.flow.advance().retired == [try SealingStage.id(1)])
            for number in 0..<120 {
                let id = "iss-\(number)"
                let value = try server.sealer.open(try await stage.issuer(id), for: SealingStage.place(id))
                #expect(value.matches(Secret(id)))
            }
        }
    }

    @Test(
        "T41: values swapped between rows stop the end of a rotation, and the error names the row and no value",
        arguments: Engine.available)
    func swapped(engine: Engine) async throws {
        try await SealingStage.with(engine) { stage in
            let first = try stage.server("a", 1)
            _ = try await first.keeper.admit()
            for id in ["iss-1", "iss-2", "iss-3"] {
                try await stage.insertIssuer(
                    id, first.sealer.seal(Array("topsecret".utf8), for: SealingStage.place(id)))
            }
            try await stage.setIssuer("iss-1", try await stage.issuer("iss-2"))
            try await stage.setIssuer("iss-3", Array(#"{"token":"in the clear"}"#.utf8))
            try await first.keeper.leave()
            let server = try stage.server("b", 2, others: [1])
            _ = try await server.keeper.admit()
            _ = try await server.flow.rotate(rehearsing: false, by: stage.author)
            let (outcome, retired) = try await server.flow.advance()
            #expect(retired.isEmpty, "a key that a value needs is not given up")
            #expect(outcome.failures.count == 2, "\(outcome.failures)")
            for (failure, row) in zip(outcome.failures, ["iss-1", "iss-3"]) {
                #expect(failure.contains("issuers.encrypted_config of \(row)"), "\(failure)")
                #expect(!failure.contains("topsecret") && !failure.contains("in the clear"))
            }
            let sound = try server.sealer.open(try await stage.issuer("iss-2"), for: SealingStage.place("iss-2"))
            #expect(sound.matches(Secret("topsecret")))
        }
    }

    @Test(
        "A-21: values in the clear and of earlier formats are sealed at the start, where a mark says so",
        arguments: Engine.available)
    func legacy(engine: Engine) async throws {
        try await SealingStage.with(engine) { stage in
            let phrase = Secret("correct horse battery staple 2026")
            let server = try stage.server("a", KeyRing(MasterKey(passphrase: phrase)))
            _ = try await server.keeper.admit()
            let text = #"{"api_token":"fixture-token"}"#
            for (id, octets, version) in [
                ("iss-v1", Self.octets(Self.vector1), 3), ("iss-v3", Self.octets(Self.vector3), 3),
                ("iss-clear", Array(text.utf8), 0),
            ] {
                try await stage.insertIssuer(id, octets)
                try await stage.mark(id, version: version)
            }
            try await stage.insertIssuer("iss-unmarked", Self.octets(Self.vector3))
            try await stage.insertIssuer("iss-damaged", Self.octets(Self.vector3).reversed())
            try await stage.mark("iss-damaged", version: 3)
            let outcome = try await server.flow.resealer.sealLegacy()
            #expect(outcome.resealed == 3 && outcome.failures.count == 1, "\(outcome)")
            #expect(outcome.failures.first?.contains("iss-damaged") == true)
            for id in ["iss-v1", "iss-v3", "iss-clear"] {
                let value = try server.sealer.open(try await stage.issuer(id), for: SealingStage.place(id))
                #expect(value.matches(Secret(text)), "\(id)")
            }
            let kept = try await stage.issuer("iss-unmarked")
            #expect(throws: SealingError.self) { try server.sealer.open(kept, for: SealingStage.place("iss-unmarked")) }
            #expect(try await stage.actions().filter { $0 == "crypto.legacy_value_sealed" }.count == 3)
            #expect(try await server.flow.resealer.sealLegacy().resealed == 0)
        }
    }

    @Test(
        "T40: every column of octets is sealed and in the list, or known not to be secret", arguments: Engine.available)
    func everyColumn(engine: Engine) async throws {
        let open: Set<String> = [
            "sealing_keys.salt", "sealing_keys.check_value", "audit_leaves.leaf_hash", "audit_leaves.row_hash",
            "audit_subtrees.hash", "audit_keys.public_key",
            // Revocation lists are public.
            "crl_cache.head_der", "crl_cache.tail_der", "crl_blocks.entries",
            // Hashes of random values of 256 bits.
            "sessions.id_hash", "sessions.previous_id_hash", "sessions.csrf_token_hash",
            "sessions.previous_csrf_token_hash",
            // Signed, for everybody to read.
            "crl_cache.head_der", "crl_cache.tail_der", "crl_blocks.entries", "ocsp_response_cache.response_der",
        ]
        try await SealingStage.with(engine) { stage in
            let columns = try await stage.database.read { tx in
                try tx.rows(
                    engine == .sqlite
                        ? """
                        SELECT m.name || '.' || p.name AS name FROM sqlite_schema m, pragma_table_info(m.name) p
                        WHERE m.type = 'table' AND p.type = 'BLOB'
                        """
                        : """
                        SELECT table_name || '.' || column_name AS name FROM information_schema.columns
                        WHERE table_schema = 'public' AND data_type = 'bytea'
                        """
                ).map { try $0.text("name") }
            }
            let sealed = Set(SealedColumn.all.map(\.description))
            #expect(Set(columns).subtracting(open) == sealed, "declare it in SealedColumn.all, or above with a reason")
            // Each declaration fits its table.
            try await stage.database.read { tx in
                for column in SealedColumn.all {
                    _ = try column.census(in: tx)
                    _ = try column.stale(behind: "", activeID: [1], limit: 1, in: tx)
                    #expect(try column.value(of: "none", in: tx) == nil)
                }
            }
        }
    }

    // Of LegacySealTests.
    private static let vector1 =
        "676b8bb84ce7267dd520deca5e7644dcbc354b962348d567d4eed75cc0db7a6a46c303e601036aef9b70e8ad6803afded309"
        + "c40b21cfc8a78e"
    private static let vector3 =
        "0341242b9fae56fad4e6e77dfe33cb18d18721d664ef60096aa559e1aacc9d45b712404b2b7b8f806671de9195d49450f554"
        + "a9f1bd7ccda29510427d2a9c9f81987f8220085f1253aff6"

    private static func octets(_ hex: String) -> [UInt8] {
        stride(from: 0, to: hex.utf8.count, by: 2).compactMap { offset in
            let start = hex.index(hex.startIndex, offsetBy: offset)
            return UInt8(hex[start..<hex.index(start, offsetBy: 2)], radix: 16)
        }
    }
}
