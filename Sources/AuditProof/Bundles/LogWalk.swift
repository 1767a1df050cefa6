import Encoding

/// The first place at which a log is not what it says of itself.
package struct Divergence: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Kind: String, Sendable, CaseIterable {
        /// A line that belongs to no bundle, or in another place.
        case malformed
        /// A number is missing, repeated or out of turn.
        case order
        /// An event is not the one that was sealed.
        case change
        /// The hash chain does not lead from the row before to this one.
        case chain
        /// A signed checkpoint states another root than the leaves give: the log was rewritten, or forked.
        case root
        /// A checkpoint is not signed by a known key, or belongs to another log.
        case signature
        /// A checkpoint does not follow the one before it.
        case succession
        /// Leaves that a checkpoint vouches for are gone.
        case truncation
        /// Leaves after the last checkpoint, or no checkpoint at all: nobody vouches for them.
        case unsigned
        /// An event is neither sealed nor waiting to be sealed, or its row is gone and no sealed event says that it was
        /// archived.
        case missing
    }

    package let kind: Kind
    package let sequence: Int?
    package let expected: String
    package let found: String

    package init(_ kind: Kind, at sequence: Int?, expected: String, found: String) {
        self.kind = kind
        self.sequence = sequence
        self.expected = expected
        self.found = found
    }

    package var description: String {
        let place = sequence.map { " at seq \($0)" } ?? ""
        return "\(kind.rawValue)\(place): expected \(expected), found \(found)"
    }
}

/// Walks a log from a known place on and holds it against its own statements; the same walk for a database and a file.
package struct LogWalk: Sendable {
    package private(set) var range: CompactRange
    package private(set) var rowHash: String
    package private(set) var lastCheckpoint: SignedCheckpoint?
    /// Leaves whose event was there to be compared.
    package private(set) var comparedRows = 0
    package private(set) var checkpoints = 0
    /// Events below this number may be gone: a sealed event says that they were archived.
    package private(set) var archivedThrough = 0

    private let keys: CheckpointKeySet
    private let logID: String
    private let startsAtZero: Bool

    package init(
        logID: String, keys: CheckpointKeySet, from range: CompactRange = CompactRange(),
        rowHash: String = AuditChain.start, after checkpoint: SignedCheckpoint? = nil
    ) {
        self.logID = logID
        self.keys = keys
        self.range = range
        self.rowHash = rowHash
        lastCheckpoint = checkpoint
        startsAtZero = range.count == 0
    }

    /// The number that the next leaf has.
    package var nextSequence: Int { range.count }

    /// The next leaf; `text` is `nil` when the event is not there to be compared.
    package mutating func leaf(
        _ sequence: Int, text: String?, leafHash: LogHash, rowHash: LogHash
    ) throws(Divergence) {
        guard sequence == nextSequence else {
            throw Divergence(.order, at: sequence, expected: "seq \(nextSequence)", found: "seq \(sequence)")
        }
        if let text {
            let hash = LogHash.leaf(Array(text.utf8))
            guard hash == leafHash else {
                throw Divergence(.change, at: sequence, expected: "leaf hash \(leafHash)", found: "\(hash)")
            }
            guard let members = (try? JSONValue(parsing: Array(text.utf8)))?.objectValue else {
                throw Divergence(.malformed, at: sequence, expected: "a JSON object", found: "other text")
            }
            let chained = AuditChain.hash(after: self.rowHash, members)
            guard chained == rowHash else {
                throw Divergence(.chain, at: sequence, expected: "row hash \(rowHash)", found: "\(chained)")
            }
            comparedRows += 1
            if members["action"]?.stringValue == AuditLeaf.archivedAction,
                let end = members["details"]?["end_seq"]?.integerValue
            {
                archivedThrough = max(archivedThrough, Int(clamping: end))
            }
        }
        range.append(leafHash)
        self.rowHash = rowHash.hex
    }

    /// A checkpoint whose leaves have all been walked.
    package mutating func checkpoint(_ signed: SignedCheckpoint) throws(Divergence) {
        let stated = signed.checkpoint
        guard stated.logID == logID, signed.isSigned(by: keys) else {
            throw Divergence(
                .signature, at: stated.treeSize, expected: "a signature of log \(logID)",
                found: "key \(signed.keyID), log \(stated.logID)")
        }
        if let last = lastCheckpoint {
            guard stated.previous == last.digest, stated.treeSize >= last.checkpoint.treeSize,
                stated.timestamp >= last.checkpoint.timestamp
            else {
                throw Divergence(
                    .succession, at: stated.treeSize, expected: "a successor of checkpoint \(last.digest)",
                    found: "one of \(stated.previous?.hex ?? "nothing")")
            }
        } else if startsAtZero, stated.previous != nil {
            throw Divergence(
                .succession, at: stated.treeSize, expected: "the first checkpoint",
                found: "a successor of \(stated.previous?.hex ?? "")")
        }
        guard stated.treeSize == range.count else {
            throw Divergence(
                .truncation, at: range.count, expected: "\(stated.treeSize) leaves", found: "\(range.count)")
        }
        guard stated.rootHash == range.root else {
            throw Divergence(
                .root, at: stated.treeSize, expected: "root \(stated.rootHash)", found: "\(range.root)")
        }
        lastCheckpoint = signed
        checkpoints += 1
    }

    /// That an older statement, kept elsewhere, is one of this log; `root` is the root at its size.
    package func anchor(_ signed: SignedCheckpoint, rootAtItsSize root: LogHash?) throws(Divergence) {
        let stated = signed.checkpoint
        guard stated.logID == logID, signed.isSigned(by: keys) else {
            throw Divergence(
                .signature, at: stated.treeSize, expected: "a signature of log \(logID)", found: "key \(signed.keyID)")
        }
        guard let root else {
            throw Divergence(
                .truncation, at: range.count, expected: "at least \(stated.treeSize) leaves, as signed before",
                found: "\(range.count)")
        }
        guard root == stated.rootHash else {
            throw Divergence(.root, at: stated.treeSize, expected: "root \(stated.rootHash)", found: "\(root)")
        }
    }
}
