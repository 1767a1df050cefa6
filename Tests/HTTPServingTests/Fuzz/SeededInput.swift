/// Input from a seed (SplitMix64): the case name repeats it.
struct SeededInput {
    private var state: UInt64

    init(_ seed: UInt64) { state = seed &* 0x2545_F491_4F6C_DD1D &+ 1 }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }
    mutating func pick<Element>(_ elements: [Element]) -> Element { elements[below(elements.count)] }

    /// `text` with a few octets taken away, changed or added.
    mutating func damaged(_ text: String, with alphabet: [String], most: Int = 4) -> String {
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
}
