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

    package init(_ blocks: [RevocationListBlock] = []) { self.blocks = blocks }

    package var entryCount: Int { blocks.reduce(0) { $0 + $1.count } }
    package var octetCount: Int { blocks.reduce(0) { $0 + $1.entries.count } }

    /// Adds an entry at the end. The serial number must not be listed.
    package mutating func append(_ entry: RevocationListEntry) {
        if (blocks.last?.count ?? Self.capacity) >= Self.capacity { blocks.append(RevocationListBlock()) }
        blocks[blocks.count - 1].entries += entry.der
        blocks[blocks.count - 1].count += 1
        changed.insert(blocks.count - 1)
    }

    /// Takes out the entries of serial numbers; those that are not listed are no matter.
    ///
    /// - Returns: How many were listed.
    @discardableResult
    package mutating func remove(_ serials: Set<SerialNumber>) throws(CRLError) -> Int {
        if serials.isEmpty { return 0 }
        let wanted = Set(serials.map { ArraySlice($0.magnitude) })
        let ends = Set(serials.map { Self.end(of: $0.magnitude[...]) })
        var removed = 0
        for position in blocks.indices {
            let taken = try blocks[position].remove { ends.contains(Self.end(of: $0)) && wanted.contains($0) }
            guard taken > 0 else { continue }
            removed += taken
            changed.insert(position)
        }
        if removed > 0, entryCount * 2 < blocks.count * Self.capacity, blocks.count > 1 { try pack() }
        return removed
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
        changed = Set(packed.indices)
    }

    /// The last eight octets as a number: tells nearly all serial numbers apart without a hash of all of them.
    private static func end(of magnitude: ArraySlice<UInt8>) -> UInt64 {
        magnitude.suffix(8).reduce(0) { $0 << 8 | UInt64($1) }
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
