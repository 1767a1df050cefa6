import Domain
import Testing

@Suite("The permission catalogue (security §3.2)")
struct PermissionTests {
    @Test("holds the 82 names of the earlier program and the new ones, each once")
    func catalogue() {
        #expect(Permission.allCases.count == 98)
        #expect(Set(Permission.allCases.map(\.rawValue)).count == 98)
    }

    @Test("names are dotted lower-case words", arguments: Permission.allCases)
    func form(permission: Permission) {
        let octets = permission.rawValue.utf8
        #expect(octets.contains(0x2E))
        #expect(octets.allSatisfy { (0x61...0x7A).contains($0) || $0 == 0x2E || $0 == 0x5F })
    }
}
