import AuditProof
import Domain
import Encoding
import Testing

@Suite("Security §9.5: a bundle proves itself to whoever has the public key")
struct BundleTests {
    static let key = CheckpointSigningKey(octets: Array(1...32))

    /// A bundle with a checkpoint after each of the given sizes.
    static func lines(
        _ sizes: [Int], first: Int = 0, logID: String? = nil, until: String? = nil,
        event: (Int) -> String = { "event \($0)" }
    ) throws -> [BundleLine] {
        let key = try #require(Self.key)
        let log = logID ?? key.publicKey.id
        var range = CompactRange()
        var previous = AuditChain.start
        var last: SignedCheckpoint?
        var lines: [BundleLine] = []
        for sequence in 0..<(sizes.last ?? 0) {
            if sequence == first {
                lines.append(
                    .header(
                        logID: log, firstSequence: first, frontier: range.hashes, previousRowHash: previous,
                        until: until))
            }
            var members: JSONObject = ["id": .string("audit-\(sequence)"), "action": .string(event(sequence))]
            if event(sequence) == AuditLeaf.archivedAction { members["details"] = ["end_seq": 2] }
            let leaf = AuditLeaf(members)
            let rowHash = AuditChain.hash(after: previous, members)
            previous = rowHash.hex
            range.append(leaf.hash)
            if sequence >= first {
                lines.append(.leaf(sequence: sequence, text: leaf.text, leafHash: leaf.hash, rowHash: rowHash))
            }
            if sizes.contains(sequence + 1) {
                let signed = try SignedCheckpoint(
                    Checkpoint(
                        logID: log, treeSize: sequence + 1, rootHash: range.root,
                        timestamp: Timestamp(secondsSinceEpoch: Int64(1000 + sequence)), previous: last?.digest),
                    by: key)
                last = signed
                if sequence >= first { lines.append(.checkpoint(signed)) }
            }
        }
        return lines + [.end(treeSize: sizes.last ?? 0)]
    }

    static func verify(_ lines: [BundleLine], anchors: [SignedCheckpoint] = []) throws -> Result<
        BundleReport, Divergence
    > {
        let key = try #require(Self.key).publicKey
        var verifier = BundleVerifier(keys: CheckpointKeySet([key]), anchors: anchors)
        do throws(Divergence) {
            for line in lines { try verifier.take(Array(line.octets.dropLast())) }
            return .success(try verifier.finish())
        } catch {
            return .failure(error)
        }
    }

    static func kind(_ lines: [BundleLine], anchors: [SignedCheckpoint] = []) throws -> Divergence.Kind? {
        if case .failure(let divergence) = try verify(lines, anchors: anchors) { divergence.kind } else { nil }
    }

    @Test("a whole log and a part of one are accepted")
    func sound() throws {
        let whole = try Self.verify(try Self.lines([3, 7])).get()
        #expect(whole.treeSize == 7 && whole.rows == 7 && whole.checkpoints == 2 && whole.hashesOnly == 0)
        let part = try Self.verify(try Self.lines([3, 7], first: 5)).get()
        #expect(part.treeSize == 7 && part.rows == 2 && part.firstSequence == 5 && part.rootHash == whole.rootHash)
    }

    /// The lines without the events of two numbers.
    static func withoutEvents(_ lines: [BundleLine], _ numbers: ClosedRange<Int>) -> [BundleLine] {
        lines.map { line in
            guard case .leaf(let sequence, _, let leafHash, let rowHash) = line, numbers.contains(sequence) else {
                return line
            }
            return .hashes(sequence: sequence, leafHash: leafHash, rowHash: rowHash)
        }
    }

    @Test("events may be gone when a sealed event says that they were archived, and only then")
    func retired() throws {
        let told = try Self.lines([3, 7]) { $0 == 5 ? AuditLeaf.archivedAction : "event \($0)" }
        let report = try Self.verify(Self.withoutEvents(told, 0...1)).get()
        #expect(report.rows == 5 && report.hashesOnly == 2)
        #expect(try Self.kind(Self.withoutEvents(told, 0...2)) == .missing)
        #expect(try Self.kind(Self.withoutEvents(try Self.lines([3, 7]), 0...1)) == .missing)
    }

    @Test("a bundle of a period has hashes alone behind its end, and nowhere else")
    func period() throws {
        let lines = try Self.lines([3, 7], until: "2026-01-01T00:00:00Z")
        #expect(try Self.kind(Self.withoutEvents(lines, 4...6)) == nil)
        #expect(try Self.kind(Self.withoutEvents(lines, 3...4)) == .missing)
        #expect(try Self.kind(Self.withoutEvents(try Self.lines([3, 7]), 4...6)) == .missing)
    }

    @Test("change, deletion, truncation, reorder and fork are each found")
    func tampering() throws {
        let lines = try Self.lines([3, 7])
        guard case .leaf(let sequence, let text, let leafHash, let rowHash) = lines[2] else { return }
        var changed = lines
        changed[2] = .leaf(sequence: sequence, text: text + " ", leafHash: leafHash, rowHash: rowHash)
        #expect(try Self.kind(changed) == .change)
        changed[2] = .leaf(
            sequence: sequence, text: text + " ", leafHash: .leaf(Array((text + " ").utf8)), rowHash: rowHash)
        #expect(try Self.kind(changed) == .root)
        var deleted = lines
        deleted.remove(at: 2)
        #expect(try Self.kind(deleted) == .order)
        #expect(try Self.kind(lines.dropLast(3)) == .truncation)
        #expect(try Self.kind(lines.dropLast(3) + [.end(treeSize: 6)]) == .unsigned)
        var swapped = lines
        swapped.swapAt(1, 2)
        #expect(try Self.kind(swapped) == .order)
        guard case .leaf(_, let other, let otherHash, let otherRow) = lines[3] else { return }
        var reordered = lines
        reordered[2] = .leaf(sequence: 1, text: other, leafHash: otherHash, rowHash: otherRow)
        reordered[3] = .leaf(sequence: 2, text: text, leafHash: leafHash, rowHash: rowHash)
        #expect(try Self.kind(reordered) == .chain)
        // Another history that the same key signed: only the checkpoint that was kept tells them apart.
        let fork = try Self.lines([3, 7]) { $0 == 4 ? "forged" : "event \($0)" }
        #expect(try Self.kind(fork) == nil)
        guard case .checkpoint(let kept) = lines[lines.count - 2] else { return }
        #expect(try Self.kind(fork, anchors: [kept]) == .root)
        #expect(try Self.kind(lines, anchors: [kept]) == nil)
        // And so with a log that was cut off behind an older checkpoint.
        #expect(try Self.kind(try Self.lines([3]), anchors: [kept]) == .truncation)
    }

    @Test("checkpoints must be signed by the key, for the log, and follow one another")
    func checkpoints() throws {
        let lines = try Self.lines([3, 7])
        #expect(try Self.kind(try Self.lines([3, 7], logID: "another")) == nil)
        guard case .checkpoint(let first) = lines[4], case .checkpoint(let second) = lines[9] else { return }
        var forged = lines
        let parts = first.text.split(separator: ".")
        forged[4] = .checkpoint(
            try SignedCheckpoint(text: "\(parts[0]).\(parts[1]).\(second.text.split(separator: ".")[2])"))
        #expect(try Self.kind(forged) == .signature)
        var lost = lines
        lost.remove(at: 4)
        #expect(try Self.kind(lost) == .succession)
        #expect(try Self.kind(lines + [.end(treeSize: 7)]) == .malformed)
        #expect(try Self.kind([]) == .malformed)
    }

    @Test(
        "hostile lines are refused",
        arguments: [
            "", "{}", "[]", #"{"type":"leaf","seq":0}"#, #"{"type":"checkpoint","jws":"a.b"}"#,
            #"{"type":"bundle","format":"certctl-audit-bundle/2","log_id":"x","first_seq":0,"frontier":[],"prev_hash":""}"#,
            #"{"type":"bundle","format":"certctl-audit-bundle/1","log_id":"x","first_seq":-1,"frontier":[],"prev_hash":""}"#,
            #"{"type":"bundle","format":"certctl-audit-bundle/1","log_id":"x","first_seq":3,"frontier":[],"prev_hash":""}"#,
            #"{"type":"end","tree_size":"1"}"#,
        ]
    )
    func hostile(line: String) throws {
        let key = try #require(Self.key).publicKey
        var verifier = BundleVerifier(keys: CheckpointKeySet([key]))
        #expect(throws: Divergence.self) { try verifier.take(Array(line.utf8)) }
    }

    @Test("keys are read from a JWK set and from PEM, and are named by their thumbprint (RFC 8037 appendix A)")
    func keys() throws {
        let jwk = #"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#
        let set = try CheckpointKeySet(parsing: Array(#"{"keys":[\#(jwk)]}"#.utf8))
        #expect(set.key("kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k") != nil)
        let pem = """
            -----BEGIN PUBLIC KEY-----
            MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=
            -----END PUBLIC KEY-----
            """
        #expect(
            try CheckpointKeySet(parsing: Array(pem.utf8)).key("kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k") != nil)
        #expect(throws: CheckpointKeyError.self) { try CheckpointKeySet(parsing: Array("{}".utf8)) }
    }
}
