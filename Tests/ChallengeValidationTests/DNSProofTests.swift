import Domain
import Testing

@testable import ChallengeValidation

@Suite("draft-ietf-acme-dns-account-label, draft-ietf-acme-dns-persist: what records have to say")
struct DNSProofTests {
    private static let account = "https://ca.example/acme/account/1"

    @Test("the label of an account is that of the draft's example")
    func label() {
        #expect(
            DNS01.label(of: "https://example.com/acme/acct/ExampleAccount") == "_ujmmovf2vn55tgye._acme-challenge")
        #expect(DNS01.label(of: Self.account) != DNS01.label(of: Self.account + "0"))
    }

    @Test("a persistent record names CA and account, and may say more")
    func records() throws {
        let plain = try #require(PersistentRecord("CA.example; accounturi=\(Self.account)"))
        #expect(plain.issuer == "ca.example" && plain.accountURI == Self.account)
        #expect(!plain.allowsWildcard && plain.until == nil)
        let full = try #require(
            PersistentRecord(" ca.example ;accounturi = \(Self.account);policy=Wildcard ; persistUntil=1767225600;"))
        #expect(full.allowsWildcard && full.until == Timestamp(secondsSinceEpoch: 1_767_225_600))
        let later = try #require(PersistentRecord("ca.example; accounturi=\(Self.account); policy=other; new-thing=1"))
        #expect(!later.allowsWildcard)
    }

    @Test(
        "anything else means nothing",
        arguments: [
            "", ";", "ca.example", "ca.example;", "; accounturi=x", "ca.example; accounturi=", "ca.example; accounturi",
            "ca.example; accounturi=a; accounturi=b", "ca.example; accounturi=a; ACCOUNTURI=a",
            "ca.example;; accounturi=a", "ca.example; accounturi=a b", "ca.example; accounturi=a; =x",
            "ca.example; accounturi=a; pol_icy=wildcard", "ca.example; accounturi=a; persistUntil=soon",
            "ca.example; accounturi=a; persistUntil=-1", "ca.example; accounturi=a; persistUntil=",
            "ca.example; accounturi=a; persistUntil=1e9", "ca.example; accounturi=a; policy=wildcard; policy=wildcard",
            "*.example; accounturi=a", "not a name; accounturi=a", "ca.example; accounturi=\u{e9}",
        ])
    func malformed(text: String) { #expect(PersistentRecord(text) == nil) }
}
