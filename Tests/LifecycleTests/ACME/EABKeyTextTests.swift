import Domain
import Encoding
import Testing

@testable import Lifecycle

@Suite("RFC 8555 §7.3.4: keys that operators hand to clients")
struct EABKeyTextTests {
    @Test("no key begins with a hyphen, which command lines take for an option; the others are as drawn")
    func text() {
        for first in UInt8.min...UInt8.max {
            let drawn = EABFlow.key(of: RandomSource { [first] + Array(repeating: 7, count: $0 - 1) })
            #expect(!Base64URL.encode(drawn).hasPrefix("-"))
            #expect(drawn.count == 32)
            #expect(drawn.dropFirst().allSatisfy { $0 == 7 })
            if first >> 2 != 62 { #expect(drawn[0] == first) }
        }
    }
}
