import Domain
import Testing

@Suite("Security §10.1: secrets in memory")
struct SecretTests {
    private static let marker = "marker-4711-of-a-secret"

    @Test("T39: no rendering shows the value: description, debugging, reflection, dump, and inside other types")
    func renderings() {
        struct Holder { var secret: Secret, list: [Secret], map: [String: Secret], maybe: Secret? }
        let secret = Secret(Self.marker)
        let holder = Holder(secret: secret, list: [secret], map: ["k": secret], maybe: secret)
        var dumped = ""
        dump(holder, to: &dumped)
        dump(secret, to: &dumped)
        let mirrored = Mirror(reflecting: secret).children.map { "\($0)" }.joined()
        for text in [
            "\(secret)", String(reflecting: secret), "\(holder)", String(reflecting: holder), dumped, mirrored,
        ] {
            #expect(!text.contains("marker"), "\(text)")
        }
        #expect("\(secret)" == "***")
    }

    @Test("what a closure is given is the value, as often as it is asked for")
    func access() {
        let secret = Secret(Self.marker)
        let kept = secret.withBytes { $0 }
        #expect(kept == Array(Self.marker.utf8), "what was kept is not erased")
        #expect(secret.withText { $0 } == Self.marker)
        #expect(secret.withBytes { outer in secret.withBytes { $0 == outer } })
        #expect(secret.count == Self.marker.utf8.count && !secret.isEmpty && Secret("").isEmpty)
    }

    @Test("erasing overwrites in place")
    func erasure() {
        var octets = Array(Self.marker.utf8)
        let before = octets.withUnsafeBytes { $0.baseAddress }
        Erasure.erase(&octets)
        #expect(octets.allSatisfy { $0 == 0 } && octets.count == Self.marker.utf8.count)
        #expect(octets.withUnsafeBytes { $0.baseAddress } == before)
        var none: [UInt8] = []
        Erasure.erase(&none)
    }

    @Test(
        "comparison looks at every octet",
        arguments: [("", "", true), ("a", "a", true), ("a", "b", false), ("a", "aa", false), ("ab", "aB", false)])
    func comparison(left: String, right: String, isEqual: Bool) {
        #expect(Secret(left).matches(Secret(right)) == isEqual)
    }
}
