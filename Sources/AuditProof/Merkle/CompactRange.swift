/// The roots of the complete subtrees that cover a run of leaves, from left to right: all that is needed to go on.
package struct CompactRange: Hashable, Sendable {
    private struct Peak: Hashable, Sendable {
        let hash: LogHash
        /// A subtree of this height has two to the power of it leaves.
        let height: Int
    }

    private var peaks: [Peak] = []
    /// How many leaves are covered.
    package private(set) var count = 0

    package init() {}

    /// The range of the first `size` leaves, from the roots of its complete subtrees.
    ///
    /// `nil` when there is not one hash for each bit of `size`.
    package init?(size: Int, hashes: [LogHash]) {
        let heights = (0..<Int.bitWidth - 1).reversed().filter { size >= 0 && size >> $0 & 1 == 1 }
        guard size >= 0, heights.count == hashes.count else { return nil }
        peaks = zip(hashes, heights).map { Peak(hash: $0, height: $1) }
        count = size
    }

    package var hashes: [LogHash] { peaks.map(\.hash) }

    /// Adds the root of the complete subtree that follows; a leaf has height zero.
    package mutating func append(_ hash: LogHash, height: Int = 0) {
        count += 1 << height
        var added = Peak(hash: hash, height: height)
        while let last = peaks.last, last.height == added.height {
            peaks.removeLast()
            added = Peak(hash: .node(last.hash, added.hash), height: added.height + 1)
        }
        peaks.append(added)
    }

    /// The Merkle tree hash of the leaves (RFC 9162 §2.1.1).
    package var root: LogHash {
        guard var hash = peaks.last?.hash else { return .empty }
        for peak in peaks.dropLast().reversed() { hash = .node(peak.hash, hash) }
        return hash
    }
}
