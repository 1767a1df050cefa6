/// Input from a seed: the case name repeats it.
package struct SeededInput {
    private var generator: SeededGenerator

    package init(_ seed: UInt64) { generator = SeededGenerator(seed: seed &* 0x2545_F491_4F6C_DD1D &+ 1) }

    package mutating func next() -> UInt64 { generator.next() }
    package mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }
    package mutating func pick<Element>(_ elements: [Element]) -> Element { elements[below(elements.count)] }

    /// `text` with a few characters taken away, changed or added.
    package mutating func damaged(_ text: String, with alphabet: [String], most: Int = 4) -> String {
        var characters = Array(text)
        for _ in 0...below(most) {
            let place = below(characters.count + 1)
            switch below(3) {
            case 0 where place < characters.count: characters.remove(at: place)
            case 1 where place < characters.count: characters.replaceSubrange(place...place, with: pick(alphabet))
            default: characters.insert(contentsOf: pick(alphabet), at: place)
            }
        }
        return String(characters)
    }

    /// `octets` with a few bits turned, octets taken away or added, or cut off.
    package mutating func damaged(_ octets: [UInt8], most: Int = 4) -> [UInt8] {
        var result = octets
        for _ in 0...below(most) {
            let place = below(result.count + 1)
            switch below(4) {
            case 0 where place < result.count: result[place] ^= 1 << UInt8(below(8))
            case 1 where place < result.count: result.remove(at: place)
            case 2: result = Array(result[..<place])
            default: result.insert(UInt8(below(256)), at: place)
            }
        }
        return result
    }
}
