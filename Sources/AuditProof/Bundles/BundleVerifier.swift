import Encoding

/// What a bundle turned out to prove.
package struct BundleReport: Hashable, Sendable {
    package let logID: String
    package let firstSequence: Int
    package let treeSize: Int
    package let rootHash: LogHash
    /// Events that were compared with what was sealed.
    package let rows: Int
    /// Leaves whose events retention has removed, or that lie outside the exported period.
    package let hashesOnly: Int
    package let checkpoints: Int
    package let lastCheckpoint: SignedCheckpoint
}

/// Verifies a bundle line by line, with nothing but the public key.
package struct BundleVerifier {
    /// The longest line that is read: an event is far smaller.
    package static let lineLimit = 4 << 20

    private let keys: CheckpointKeySet
    /// Checkpoints that were kept elsewhere, by size.
    private let anchors: [SignedCheckpoint]
    private var walk: LogWalk?
    private var header: (logID: String, firstSequence: Int, until: String?)?
    /// The last number without an event, and the last of those that have an event behind them.
    private var lastGap: Int?
    private var lastInnerGap: Int?
    private var rootsAtAnchors: [Int: LogHash] = [:]
    private var hashesOnly = 0
    private var statedEnd: Int?

    package init(keys: CheckpointKeySet, anchors: [SignedCheckpoint] = []) {
        self.keys = keys
        self.anchors = anchors
    }

    /// Takes the next line, without its line feed.
    package mutating func take(_ octets: [UInt8]) throws(Divergence) {
        guard octets.count <= Self.lineLimit, let line = BundleLine(parsing: octets) else {
            throw Divergence(
                .malformed, at: walk?.nextSequence, expected: "a line of \(BundleLine.format)",
                found: "\(octets.count) other octets")
        }
        guard statedEnd == nil else {
            throw Divergence(.malformed, at: walk?.nextSequence, expected: "nothing after the end", found: "a line")
        }
        switch line {
        case .header(let logID, let first, let frontier, let previous, let until):
            guard walk == nil, let range = CompactRange(size: first, hashes: frontier) else {
                throw Divergence(.malformed, at: nil, expected: "one header", found: "another")
            }
            header = (logID, first, until)
            walk = LogWalk(logID: logID, keys: keys, from: range, rowHash: previous)
        case .leaf(let sequence, let text, let leafHash, let rowHash):
            try leaf(sequence, text, leafHash, rowHash)
            lastInnerGap = lastGap
        case .hashes(let sequence, let leafHash, let rowHash):
            try leaf(sequence, nil, leafHash, rowHash)
            hashesOnly += 1
            lastGap = sequence
        case .checkpoint(let signed):
            var walk = try started()
            try walk.checkpoint(signed)
            self.walk = walk
        case .end(let size): statedEnd = size
        }
    }

    private mutating func leaf(
        _ sequence: Int, _ text: String?, _ leafHash: LogHash, _ rowHash: LogHash
    ) throws(Divergence) {
        var walk = try started()
        self.walk = nil
        try walk.leaf(sequence, text: text, leafHash: leafHash, rowHash: rowHash)
        let size = walk.range.count
        if anchors.contains(where: { $0.checkpoint.treeSize == size }) { rootsAtAnchors[size] = walk.range.root }
        self.walk = walk
    }

    private func started() throws(Divergence) -> LogWalk {
        guard let walk else { throw Divergence(.malformed, at: nil, expected: "a header first", found: "none") }
        return walk
    }

    /// Judges the whole, after the last line.
    package func finish() throws(Divergence) -> BundleReport {
        let walk = try started()
        guard let header, let end = statedEnd, end == walk.range.count else {
            throw Divergence(
                .truncation, at: walk.range.count, expected: statedEnd.map { "\($0) leaves" } ?? "a line end",
                found: "\(walk.range.count) leaves and nothing more")
        }
        if let gap = header.until == nil ? lastGap : lastInnerGap, gap >= walk.archivedThrough {
            throw Divergence(
                .missing, at: gap, expected: "the event, or a sealed event that says it was archived", found: "neither")
        }
        for anchor in anchors {
            let size = anchor.checkpoint.treeSize
            // A bundle that begins later says nothing of an older checkpoint but through its frontier.
            if size < header.firstSequence { continue }
            let root = size == 0 ? LogHash.empty : rootsAtAnchors[size] ?? (size == end ? walk.range.root : nil)
            try walk.anchor(anchor, rootAtItsSize: root)
        }
        guard let last = walk.lastCheckpoint, last.checkpoint.treeSize == walk.range.count else {
            throw Divergence(
                .unsigned, at: walk.lastCheckpoint?.checkpoint.treeSize ?? 0,
                expected: "a checkpoint over \(walk.range.count) leaves", found: "none")
        }
        return BundleReport(
            logID: header.logID, firstSequence: header.firstSequence, treeSize: walk.range.count,
            rootHash: walk.range.root, rows: walk.comparedRows, hashesOnly: hashesOnly,
            checkpoints: walk.checkpoints, lastCheckpoint: last
        )
    }
}
