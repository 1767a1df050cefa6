/// Checks of proofs, with nothing but hashes.
package enum MerkleProof {
    /// RFC 9162 §2.1.3.2.
    package static func isIncluded(
        _ leaf: LogHash, at index: Int, in root: LogHash, size: Int, path: [LogHash]
    ) -> Bool {
        guard (0..<size).contains(index) else { return false }
        var (node, last) = (index, size - 1)
        var hash = leaf
        for sibling in path {
            guard last > 0 else { return false }
            if node & 1 == 1 || node == last {
                hash = .node(sibling, hash)
                if node & 1 == 0 {
                    while node & 1 == 0, node != 0 {
                        node >>= 1
                        last >>= 1
                    }
                }
            } else {
                hash = .node(hash, sibling)
            }
            node >>= 1
            last >>= 1
        }
        return last == 0 && hash == root
    }

    /// RFC 9162 §2.1.4.2.
    package static func isConsistent(
        _ earlier: LogHash, size earlierSize: Int, with later: LogHash, size laterSize: Int, path: [LogHash]
    ) -> Bool {
        guard earlierSize >= 0, earlierSize <= laterSize else { return false }
        if earlierSize == laterSize { return path.isEmpty && earlier == later }
        if earlierSize == 0 { return path.isEmpty && earlier == .empty }
        var hashes = path[...]
        if earlierSize & (earlierSize - 1) == 0 { hashes.insert(earlier, at: hashes.startIndex) }
        guard let first = hashes.popFirst() else { return false }
        var (node, last) = (earlierSize - 1, laterSize - 1)
        while node & 1 == 1 {
            node >>= 1
            last >>= 1
        }
        var (left, right) = (first, first)
        for sibling in hashes {
            guard last > 0 else { return false }
            if node & 1 == 1 || node == last {
                left = .node(sibling, left)
                right = .node(sibling, right)
                if node & 1 == 0 {
                    while node & 1 == 0, node != 0 {
                        node >>= 1
                        last >>= 1
                    }
                }
            } else {
                right = .node(right, sibling)
            }
            node >>= 1
            last >>= 1
        }
        return last == 0 && left == earlier && right == later
    }
}
