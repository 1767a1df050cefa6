import AuditProof
import Encoding
import TestSupport
import Testing

@Suite("Decoders of audit bundles and keys hold their promises for any input")
struct BundleFuzzTests {
    @Test(
        "a bundle with a damaged line proves the same log, or is refused with a reason",
        arguments: 0..<8 as Range<UInt64>)
    func bundles(seed: UInt64) throws {
        var input = SeededInput(seed)
        let lines = try BundleTests.lines([3, 7]).map { Array($0.octets.dropLast()) }
        let whole = try Self.verify(lines).get()
        var refused = 0
        for _ in 0..<300 {
            var damaged = lines
            let place = input.below(lines.count)
            damaged[place] = input.damaged(lines[place])
            switch try Self.verify(damaged) {
            case .success(let report): #expect(report.rootHash == whole.rootHash, "\(damaged[place])")
            case .failure: refused += 1
            }
        }
        #expect(refused > 200, "\(refused)")
    }

    @Test("keys and checkpoints: damage is an error or another value, never a crash", arguments: 0..<8 as Range<UInt64>)
    func keys(seed: UInt64) throws {
        var input = SeededInput(seed)
        let key = try #require(BundleTests.key).publicKey
        let jwk = JSONValue.object(["keys": .array([.object(key.jwk)])]).octets
        #expect(try CheckpointKeySet(parsing: jwk).key(key.id) == key)
        for _ in 0..<1000 {
            let damaged = input.damaged(jwk)
            if let set = try? CheckpointKeySet(parsing: damaged) {
                if let found = set.key(key.id) { #expect(found == key) }
            }
            _ = try? SignedCheckpoint(text: String(decoding: damaged, as: UTF8.self))
            _ = BundleLine(parsing: damaged)
        }
    }

    private static func verify(_ lines: [[UInt8]]) throws -> Result<BundleReport, Divergence> {
        let key = try #require(BundleTests.key).publicKey
        var verifier = BundleVerifier(keys: CheckpointKeySet([key]))
        do throws(Divergence) {
            for line in lines { try verifier.take(line) }
            return .success(try verifier.finish())
        } catch {
            return .failure(error)
        }
    }
}
