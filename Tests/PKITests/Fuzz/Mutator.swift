import TestSupport

/// Makes hostile encodings out of real ones: half of the time blindly, half of the time with lengths that stay right,
/// so that the mutation gets past the structure check and into the decoders.
struct Mutator {
    private var generator: SeededGenerator

    init(seed: UInt64) { generator = SeededGenerator(seed: seed) }

    mutating func mutate(_ octets: [UInt8], donors: [[UInt8]]) -> [UInt8] {
        var result = octets
        for _ in 0...Int.random(in: 0...2, using: &generator) {
            result = Bool.random(using: &generator) ? blind(result) : structural(result, donors: donors)
        }
        return result
    }

    private mutating func blind(_ octets: [UInt8]) -> [UInt8] {
        var result = octets
        guard !result.isEmpty else { return [UInt8.random(in: 0...255, using: &generator)] }
        let index = Int.random(in: result.indices, using: &generator)
        switch Int.random(in: 0..<6, using: &generator) {
        case 0: result[index] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
        case 1:
            result[index] =
                [0x00, 0x7F, 0x80, 0x81, 0x84, 0xFF, 0x30, 0x31, 0xA0].randomElement(using: &generator) ?? 0
        case 2: result.insert(UInt8.random(in: 0...255, using: &generator), at: index)
        case 3: result.remove(at: index)
        case 4: result = Array(result[..<index])
        default: result.append(contentsOf: result[index...].prefix(64))
        }
        return result
    }

    /// Changes one element somewhere in the tree and repairs every length around it.
    private mutating func structural(_ octets: [UInt8], donors: [[UInt8]]) -> [UInt8] {
        guard let tree = Tree(octets[...], depth: 0) else { return blind(octets) }
        var target = Int.random(in: 0..<tree.count, using: &generator)
        let donor = donors.randomElement(using: &generator).flatMap { Tree($0[...], depth: 0) } ?? tree
        return change(tree, &target, donor: donor).flatMap(\.encoded)
    }

    private mutating func change(_ tree: Tree, _ target: inout Int, donor: Tree) -> [Tree] {
        if target == 0 {
            target = -1
            return replacement(of: tree, donor: donor)
        }
        target -= 1
        guard !tree.children.isEmpty, target >= 0 else { return [tree] }
        var copy = tree
        copy.children = []
        for child in tree.children {
            copy.children += target >= 0 ? change(child, &target, donor: donor) : [child]
        }
        return [copy]
    }

    private mutating func replacement(of tree: Tree, donor: Tree) -> [Tree] {
        var copy = tree
        switch Int.random(in: 0..<8, using: &generator) {
        case 0: return []
        case 1: return [tree, tree]
        case 2: copy.tag = UInt8.random(in: 1...254, using: &generator)
        case 3:
            copy.children.shuffle(using: &generator)
            copy.content = Array(copy.content.reversed())
        case 4:
            copy.children = []
            copy.content = (0..<Int.random(in: 0...40, using: &generator)).map { _ in
                UInt8.random(in: 0...255, using: &generator)
            }
        case 5: return [donor.node(Int.random(in: 0..<donor.count, using: &generator)) ?? donor]
        case 6:
            for _ in 0..<Int.random(in: 1...40, using: &generator) { copy = Tree(tag: 0x30, children: [copy]) }
        default:
            if !copy.content.isEmpty {
                let index = Int.random(in: copy.content.indices, using: &generator)
                copy.content[index] = UInt8.random(in: 0...255, using: &generator)
            } else {
                copy.children += copy.children.prefix(1000)
            }
        }
        return [copy]
    }
}

/// A lenient tree of elements; looks into OCTET STRINGs and BIT STRINGs that hold elements.
private struct Tree {
    var tag: UInt8
    var content: [UInt8] = []
    var children: [Tree] = []
    /// Octets before the children that belong to no element: the unused-bit count of a BIT STRING.
    var prefix: [UInt8] = []

    init(tag: UInt8, children: [Tree]) {
        self.tag = tag
        self.children = children
    }

    init?(_ octets: ArraySlice<UInt8>, depth: Int) {
        guard let (tree, end) = Self.read(octets, depth: depth), end == octets.endIndex else { return nil }
        self = tree
    }

    private static func read(_ octets: ArraySlice<UInt8>, depth: Int) -> (Tree, Int)? {
        guard depth < 60, octets.count >= 2 else { return nil }
        let tag = octets[octets.startIndex]
        var index = octets.startIndex + 1
        var length = Int(octets[index])
        index += 1
        if length >= 0x80 {
            let count = length - 0x80
            guard (1...3).contains(count), octets.endIndex - index >= count else { return nil }
            length = octets[index..<index + count].reduce(0) { $0 << 8 | Int($1) }
            index += count
        }
        guard length <= octets.endIndex - index else { return nil }
        let content = octets[index..<index + length]
        var tree = Tree(tag: tag, children: [])
        tree.prefix = tag == 0x03 && content.first == 0 ? [0] : []
        if tag & 0x20 != 0 || tag == 0x04 || tag == 0x03,
            let children = list(content.dropFirst(tree.prefix.count), depth: depth + 1)
        {
            tree.children = children
        } else {
            tree.prefix = []
            tree.content = Array(content)
        }
        return (tree, content.endIndex)
    }

    private static func list(_ octets: ArraySlice<UInt8>, depth: Int) -> [Tree]? {
        var trees: [Tree] = []
        var rest = octets
        while !rest.isEmpty {
            guard let (tree, end) = read(rest, depth: depth) else { return nil }
            trees.append(tree)
            rest = rest[end...]
        }
        return trees
    }

    var count: Int { children.reduce(1) { $0 + $1.count } }

    func node(_ index: Int) -> Tree? {
        if index == 0 { return self }
        var rest = index - 1
        for child in children {
            let count = child.count
            if rest < count { return child.node(rest) }
            rest -= count
        }
        return nil
    }

    var encoded: [UInt8] {
        let body = prefix + (children.isEmpty ? content : children.flatMap(\.encoded))
        var out = [tag]
        if body.count < 0x80 {
            out.append(UInt8(body.count))
        } else {
            let octets = (0..<8).map { UInt8(truncatingIfNeeded: body.count >> (56 - 8 * $0)) }.drop { $0 == 0 }
            out.append(0x80 | UInt8(octets.count))
            out += octets
        }
        return out + body
    }
}
