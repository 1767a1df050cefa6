/// The tree over the first ``size`` leaves of a log, read through its stored hashes.
///
/// Every subtree of 256 leaves, of 256 such subtrees and so on has its root stored (levels 1, 2 …; level 0 are the
/// leaves), so that a proof over any number of leaves reads a few hundred hashes.
package struct MerkleTree {
    /// Leaves of a stored subtree of level 1, as a power of two.
    package static let stride = 8

    package let size: Int
    /// The hashes of `count` nodes of a level, from a position on.
    private let read: (_ level: Int, _ from: Int, _ count: Int) throws -> [LogHash]

    package init(size: Int, read: @escaping (_ level: Int, _ from: Int, _ count: Int) throws -> [LogHash]) {
        self.size = size
        self.read = read
    }

    /// The hash that a signed checkpoint states.
    package func root() throws -> LogHash { try range(0, size).root }

    /// The subtrees that cover the first `count` leaves.
    package func frontier(_ count: Int) throws -> CompactRange { try range(0, count) }

    /// RFC 9162 §2.1.3.1: from a leaf to the root.
    package func inclusionPath(of index: Int) throws -> [LogHash] {
        guard (0..<size).contains(index) else { throw MerkleTreeError.outside(index, size: size) }
        var path: [LogHash] = []
        var (low, high) = (0, size)
        while high - low > 1 {
            let middle = low + Self.split(high - low)
            if index < middle {
                path.append(try range(middle, high).root)
                high = middle
            } else {
                path.append(try range(low, middle).root)
                low = middle
            }
        }
        return path.reversed()
    }

    /// RFC 9162 §2.1.4.1: that the first `earlier` leaves of this tree are the tree of that size.
    package func consistencyPath(from earlier: Int) throws -> [LogHash] {
        guard (0...size).contains(earlier) else { throw MerkleTreeError.outside(earlier, size: size) }
        guard earlier > 0, earlier < size else { return [] }
        var path: [LogHash] = []
        var (low, high) = (0, size)
        var isWhole = true
        while earlier < high {
            let middle = low + Self.split(high - low)
            if earlier <= middle {
                path.append(try range(middle, high).root)
                high = middle
            } else {
                path.append(try range(low, middle).root)
                low = middle
                isWhole = false
            }
        }
        if !isWhole { path.append(try range(low, high).root) }
        return path.reversed()
    }

    /// The largest power of two below `count`.
    static func split(_ count: Int) -> Int { 1 << (Int.bitWidth - 1 - (count - 1).leadingZeroBitCount) }

    /// `low` is a multiple of the size that the range would have if it were complete.
    private func range(_ low: Int, _ high: Int) throws -> CompactRange {
        var range = CompactRange()
        var position = low
        var level = 0
        while 1 << (Self.stride * (level + 1)) <= high - low { level += 1 }
        while level >= 0 {
            let shift = Self.stride * level
            let count = (high - position) >> shift
            if count > 0 {
                let hashes = try read(level, position >> shift, count)
                guard hashes.count == count else {
                    throw MerkleTreeError.missing(level: level, from: position >> shift)
                }
                for hash in hashes { range.append(hash, height: shift) }
                position += count << shift
            }
            level -= 1
        }
        return range
    }
}

/// A proof that cannot be made.
package enum MerkleTreeError: Error, Hashable, Sendable, CustomStringConvertible {
    case outside(Int, size: Int)
    /// Stored hashes are gone.
    case missing(level: Int, from: Int)

    package var description: String {
        switch self {
        case .outside(let index, let size): "\(index) lies outside a log of \(size) leaves"
        case .missing(let level, let from): "the log lacks hashes of level \(level) from position \(from) on"
        }
    }
}
