import Domain
import Testing

@testable import PKI

@Suite("Blocks of a revocation list: what a change costs")
struct RevocationListBlocksTests {
    private static let blockCount = 12

    /// Random serial numbers, as those of certificates are, in the order of their revocation.
    private static func serials(_ count: Int) -> [SerialNumber] { (0..<count).map { _ in .random(.system) } }

    private static func entry(_ serial: SerialNumber) -> RevocationListEntry {
        RevocationListEntry(serialNumber: serial, revocationDate: TestAuthority.now, reason: .superseded)
    }

    private static func blocks(_ serials: [SerialNumber]) -> RevocationListBlocks {
        var blocks = RevocationListBlocks()
        for serial in serials { blocks.append(entry(serial)) }
        blocks.markStored()
        return blocks
    }

    private static func octets(_ blocks: RevocationListBlocks) -> [UInt8] { blocks.blocks.flatMap(\.entries) }

    @Test("a removal reads every block once, and from then on the block that holds the entry alone")
    func removal() throws {
        let serials = Self.serials(RevocationListBlocks.capacity * Self.blockCount)
        var blocks = Self.blocks(serials)
        #expect(blocks.blocks.count == Self.blockCount)
        #expect(try blocks.remove([serials[5]]) == 1)
        // Each to see what it holds, and the first for its entry.
        #expect(blocks.blocksRead == Self.blockCount + 1)
        #expect(blocks.changed == [0])
        blocks.markStored()
        let before = blocks.blocksRead
        let last = RevocationListBlocks.capacity * 7 + 3
        #expect(try blocks.remove([serials[last]]) == 1)
        #expect(blocks.changed == [7])
        // The seventh for its entry; the first to see what it holds since it changed.
        #expect(blocks.blocksRead - before == 2)
        #expect(try blocks.remove([serials[last], .random(.system)]) == 0, "it is off already")
        #expect(blocks.blocksRead - before == 3, "what the seventh holds since it changed")
        #expect(blocks.changed == [7])
        let kept = serials.enumerated().filter { ![5, last].contains($0.offset) }.map(\.element)
        #expect(Self.octets(blocks) == kept.flatMap { Self.entry($0).der })
    }

    @Test("a release and its new revocation change the block of the old entry and the last one")
    func change() throws {
        let serials = Self.serials(RevocationListBlocks.capacity * 4 + 10)
        var blocks = Self.blocks(serials)
        try blocks.remove([.random(.system)])
        let before = blocks.blocksRead
        let serial = serials[RevocationListBlocks.capacity + 1]
        try blocks.remove([serial])
        blocks.append(Self.entry(serial))
        #expect(blocks.changed == [1, 4] && blocks.blocksRead - before == 1)
        #expect(blocks.entryCount == serials.count)
        // What was appended is found, too.
        #expect(try blocks.remove([serial]) == 1)
        #expect(blocks.blocksRead - before == 4, "the two that changed, and the last for its entry")
    }

    @Test("many at once, as when certificates end: those blocks alone that hold one", arguments: [200, 6000])
    func many(count: Int) throws {
        let serials = Self.serials(RevocationListBlocks.capacity * 6)
        var blocks = Self.blocks(serials)
        try blocks.remove([.random(.system)])
        let before = blocks.blocksRead
        // The oldest; and as many that are not listed.
        let ended = Set(serials.prefix(count) + Self.serials(count))
        #expect(try blocks.remove(ended) == count)
        let touched = (count + RevocationListBlocks.capacity - 1) / RevocationListBlocks.capacity
        #expect(blocks.changed == Set(0..<touched))
        #expect((touched...(touched + 1)).contains(blocks.blocksRead - before), "one in a thousand runs reads another")
        #expect(Self.octets(blocks) == serials.dropFirst(count).flatMap { Self.entry($0).der })
    }

    @Test("half empty blocks are filled again, and what they hold is found where it is then")
    func packed() throws {
        let serials = Self.serials(RevocationListBlocks.capacity * 3)
        var blocks = Self.blocks(serials)
        let removed = serials.enumerated().filter { $0.offset % 3 != 0 }.map(\.element)
        #expect(try blocks.remove(Set(removed)) == removed.count)
        #expect(blocks.blocks.count == 1 && blocks.entryCount == RevocationListBlocks.capacity)
        #expect(try blocks.remove([serials[3], serials[4]]) == 1)
        #expect(blocks.entryCount == RevocationListBlocks.capacity - 1)
    }

    @Test("a damaged block is an error, not a list that lacks something")
    func damaged() throws {
        var blocks = RevocationListBlocks([RevocationListBlock(entries: [0x30, 3, 2, 9, 1], count: 1)])
        #expect(throws: CRLError.self) { try blocks.remove([SerialNumber([1])]) }
    }
}
