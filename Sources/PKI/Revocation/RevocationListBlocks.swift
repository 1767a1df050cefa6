/// Entries of a list, encoded, one after the other.
package struct RevocationListBlock: Hashable, Sendable {
    package var entries: [UInt8]
    package var count: Int

    package init(entries: [UInt8] = [], count: Int = 0) {
        self.entries = entries
        self.count = count
    }
}

/// The encoded entries of a list in blocks, so that one more revocation changes one block of them.
package struct RevocationListBlocks: Sendable {
    /// Entries of one block; some 150 kB.
    package static let capacity = 4096

    package private(set) var blocks: [RevocationListBlock]
    /// The positions of blocks that changed since ``markStored()``.
    package private(set) var changed: Set<Int> = []
    /// Which serial numbers a block may hold, for each block; `nil` until that is asked.
    private var contents: [BlockContents?]
    /// Blocks whose entries removals have read so far: what a removal costs.
    private(set) var blocksRead = 0

    package init(_ blocks: [RevocationListBlock] = []) {
        self.blocks = blocks
        contents = Array(repeating: nil, count: blocks.count)
    }

    package var entryCount: Int { blocks.reduce(0) { $0 + $1.count } }
    package var octetCount: Int { blocks.reduce(0) { $0 + $1.entries.count } }

    /// Adds an entry at the end. The serial number must not be listed.
    package mutating func append(_ entry: RevocationListEntry) {
        if (blocks.last?.count ?? Self.capacity) >= Self.capacity {
            blocks.append(RevocationListBlock())
            contents.append(nil)
        }
        blocks[blocks.count - 1].entries += entry.der
        blocks[blocks.count - 1].count += 1
        contents[blocks.count - 1] = nil
        changed.insert(blocks.count - 1)
    }

    /// Takes out the entries of serial numbers; those that are not listed are no matter.
    ///
    /// Of blocks that were looked at before and have not changed since, only those are read that hold one of them.
    ///
    /// - Returns: How many were listed.
    @discardableResult
    package mutating func remove(_ serials: Set<SerialNumber>) throws(CRLError) -> Int {
        if serials.isEmpty { return 0 }
        let wanted = Set(serials.map { ArraySlice($0.magnitude) })
        let marks = Set(serials.map { BlockContents.mark($0.magnitude[...]) })
        var removed = 0
        for position in blocks.indices {
            let known = try contents(at: position)
            guard known.mayHold(marks) else { continue }
            blocksRead += 1
            let taken = try blocks[position].remove {
                marks.contains(BlockContents.mark($0)) && wanted.contains($0)
            }
            guard taken > 0 else { continue }
            removed += taken
            contents[position] = nil
            changed.insert(position)
        }
        if removed > 0, entryCount * 2 < blocks.count * Self.capacity, blocks.count > 1 { try pack() }
        return removed
    }

    private mutating func contents(at position: Int) throws(CRLError) -> BlockContents {
        if let known = contents[position] { return known }
        let found = try BlockContents(of: blocks[position])
        contents[position] = found
        blocksRead += 1
        return found
    }

    package mutating func markStored() { changed = [] }

    /// Fills the blocks again, which removals left half empty.
    private mutating func pack() throws(CRLError) {
        var packed: [RevocationListBlock] = []
        for block in blocks {
            try block.forEachEntry { _, entry in
                if (packed.last?.count ?? Self.capacity) >= Self.capacity { packed.append(RevocationListBlock()) }
                packed[packed.count - 1].entries += entry
                packed[packed.count - 1].count += 1
            }
        }
        blocks = packed
        contents = Array(repeating: nil, count: packed.count)
        changed = Set(packed.indices)
    }
}

/// Which serial numbers a block may hold: four octets for each, so that a million entries take four megabytes.
private struct BlockContents: Sendable {
    /// Ascending.
    private let marks: [UInt32]

    init(of block: RevocationListBlock) throws(CRLError) {
        var marks: [UInt32] = []
        marks.reserveCapacity(block.count)
        try block.forEachEntry { serial, _ in marks.append(Self.mark(serial)) }
        self.marks = marks.sorted()
    }

    /// The last four octets as a number: one in a million blocks is read for nothing.
    static func mark(_ magnitude: ArraySlice<UInt8>) -> UInt32 {
        magnitude.suffix(4).reduce(0) { $0 << 8 | UInt32($1) }
    }

    func mayHold(_ wanted: Set<UInt32>) -> Bool {
        // Whichever is less to do: some sixteen steps for each that is wanted, or one for each that is here.
        wanted.count < marks.count / 16 ? wanted.contains(where: holds) : marks.contains(where: wanted.contains)
    }

    private func holds(_ mark: UInt32) -> Bool {
        var (low, high) = (0, marks.count)
        while low < high {
            let middle = (low + high) / 2
            if marks[middle] < mark { low = middle + 1 } else { high = middle }
        }
        return low < marks.count && marks[low] == mark
    }
}

extension RevocationListBlock {
    /// Takes out the entries whose serial number is wanted.
    fileprivate mutating func remove(where isWanted: (ArraySlice<UInt8>) -> Bool) throws(CRLError) -> Int {
        var kept: [UInt8] = []
        var removed = 0
        var keptThrough = 0
        try forEachEntry { serial, entry in
            guard isWanted(serial) else { return }
            kept += entries[keptThrough..<entry.startIndex]
            keptThrough = entry.endIndex
            removed += 1
        }
        guard removed > 0 else { return 0 }
        kept += entries[keptThrough...]
        entries = kept
        count -= removed
        return removed
    }

    /// Entries are at most a few dozen octets long, so their lengths take one octet; a serial number's too.
    fileprivate func forEachEntry(_ body: (_ serial: ArraySlice<UInt8>, _ entry: ArraySlice<UInt8>) -> Void)
        throws(CRLError)
    {
        var position = 0
        while position < entries.count {
            guard position + 4 <= entries.count, entries[position] == 0x30, entries[position + 1] < 0x80,
                entries[position + 2] == 0x02, entries[position + 3] < 0x80
            else { throw CRLError("a block of entries is damaged at octet \(position)") }
            let end = position + 2 + Int(entries[position + 1])
            let serialEnd = position + 4 + Int(entries[position + 3])
            guard end <= entries.count, serialEnd <= end else {
                throw CRLError("a block of entries is cut at octet \(position)")
            }
            let serial = entries[(position + 4)..<serialEnd]
            body(serial.first == 0 ? serial.dropFirst() : serial, entries[position..<end])
            position = end
        }
    }
}
