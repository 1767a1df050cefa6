import Domain
import Testing

@testable import Settings

@Suite("security §2.2: the keys that the environment declares")
struct DeclaredKeyListTests {
    static let one = "one-key-of-at-least-thirty-two-characters"
    static let two = "two-key-of-at-least-thirty-two-characters"
    static let hash = String(repeating: "0123456789abcdef", count: 4)

    static func named(_ text: String) -> (keys: [DeclaredKey], fault: String?) {
        var list = DeclaredKeyList()
        list.addNamed(text)
        return (list.keys, list.fault)
    }

    @Test("names, roles, hashes and rotations")
    func forms() throws {
        let (keys, fault) = Self.named(
            " alice:\(Self.one):admin , Bob_2:sha256-\(Self.hash),alice:\(Self.two):admin, carol:\(Self.hash):r-operator,\n"
        )
        #expect(fault == nil)
        #expect(keys.map(\.name) == ["alice", "Bob_2", "carol"])
        #expect(keys.map(\.roleID) == ["r-admin", "r-viewer", "r-operator"])
        #expect(keys.map(\.values.count) == [2, 1, 1])
        guard case .sha256(let digest) = keys[1].values[0] else {
            Issue.record("the hash was taken for a key")
            return
        }
        #expect(digest == Self.hash)
    }

    @Test(
        "what is wrong is named without the key",
        arguments: [
            "alice", "alice:\(one):admin:x", ":\(one)", "-a:\(one)", "a.b:\(one)", "a b:\(one)", "alice:short",
            "alice:\(String(repeating: "a", count: 40))", "alice:change-me-\(one)", "alice:sha256-abc",
            "alice:sha256-\(hash.uppercased())", "alice:\(one),alice:\(one)", "alice:\(one),bob:\(one)",
            "alice:\(one):admin,alice:\(two)", "alice:\(one),alice:\(two),alice:\(one)x", "alice:\(one):r admin",
        ]
    )
    func faults(text: String) {
        let fault = Self.named(text).fault
        #expect(fault != nil)
        #expect(fault?.contains(Self.one) != true && fault?.contains("short") != true)
    }

    @Test("keys without names are numbered readers")
    func legacy() {
        var list = DeclaredKeyList()
        list.addLegacy("\(Self.one), \(Self.two)")
        #expect(list.fault == nil)
        #expect(list.keys.map(\.name) == ["legacy-key-0", "legacy-key-1"])
        #expect(list.keys.allSatisfy { $0.roleID == "r-viewer" })
        list.addLegacy("short")
        #expect(list.fault?.contains("legacy-key-0") == true)
    }
}
