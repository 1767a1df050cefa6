import AuditProof
import Encoding
import Testing

@Suite("RFC 9162 §2.1: Merkle trees, inclusion and consistency")
struct MerkleTests {
    /// Leaves and roots of the reference implementation of Certificate Transparency.
    static let inputs = [
        "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f",
    ]
    static let roots = [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ]

    @Test("the roots of the reference implementation")
    func referenceRoots() throws {
        var range = CompactRange()
        #expect(range.root.hex == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
        for (input, root) in zip(Self.inputs, Self.roots) {
            range.append(.leaf(try #require(Hex.decode(input))))
            #expect(range.root.hex == root)
        }
    }

    /// A log of leaves in memory with its stored subtrees.
    static func tree(_ size: Int) -> (tree: MerkleTree, leaves: [LogHash]) {
        let leaves = (0..<size).map { LogHash.leaf(Array("leaf \($0)".utf8)) }
        let tree = MerkleTree(size: size) { level, from, count in
            (from..<from + count).map { position in
                var range = CompactRange()
                let width = 1 << (MerkleTree.stride * level)
                for leaf in leaves[position * width..<(position + 1) * width] { range.append(leaf) }
                return range.root
            }
        }
        return (tree, leaves)
    }

    @Test("every leaf of every small tree is included, and in no other place", arguments: [1, 2, 3, 5, 8, 13, 21])
    func inclusion(size: Int) throws {
        let (tree, leaves) = Self.tree(size)
        let root = try tree.root()
        for (index, leaf) in leaves.enumerated() {
            let path = try tree.inclusionPath(of: index)
            #expect(MerkleProof.isIncluded(leaf, at: index, in: root, size: size, path: path))
            for other in leaves.indices where other != index {
                #expect(!MerkleProof.isIncluded(leaf, at: other, in: root, size: size, path: path))
            }
            #expect(!MerkleProof.isIncluded(leaf, at: index, in: root, size: size, path: path + [leaf]))
            if !path.isEmpty {
                #expect(!MerkleProof.isIncluded(leaf, at: index, in: root, size: size, path: path.dropLast()))
            }
        }
        #expect(!MerkleProof.isIncluded(leaves[0], at: size, in: root, size: size, path: []))
        #expect(throws: MerkleTreeError.self) { try tree.inclusionPath(of: size) }
    }

    @Test("every earlier tree is a beginning of every later one, and of no other root")
    func consistency() throws {
        for later in 1...20 {
            let (tree, _) = Self.tree(later)
            let root = try tree.root()
            for earlier in 1...later {
                let before = try Self.tree(earlier).tree.root()
                let path = try tree.consistencyPath(from: earlier)
                #expect(MerkleProof.isConsistent(before, size: earlier, with: root, size: later, path: path))
                let forged = LogHash(of: [1])
                #expect(!MerkleProof.isConsistent(forged, size: earlier, with: root, size: later, path: path))
                #expect(!MerkleProof.isConsistent(before, size: earlier, with: forged, size: later, path: path))
            }
            #expect(throws: MerkleTreeError.self) { try tree.consistencyPath(from: later + 1) }
        }
    }

    @Test("stored subtrees give the same proofs as the leaves", arguments: [255, 256, 257, 700])
    func storedSubtrees(size: Int) throws {
        let (tree, leaves) = Self.tree(size)
        var range = CompactRange()
        for leaf in leaves { range.append(leaf) }
        let root = try tree.root()
        #expect(root == range.root)
        for index in stride(from: 0, to: size, by: 97) {
            let path = try tree.inclusionPath(of: index)
            #expect(MerkleProof.isIncluded(leaves[index], at: index, in: root, size: size, path: path))
        }
        for earlier in stride(from: 1, to: size, by: 101) {
            let before = try tree.frontier(earlier)
            let path = try tree.consistencyPath(from: earlier)
            #expect(MerkleProof.isConsistent(before.root, size: earlier, with: root, size: size, path: path))
            #expect(CompactRange(size: earlier, hashes: before.hashes) == before)
            #expect(CompactRange(size: earlier, hashes: before.hashes + [root]) == nil)
        }
    }

    @Test("a tree with lost hashes makes no proof")
    func lostHashes() {
        let tree = MerkleTree(size: 300) { _, _, _ in [] }
        #expect(throws: MerkleTreeError.missing(level: 1, from: 0)) { try tree.root() }
    }
}
